//! What became of a COMMIT whose answer was lost.
//!
//! PostgreSQL knows what became of a transaction by its number, but numbers
//! alone lie: a server that crashes before anything of a transaction has
//! reached the disk forgets that it gave the number out, and gives it to
//! another, which may commit. So the number only tells when the transaction is
//! over; whether it committed, its fact tells.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::tx::Trace;
use crate::{Db, DbError, Sql};

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Where in its life a transaction is, by its number.
const STATUS: Sql =
    Sql::new("db.transaction_status", "SELECT pg_xact_status($1::text::xid8) = 'in progress'");

/// Whether its fact is there: waiting, or among the events up to a place in the
/// log, the end if none is said. And the place before those.
const FACT: Sql = Sql::new(
    "db.transaction_fact",
    "SELECT EXISTS (SELECT FROM outbox WHERE fact_id = $1)
         OR EXISTS (SELECT FROM event_log
                    WHERE fact_id = $1
                      AND position <= coalesce($2, (SELECT position FROM log_head))
                      AND position > coalesce($2, (SELECT position FROM log_head)) - 5000),
            coalesce($2::bigint, (SELECT position FROM log_head)) - 5000",
);
/// Statements that look for it: among the newest 50,000 events. What is over, and
/// did not wait any more when the first was asked, had its place by then.
const STRIDES: usize = 10;

pub(crate) const ALL: &[&Sql] = &[&STATUS, &FACT];

impl Db {
    /// Whether a transaction committed; asks until that is decided.
    pub(crate) async fn outcome(&self, trace: &Trace) -> bool {
        loop {
            if let Ok(Some(has_committed)) = self.ask_outcome(trace).await {
                return has_committed;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// `None` while it is not over.
    async fn ask_outcome(&self, trace: &Trace) -> Result<Option<bool>, DbError> {
        let lease = self.lane().lease().await?;
        let client = lease.client();
        let status = lease.bounded(client.query_one(STATUS.text, &[&trace.xid])).await;
        let is_over = match status {
            Ok(row) => row.get::<_, Option<bool>>(0) != Some(true),
            // The number is yet to be given out: the server has forgotten.
            Err(DbError::Bug(error))
                if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) =>
            {
                true
            }
            Err(error) => return Err(error),
        };
        // Only now: what is over shows in every later statement.
        let outcome = if is_over {
            let (mut is_there, mut upto) = (false, None::<i64>);
            for _ in 0..STRIDES {
                let params: [&(dyn ToSql + Sync); 2] = [&trace.fact, &upto];
                let row = lease.bounded(client.query_one(FACT.text, &params)).await?;
                (is_there, upto) = (row.get(0), row.get(1));
                if is_there || upto.is_none_or(|upto| upto <= 0) {
                    break;
                }
            }
            Some(is_there)
        } else {
            None
        };
        lease.give_back();
        Ok(outcome)
    }
}
