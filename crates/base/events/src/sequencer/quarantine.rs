//! A fact that can never be stored must not stop all others behind it.

use sayso_db::{DbError, Sql};
use sayso_kernel::Timestamp;

use super::batch::Waiting;
use super::leader::Leader;

/// Takes a position for the hole that would otherwise be left.
pub(super) const NUMBER: Sql = Sql::new(
    "sequencer.quarantine_number",
    "WITH head AS (
         UPDATE log_head SET position = position + 1 RETURNING position
     )
     INSERT INTO event_log (position, fact_id, type, version, at, via, correlation_id,
                            streams, seqs, data, depth)
     SELECT position, $1, 'log.quarantined', 0, $2, 'system', $1, '{}', '{}', 'null', 0
     FROM head
     RETURNING position",
);

/// Moves the row to where a person can look at it.
pub(super) const BURY: Sql = Sql::new(
    "sequencer.quarantine_bury",
    "WITH gone AS (DELETE FROM outbox WHERE id = $1 RETURNING *)
     INSERT INTO outbox_dead (id, position, quarantined_at, reason, fact)
     SELECT id, $2, $3, $4, row_to_json(gone)::text FROM gone",
);

/// Buries one row: it takes its position as `log.quarantined`, and an alarm is
/// raised. Answers the position.
pub(super) async fn bury(
    leader: &Leader,
    row: Waiting,
    error: &DbError,
    now: Timestamp,
) -> Result<i64, DbError> {
    let client = &leader.client;
    client.batch_execute("BEGIN").await?;
    let numbered = client.query_one(NUMBER.text, &[&row.fact_id, &now]).await?;
    let position: i64 = numbered.get(0);
    let reason = reason(error);
    client.execute(BURY.text, &[&row.id, &position, &now, &reason]).await?;
    client.batch_execute("COMMIT").await?;
    metrics::counter!("sayso_sequencer_quarantined_total").increment(1);
    tracing::error!(
        outbox_id = row.id,
        fact = row.kind,
        position,
        reason,
        "a fact could not be sequenced and was put aside in outbox_dead"
    );
    Ok(position)
}

/// The error with what is behind it: PostgreSQL's own words come last.
fn reason(error: &DbError) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    reason
}
