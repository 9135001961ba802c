//! The root secret of a deployment.

use sayso_kernel::secret::Secret;

use crate::section::section;

section! {
    /// The root secret of a deployment.
    Secrets in "secrets" {
        /// The key from which all other keys are derived; the same on every
        /// node. Without it one is made and kept in `secret.key` of the data
        /// folder. Whoever changes it ends all sessions.
        root_key: Option<Secret<String>> = None, "64 hexadecimal digits";
    }
}
