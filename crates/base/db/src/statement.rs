//! A write of one statement, with the same promises as a transaction.
//!
//! For hot writes whose event and audit are made from parameters and from the
//! changed row's RETURNING alone. The statement names the change `change`; the
//! outbox row is inserted `SELECT … FROM change`, so it exists exactly when
//! the change does, and its id is drawn after the change has its locks.

use sayso_access::Ctx;
use sayso_kernel::Fault;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::outbox::Rows;
use crate::{Db, DbError, Fact, Sql, Told};

/// Completes a statement for [`Db::write_statement`]: `$1` to `$13` are the
/// fact's, the change's own parameters begin at `$14`. The change is a list of
/// common table expressions of which the last one is called `change`.
#[macro_export]
macro_rules! change_with_fact {
    ($change:literal, $answer:literal) => {
        concat!(
            $change,
            ", fact AS (
                INSERT INTO outbox (fact_id, type, version, at, actor_id, via, correlation_id,
                                    streams, data, change, effects, audit, trace)
                SELECT $1::uuid, $2::text, $3::int, $4::timestamptz, $5::uuid, $6::text, $7::uuid,
                       string_to_array($8::text, ','), $9::text::json, $10::text::json,
                       $11::text::json, $12::text::json, $13::text
                FROM change
            ) SELECT ",
            $answer,
            " FROM change"
        )
    };
}

/// How often a deadlock or a serialization failure is answered by running the
/// statement again.
const RETRIES_MAX: u32 = 5;

impl Db {
    /// Runs a statement made with [`change_with_fact!`]: one flush to the
    /// database for change, event and audit. `None` means that nothing was
    /// changed, and so no fact was left.
    ///
    /// # Errors
    /// [`DbError::Constraint`] as the statement meets it; 503 when the
    /// connection is lost under it, since its outcome is then unknown.
    pub async fn write_statement(
        &self,
        ctx: &Ctx,
        sql: &'static Sql,
        fact: Fact,
        own: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Option<Row>, DbError>, Fault> {
        let rows = Rows::of(ctx, std::slice::from_ref(&fact))?;
        let via = ctx.via.as_str();
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![
            &rows.ids[0],
            &rows.types[0],
            &rows.versions[0],
            &rows.times[0],
            &rows.actors[0],
            &via,
            &ctx.correlation_id,
            &rows.streams[0],
            &rows.data[0],
            &rows.changes[0],
            &rows.effects[0],
            &rows.audits[0],
            &rows.traces[0],
        ];
        params.extend_from_slice(own);
        let mut attempt = 0;
        loop {
            let lease = self.lane().lease().await?;
            let started = std::time::Instant::now();
            let answer = async {
                let statement = lease.client().prepare_cached(sql.text).await?;
                lease.client().query(&statement, &params).await
            };
            let outcome = lease.bounded(answer).await;
            self.watch().record(sql, started, &outcome);
            // One that was lost under the statement ends here.
            if !outcome.as_ref().is_err_and(DbError::is_of_the_connection) {
                lease.give_back();
            }
            match outcome {
                Ok(rows) => {
                    if !rows.is_empty() {
                        self.tell_of(&fact, true);
                        self.wake().notify();
                    }
                    return Ok(Ok(rows.into_iter().next()));
                }
                Err(DbError::Conflict(_)) if attempt < RETRIES_MAX => attempt += 1,
                Err(error) => {
                    if error.is_of_the_connection() {
                        self.tell_of(&fact, false);
                    }
                    return Ok(Err(error));
                }
            }
        }
    }

    /// Tells who listens on this node what was, or may have been, written.
    fn tell_of(&self, fact: &Fact, is_certain: bool) {
        if self.shared.telling.is_wanted() {
            let told = [Told::of(fact)];
            self.shared.telling.tell(&told);
            if is_certain {
                self.shared.telling.tell_committed(&told);
            }
        }
    }
}
