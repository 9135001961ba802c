//! The answer of a policy.

use sayso_kernel::Fault;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};

/// What a policy says about one action on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// The caller knows of it, but may not: 403.
    Deny,
    /// The caller may not even know of it: 404, as if it did not exist.
    Hide,
}

impl Decision {
    /// Allows when `allowed`, else denies openly.
    pub const fn allow_or_deny(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Deny }
    }

    /// Turns a refusal into the fault the caller sees.
    pub fn require(self) -> Result<(), Fault> {
        match self {
            Self::Allow => Ok(()),
            Self::Deny => Err(Fault::new(&FORBIDDEN)),
            Self::Hide => Err(Fault::new(&NOT_FOUND)),
        }
    }
}
