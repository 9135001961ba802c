//! What can go wrong with notifications: nothing that is theirs alone.

use sayso_kernel::Code;

/// The codes declared here.
pub const CODES: &[&Code] = &[];
