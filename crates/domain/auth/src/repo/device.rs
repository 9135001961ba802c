//! Where people came in from, as `sessions` has it.

use sayso_access::{Origin, SessionId};
use sayso_db::{DbError, Queries, Row, Sql};

use crate::devices::Arrival;

/// Ids tell when sessions began: a range of the primary key.
const ARRIVALS: Sql = Sql::new(
    "sessions.arrivals",
    "SELECT s.id, u.email, s.address, s.agent, s.created_at
     FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE s.id >= $1 AND s.id < $2
     ORDER BY s.id DESC
     LIMIT $3",
);

pub(super) const ALL: &[&Sql] = &[&ARRIVALS];

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
