//! Where people came in from, as `sessions` has it, and until when.

use sayso_access::{Origin, SessionId};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use crate::devices::Arrival;

/// Ids tell when sessions began: a range of the primary key. Whoever was erased
/// has no e-mail any more.
const ARRIVALS: Sql = Sql::new(
    "sessions.arrivals",
    "SELECT s.id, u.email, s.address, s.agent, s.created_at
     FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE s.id >= $1 AND s.id < $2 AND u.email IS NOT NULL
     ORDER BY s.id DESC
     LIMIT $3",
);

/// No older session is forgotten that may still be used: one that was idle for
/// too long has expired as well, and is forgotten when its end has come.
const FORGET: Sql = Sql::new(
    "sessions.forget",
    "WITH gone AS (
         SELECT id FROM sessions
         WHERE id < $1 AND (ended_at <= $2 OR expires_at <= $2)
         ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
     )
     DELETE FROM sessions USING gone WHERE sessions.id = gone.id RETURNING sessions.id",
);

pub(super) const ALL: &[&Sql] = &[&ARRIVALS, &FORGET];

/// The sessions with ids from `since` to before `until`, the newest first.
pub async fn arrivals(
    db: &mut impl Queries,
    (since, until): (SessionId, SessionId),
    limit: i64,
) -> Result<Vec<Arrival>, DbError> {
    let rows = db.rows(&ARRIVALS, &[&since, &until, &limit]).await?;
    let arrival = |row: &Row| Arrival {
        session: row.get(0),
        email: row.get(1),
        origin: Origin { address: row.get(2), agent: row.get(3) },
        at: row.get(4),
    };
    Ok(rows.iter().map(arrival).collect())
}

/// Forgets sessions with ids before `before` that were over by then, with their
/// tokens; how many they were. Those that somebody has in hand are left.
pub async fn forget(
    tx: &mut Tx,
    before: SessionId,
    over_since: Timestamp,
    limit: i64,
) -> Result<u64, DbError> {
    let rows = tx.rows(&FORGET, &[&before, &over_since, &limit]).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}
