//! The name of this history.
//!
//! A database that was restored or promoted may have lost the last positions
//! that clients have seen, and would number other events with them. PostgreSQL
//! tells: its system identifier is that of one cluster, its timeline rises
//! with each recovery. When either differs from what stands beside the head,
//! the history gets a new name, and cursors of the old one are refused.

use std::sync::Arc;

use sayso_db::DbError;
use sayso_db::tokio_postgres::Client;
use sayso_kernel::{Random, hex};

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

/// Makes the head if there is none, gives the history a new name if the
/// database is not the one it was; answers the name, and where the log ends.
pub(super) async fn settle(client: &Client, random: &Random) -> Result<(Arc<str>, i64), DbError> {
    let fresh = hex::encode(&random.bytes::<8>());
    if client.execute(SETTLE, &[&fresh]).await? > 0 {
        tracing::info!(epoch = fresh, "the log has a new history");
    }
    let row = client.query_one("SELECT epoch, position FROM log_head", &[]).await?;
    Ok((row.get::<_, String>(0).into(), row.get(1)))
}
