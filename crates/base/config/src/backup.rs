//! Backups.

use sayso_kernel::secret::Secret;

use crate::section::section;

section! {
    /// Backups.
    Backup in "backup" {
        /// What `sayso backup` encrypts with and `sayso restore` opens with.
        /// Keep it elsewhere than the backups: without it they are lost.
        passphrase: Option<Secret<String>> = None, "12 characters or more";
    }
}
