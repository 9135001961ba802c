//! What stands in the audit, and which of it is asked for.

use jiff::Timestamp;
use sayso_access::{SessionId, UserId};
use uuid::Uuid;

/// Which entries. Everything that is set must hold; of several values of one
/// field any may.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of any of these people.
    pub actors: Option<Vec<UserId>>,
    /// Of any of these kinds.
    pub actions: Option<Vec<String>>,
    /// About this kind of thing.
    pub subject_type: Option<String>,
    /// About this very thing.
    pub subject_id: Option<Uuid>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// Caused by this request.
    pub correlation_id: Option<Uuid>,
    /// Done in this session, or with it.
    pub session: Option<SessionId>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the chain; the first is 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What, as the golden list of facts has it.
    pub action: String,
    /// Who.
    pub actor_id: Option<UserId>,
    /// About which kind of thing.
    pub subject_type: Option<String>,
    /// About which thing.
    pub subject_id: Option<Uuid>,
    /// Everything that was written down, as it was hashed.
    pub recorded: String,
    /// What chains it to the entry before, in hexadecimal.
    pub hash: String,
}
