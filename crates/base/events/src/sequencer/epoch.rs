//! The name of this history.
//!
//! A database that was restored or promoted may have lost the last positions
//! that clients have seen, and would number other events with them. PostgreSQL
//! tells: its system identifier is that of one cluster, its timeline rises
//! with each recovery. When either differs from what stands beside the head,
//! the history gets a new name, and cursors of the old one are refused.
//!
//! PostgreSQL cannot tell of an older copy of its own data folder, from a
//! snapshot of the volume or of the machine: neither changes. There Redis is the
//! witness (`bus/witness.rs`): where it remembers an event that the log does not
//! hold, the history gets a new name as well. Without Redis nobody knows, and
//! cursors are refused only while they lie beyond the end.

use std::sync::Arc;

use sayso_db::DbError;
use sayso_db::tokio_postgres::Client;
use sayso_kernel::{Random, hex};

use crate::bus::Memory;

const SETTLE: &str = "
    INSERT INTO log_head AS h
        (position, epoch, system_identifier, timeline, audit_seq, audit_hash)
    SELECT 0, $1, s.system_identifier::text, c.timeline_id, 0, ''
    FROM pg_control_system() s, pg_control_checkpoint() c
    ON CONFLICT (id) DO UPDATE
    SET epoch = excluded.epoch, system_identifier = excluded.system_identifier,
        timeline = excluded.timeline
    WHERE (h.system_identifier, h.timeline)
        IS DISTINCT FROM (excluded.system_identifier, excluded.timeline)";

/// Where the log ends, and which event it has at a position.
const HELD: &str = "
    SELECT h.position, (SELECT e.fact_id FROM event_log e WHERE e.position = $1) FROM log_head h";

const RENAME: &str = "UPDATE log_head SET epoch = $1";

/// Makes the head if there is none, gives the history a new name if the
/// database is not the one it was; answers the name, and where the log ends.
pub(super) async fn settle(client: &Client, random: &Random) -> Result<(Arc<str>, i64), DbError> {
    let fresh = name(random);
    if client.execute(SETTLE, &[&fresh]).await? > 0 {
        tracing::info!(epoch = fresh, "the log has a new history");
    }
    let row = client.query_one("SELECT epoch, position FROM log_head", &[]).await?;
    Ok((row.get::<_, String>(0).into(), row.get(1)))
}

/// Whether this log holds what Redis remembers of it.
pub(super) async fn holds(client: &Client, memory: Memory) -> Result<bool, DbError> {
    let row = client.query_one(HELD, &[&memory.place()]).await?;
    Ok(memory.is_of(row.get(0), row.get(1)))
}

/// Gives the history a new name, which is answered.
pub(super) async fn begin_anew(client: &Client, random: &Random) -> Result<Arc<str>, DbError> {
    let fresh = name(random);
    client.execute(RENAME, &[&fresh]).await?;
    tracing::warn!(
        epoch = fresh,
        "Redis has seen more of the log than there is: the database is an older copy, and the log \
         has a new history"
    );
    Ok(fresh.into())
}

fn name(random: &Random) -> String {
    hex::encode(&random.bytes::<8>())
}
