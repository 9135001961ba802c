//! L3: results that cost many statements, in a table that no crash keeps.
//!
//! A result belongs to one reader and rests on the position of the log at which
//! it was found; whoever asks names the least position that is good enough, so
//! nothing has to be deleted when something changes.

use std::time::Duration;

use sayso_access::{Ctx, Via};
use sayso_db::{Db, DbError, Queries, Sql, Tx};
use sayso_kernel::{Clock, Fault, Random};
use uuid::Uuid;

use crate::shelf::Key;

/// Results that are removed at once.
const SWEPT_AT_ONCE: i64 = 1_000;

const LOOKUP: Sql = Sql::new(
    "cache_results.lookup",
    "SELECT position, value FROM cache_results
     WHERE entity = $1 AND reader_id = $2 AND question_id = $3
       AND epoch = $4 AND position >= $5 AND expires_at > $6",
);

/// Something newer stays.
const UPSERT: Sql = Sql::new(
    "cache_results.upsert",
    "INSERT INTO cache_results AS kept
         (entity, reader_id, question_id, epoch, position, value, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (entity, reader_id, question_id) DO UPDATE
     SET epoch = excluded.epoch, position = excluded.position, value = excluded.value,
         expires_at = excluded.expires_at
     WHERE kept.epoch <> excluded.epoch OR kept.position <= excluded.position",
);

/// What is too old, and of the rest what is more than `$2`, the oldest first.
const SWEEP: Sql = Sql::new(
    "cache_results.sweep",
    "DELETE FROM cache_results WHERE (entity, reader_id, question_id) IN (
         SELECT entity, reader_id, question_id FROM cache_results
         WHERE expires_at <= $1 OR expires_at < (
             SELECT expires_at FROM cache_results ORDER BY expires_at DESC OFFSET $2 LIMIT 1)
         ORDER BY expires_at LIMIT $3)",
);

const CLEAR: Sql = Sql::new("cache_results.clear", "DELETE FROM cache_results");

pub(crate) const ALL: &[&Sql] = &[&LOOKUP, &UPSERT, &SWEEP, &CLEAR];

/// The way to L3.
#[derive(Clone, Debug)]
pub(crate) struct L3 {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// Results that are kept at the most.
    pub(crate) results_max: i64,
}

impl L3 {
    fn ctx(&self) -> Ctx {
        Ctx::anonymous(Via::System, self.clock.clone(), self.random.clone())
    }

    /// A result that was found at `position` of this history or later.
    pub(crate) async fn get(
        &self,
        key: &Key,
        epoch: &str,
        position: i64,
    ) -> Result<Option<(i64, Vec<u8>)>, DbError> {
        let (entity, now) = (key.entity.name(), self.clock.now());
        let row = self
            .db
            .read()
            .row(&LOOKUP, &[&entity, &key.reader, &key.id, &epoch, &position, &now])
            .await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    /// Keeps a result.
    pub(crate) async fn put(
        &self,
        key: Key,
        (epoch, position): (String, i64),
        kept_for: Duration,
        value: Vec<u8>,
    ) -> Result<(), Fault> {
        let work = async move |tx: &mut Tx, ctx: &Ctx| {
            let until = ctx.now().checked_add(kept_for).unwrap_or(ctx.now());
            let (entity, reader, id): (_, Uuid, Uuid) = (key.entity.name(), key.reader, key.id);
            tx.rows(&UPSERT, &[&entity, &reader, &id, &epoch, &position, &value, &until]).await?;
            Ok(())
        };
        self.db.background().transaction(&self.ctx(), work).await
    }

    /// Removes what is too old, and what is too much.
    pub(crate) async fn sweep(&self) -> Result<(), Fault> {
        let results_max = self.results_max;
        let work = async move |tx: &mut Tx, ctx: &Ctx| {
            tx.rows(&SWEEP, &[&ctx.now(), &results_max, &SWEPT_AT_ONCE]).await?;
            Ok(())
        };
        self.db.background().transaction(&self.ctx(), work).await
    }
}

/// Removes all results.
pub(crate) async fn clear(tx: &mut Tx) -> Result<(), DbError> {
    tx.rows(&CLEAR, &[]).await?;
    Ok(())
}
