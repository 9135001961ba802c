//! The cache: what was read is kept, as long as it is true, so that a hot
//! request asks the database nothing.
//!
//! Three levels. **L1** is this process: bounded by bytes, asked first. **L2**
//! is Redis, where there is one: what one node has read, others need not.
//! **L3** is a table of PostgreSQL that no crash keeps: results of searches,
//! which cost many statements. What is kept of which entity, where, for how
//! long and what drops it stands in one table, [`TABLE`].
//!
//! What is kept is true, not merely young:
//!
//! - every fact of the log drops what it is about, on every node ([`Drops`]);
//!   this node's own writes drop it before their caller is answered;
//! - what was being read meanwhile answers its request and is not kept;
//! - nothing is served from here unless the node's view of the log is fresh
//!   ([`Hub::is_fresh`](sayso_events::Hub::is_fresh)) and the request does not
//!   ask for more than the node knows ([`bypassed`]);
//! - from L2 and L3 only what was read at a position of the log after which
//!   this node has heard of nothing that would have dropped it.
//!
//! So rights are never served stale: an entry that was made for one reader
//! ([`Owner::Reader`]) goes with every fact that may change what that reader
//! sees. A fact that nobody has put into the table drops everything.
//!
//! ```ignore
//! let key = Key::of(Entity::Task, id).read_by(reader);
//! let found = cache.get_or_load(key, async || {
//!     let Some(task) = repo::lookup(db, id).await? else { return Ok(Loaded::nothing()) };
//!     Ok(Loaded::of(task, bytes))
//! });
//! ```

mod flight;
mod follow;
mod l2;
mod l3;
mod loaded;
mod others;
mod serve;
mod shelf;
mod stamps;
mod stats;
mod table;
mod worker;

pub use follow::CLEARED;
pub use l2::Codec;
pub use loaded::{Found, Loaded, required, seen};
pub use serve::{Cache, CacheParts, bypassed};
pub use shelf::{Key, Value};
pub use stats::{EntityStats, StatsView};
pub use table::{
    Drops, EVERYTHING, Entity, Level, Owner, Rule, SILENT, TABLE, Tier, Watch, is_known,
};

/// The facts that the cache itself leaves: heard by every node, by no client.
pub const FACTS: &[&sayso_db::FactKind] = &[&CLEARED];

/// All statements of this crate, for the test that prepares each of them
/// against the real schema.
#[must_use]
pub fn statements() -> Vec<&'static sayso_db::Sql> {
    l3::ALL.to_vec()
}
