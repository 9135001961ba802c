//! PostgreSQL: pools, the write path, the outbox, idempotency, migrations and
//! the managed instance.
//!
//! A write runs inside [`Db::transaction`] (or [`Db::write_once`] when its
//! caller may repeat it under a key): the closure changes rows and *emits*
//! [`Fact`]s; the facts become outbox rows by the transaction's last
//! statement, and only then it commits. There is no other way to leave a fact
//! behind, and no way to commit by hand.
//!
//! ```ignore
//! let task = db
//!     .transaction(ctx, async move |tx, ctx| {
//!         let task = repo::insert(tx, &draft).await?;
//!         tx.emit(events::created(&task));
//!         Ok(task)
//!     })
//!     .await?;
//! ```
//!
//! Connections come in lanes, so that nobody starves: [`Db`] is for requests,
//! [`Db::background`] for work that nobody waits for, and [`is_up`] has a line
//! of its own. Each has its limits: how many may wait and for how long, and how
//! long an answer is waited for. Past them it is 503, never a queue.

pub mod backup;
mod checks;
mod connect;
mod cost;
mod crowd;
mod error;
mod fact;
mod lane;
pub mod managed;
pub mod migrate;
mod once;
mod outbox;
mod outcome;
mod reader;
mod spans;
mod sql;
mod statement;
mod told;
mod transaction;
mod tx;

pub use checks::{check_durability, is_up};
pub use connect::{Db, DbLimits, Wake};
pub use cost::{Cost, counted, uncounted};
pub use error::{DbError, OnConstraint};
pub use fact::{Came, Effect, Fact, FactKind, Stream, Subject};
pub use once::{CODES, IdempotencyKey, StoredReply, Written};
pub use outbox::TOO_MUCH;
pub use reader::Reader;
pub use sql::{Queries, Sql};
pub use tokio_postgres::{self, Row};
pub use told::Told;
pub use tx::Tx;

/// Constant statements of this crate, for the test that prepares each of them
/// against the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = once::ALL.to_vec();
    all.extend(outcome::ALL);
    all.push(&outbox::INSERT);
    all
}
