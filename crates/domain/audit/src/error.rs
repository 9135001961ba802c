//! What can go wrong with a question to the audit: nothing of its own. What
//! cannot be read of it is a plain 422 at its parameter.

use sayso_kernel::Code;

/// The codes declared here.
pub const CODES: &[&Code] = &[];
