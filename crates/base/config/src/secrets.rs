//! The root secret of a deployment.

use sayso_kernel::secret::Secret;

use crate::section::section;

section! {
    /// The root secret of a deployment.
    Secrets in "secrets" {
        /// The key from which all other keys are derived; the same on every
        /// node. Without it one is made for a database that never had one, and
        /// kept in `secret.key` of the data folder. Another one makes every
        /// access token invalid and, unless `previous_root_keys` has the one
        /// before, every password.
        root_key: Option<Secret<String>> = None, "64 hexadecimal digits";
        /// Keys that were `root_key` before: what was sealed or hashed under
        /// them is still read, also under those that a restore has put into
        /// `previous.keys` of the data folder. Each costs every login one hash
        /// more; after `sayso keys reencrypt` and the next login of everybody
        /// they can go.
        previous_root_keys: Secret<Vec<String>> = Secret::new(Vec::new()), "list of 64 hexadecimal digits";
    }
}
