//! The trash.

use crate::section::section;

section! {
    /// The trash.
    Trash in "trash" {
        /// How long deleted things can be restored; then they are removed for
        /// good. People never are.
        keep_days: u64 = 30, "days", in 1..=3_650;
        /// How often the trash is looked through for what has been there too
        /// long.
        purge_every_secs: u64 = 3_600, "seconds", in 10..=86_400;
    }
}
