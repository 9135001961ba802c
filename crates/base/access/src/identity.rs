//! The ids of people and sessions, and who is acting.

use sayso_kernel::{Timestamp, define_id};

use crate::{Givens, Grant, Permission, Role, Ruling};

define_id! {
    /// A person's id.
    UserId
}

define_id! {
    /// The id of a session: one login on one device, with all its refreshes.
    SessionId
}

/// The person on whose behalf something happens, as the session store knew
/// them when the request began (never as a token claims).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person.
    pub user_id: UserId,
    /// The session the request came with.
    pub session_id: SessionId,
    /// The person's role now.
    pub role: Role,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// What the person was granted or denied beside the role.
    pub givens: Givens,
}

impl Actor {
    /// Whether the person may, as far as that does not hang on the resource.
    #[must_use]
    pub fn granted(&self, permission: Permission, now: Timestamp) -> Grant {
        self.ruling(permission, now).grant
    }

    /// Whether the person may from now on what `other` may, who is the same
    /// person at another time.
    #[must_use]
    pub fn has_rights_of(&self, other: &Self, now: Timestamp) -> bool {
        self.role == other.role && self.givens.agrees_with(&other.givens, now)
    }

    /// The same, and why.
    #[must_use]
    pub fn ruling(&self, permission: Permission, now: Timestamp) -> Ruling {
        self.givens.ruling(self.role, permission, now)
    }
}
