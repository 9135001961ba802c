//! The log: how committed facts get their numbers, and how every node and
//! every client hears of them exactly once and in order.
//!
//! ```text
//! outbox ──► sequencer (one leader) ──► event_log, event_streams, audit_log
//!                    │ hint, also by bus           │ truth
//!                    └──────► follower (each node) ◄┘
//!                                │ in log order, no holes
//!                                └──► hub ──► sockets, caches, consumers
//! ```
//!
//! `position` is the place in the whole log and the cursor a client remembers;
//! `seq` is the place in one stream and shows a hole; `epoch` names this
//! history of the database, so that a cursor of another one is recognised.
//!
//! The hint may be lost at any time: a follower that misses a position reads
//! the log.

mod acked;
mod bus;
mod consumer;
mod event;
mod follower;
mod hint;
mod hub;
mod log;
mod presence;
mod retention;
mod sequencer;
mod volatile;

pub use acked::Acked;
pub use bus::{Bus, BusParts, Kept, Witness, that_end};
pub use consumer::{Batch, Consumer};
pub use event::{Event, EventSchema, Placed};
pub use follower::Follower;
pub use hint::{Announced, Hint};
pub use hub::{Applied, Hub, Message, Moment, Position};
pub use log::{Attachment, FollowedStream, Log, Past, Resume};
pub use presence::{News, Presence, Seen, Status};
pub use retention::Retention;
pub use sequencer::{
    AuditKey, Chain, Sequencer, SequencerLimits, fits_the_audit, verify_chain, verify_chain_of,
};
pub use volatile::{Lot, Volatile, Whisper};

/// A client cannot go on from where it says it stopped.
pub const RESYNC_REQUIRED: sayso_kernel::Code = sayso_kernel::Code::new(
    "events.resync_required",
    sayso_kernel::Kind::Gone,
    "What came after that place cannot be told any more: read afresh",
);

/// The codes declared here.
pub const CODES: &[&sayso_kernel::Code] = &[&RESYNC_REQUIRED];

/// Stands in the place of a fact that could not be stored: what that one would
/// have changed, nobody is told.
pub const QUARANTINED: &str = "log.quarantined";

/// The facts that the log itself leaves: written by the sequencer, heard by no
/// client.
pub const FACTS: &[&sayso_db::FactKind] = &[
    &sayso_db::FactKind {
        name: "audit.sealed",
        is_event: false,
        is_audited: false,
        stream: "",
        summary: "The end of the audit at this moment, signed into the log.",
    },
    &sayso_db::FactKind {
        name: QUARANTINED,
        is_event: false,
        is_audited: false,
        stream: "",
        summary: "Stands in the place of a fact that could not be stored.",
    },
];

/// All statements of this crate, for the test that prepares each of them
/// against the real schema.
#[must_use]
pub fn statements() -> Vec<&'static sayso_db::Sql> {
    let mut all = log::ALL.to_vec();
    all.extend_from_slice(acked::ALL);
    all.extend_from_slice(consumer::ALL);
    all.extend_from_slice(sequencer::ALL);
    all
}
