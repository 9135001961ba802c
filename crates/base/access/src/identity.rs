//! The ids of people and sessions, and who is acting.

use sayso_kernel::define_id;

use crate::Role;

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
}
