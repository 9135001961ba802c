//! The one way to write: run, emit, commit; run again when PostgreSQL asks
//! for it.

use std::time::Duration;

use sayso_access::Ctx;
use sayso_kernel::{Fault, mutants};
use sayso_telemetry::trace::Span;

use crate::tx::{Again, Trace};
use crate::{Db, DbError, Tx};

/// How often a transaction is run again after a deadlock or a serialization
/// failure.
const RETRIES_MAX: u32 = 5;
/// How often it is run again after its connection was lost before COMMIT was
/// sent.
const RETRIES_LOST_MAX: u32 = 1;
/// How many connections are tried when they turn out to be dead at BEGIN:
/// a server that was restarted leaves a pool full of them.
const BEGINS_MAX: u32 = 4;
/// How long a COMMIT whose answer was lost is asked after.
const OUTCOME_WITHIN: Duration = Duration::from_secs(2);
/// The same for a COMMIT that was not answered in time: its caller has waited
/// already.
const OUTCOME_WITHIN_SILENCE: Duration = Duration::from_millis(250);

impl Db {
    /// Runs `work` in a transaction: `Ok` commits, `Err` rolls back. The facts
    /// it emits commit with it.
    ///
    /// `work` owns what it uses (`async move`): the compiler cannot yet see
    /// that a future is `Send` when such a closure borrows. It is handed `ctx`
    /// back for that reason. It may be run several times; it must have no effect but through the
    /// transaction, and ids that must stay the same are minted outside. A
    /// refusal that has to leave a trace returns `Ok` with the refusal inside.
    ///
    /// # Errors
    /// The fault of `work`; 503 when the database is away, or when the answer
    /// to COMMIT was lost and the outcome cannot be learnt.
    pub async fn transaction<T, F>(&self, ctx: &Ctx, work: F) -> Result<T, Fault>
    where
        F: AsyncFnMut(&mut Tx, &Ctx) -> Result<T, Fault>,
    {
        let span = Span::child("transaction");
        let outcome = span.scope(self.attempts(ctx, work)).await;
        span.outcome(&outcome);
        outcome
    }

    async fn attempts<T, F>(&self, ctx: &Ctx, mut work: F) -> Result<T, Fault>
    where
        F: AsyncFnMut(&mut Tx, &Ctx) -> Result<T, Fault>,
    {
        let (mut attempt, mut lost) = (0, 0);
        loop {
            let (fault, why) = match self.attempt(ctx, &mut work).await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(fault)) => return Err(fault),
                Err(Failure::Again(fault, why)) => (fault, why),
            };
            attempt += 1;
            lost += u32::from(why == Again::Lost);
            if attempt > RETRIES_MAX || lost > RETRIES_LOST_MAX {
                return Err(fault);
            }
            metrics::counter!("sayso_db_transaction_retries_total").increment(1);
            // Spread: two writers that met once should not meet again.
            let jitter = ctx.random.below(10 << attempt);
            tokio::time::sleep(Duration::from_millis(u64::from(jitter))).await;
        }
    }

    /// An open transaction, on a connection that lives.
    async fn begin(&self) -> Result<Tx, DbError> {
        let mut tries = 1;
        loop {
            let lease = self.lane().lease().await?;
            match Tx::begin(lease, self.watch()).await {
                Err(DbError::Disconnected(_)) if tries < BEGINS_MAX => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn attempt<T, F>(&self, ctx: &Ctx, work: &mut F) -> Result<T, Failure>
    where
        F: AsyncFnMut(&mut Tx, &Ctx) -> Result<T, Fault>,
    {
        let mut tx = self.begin().await.map_err(|error| Failure::Final(error.into()))?;
        let outcome = work(&mut tx, ctx).await;
        match outcome {
            Ok(value) => {
                self.finish(ctx, tx).await?;
                Ok(value)
            }
            Err(fault) => Err(given_up(tx, fault).await),
        }
    }

    /// Writes the facts and commits; learns the outcome when COMMIT's answer
    /// is lost.
    async fn finish(&self, ctx: &Ctx, mut tx: Tx) -> Result<(), Failure> {
        if tx.is_spoiled() {
            let fault = Fault::internal("work went on after one of its statements had failed");
            tx.roll_back().await;
            return Err(Failure::Final(fault));
        }
        let wake = tx.has_facts();
        let told = if self.shared.telling.is_wanted() { tx.told() } else { Vec::new() };
        let trace = match tx.write_facts(ctx).await {
            Ok(trace) => trace,
            Err(fault) => return Err(given_up(tx, fault).await),
        };
        if mutants::is("ack-before-commit") {
            commit_later(tx, self.wake().clone());
            return Ok(());
        }
        if wake {
            mutants::fail_point("before-commit");
        }
        let committed = match tx.commit().await {
            Ok(()) => Ok(()),
            Err(error) => self.learn_outcome(error, trace).await,
        };
        self.shared.telling.tell(&told);
        committed?;
        self.shared.telling.tell_committed(&told);
        if wake {
            mutants::fail_point("after-commit");
            self.wake().notify();
        }
        Ok(())
    }

    /// COMMIT was sent and not answered: what became of it is asked on another
    /// connection.
    async fn learn_outcome(&self, error: DbError, trace: Option<Trace>) -> Result<(), Failure> {
        let within = match error {
            DbError::Disconnected(_) => OUTCOME_WITHIN,
            DbError::Silent => OUTCOME_WITHIN_SILENCE,
            // PostgreSQL refused the COMMIT itself (a deferred constraint):
            // nothing happened.
            _ => return Err(Failure::of(error)),
        };
        // Without facts it cannot be recognised. It may have written all the
        // same, so it is not run again.
        let Some(trace) = trace else { return Err(Failure::Final(error.into())) };
        match tokio::time::timeout(within, self.outcome(&trace)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Again(Fault::unavailable(error), Again::Lost)),
            Err(_) => Err(Failure::Final(Fault::unavailable(error))),
        }
    }
}

/// Rolls back, and says whether running again may help.
async fn given_up(tx: Tx, fault: Fault) -> Failure {
    let again = tx.again;
    tx.roll_back().await;
    match again {
        Some(why) => Failure::Again(fault, why),
        None => Failure::Final(fault),
    }
}

/// Breaks law 11 on purpose: the caller is answered, the commit comes later.
fn commit_later(tx: Tx, wake: crate::Wake) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        if tx.commit().await.is_ok() {
            wake.notify();
        }
    });
}

/// Why an attempt did not commit.
enum Failure {
    /// Nothing happened, and running it again may help.
    Again(Fault, Again),
    /// This is the answer.
    Final(Fault),
}

impl Failure {
    fn of(error: DbError) -> Self {
        match Again::after(&error) {
            Some(why) => Self::Again(error.into(), why),
            None => Self::Final(error.into()),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sql;
    use crate::sql::Queries;

    const ANY: Sql = Sql::new("test.any", "SELECT $1");

    /// Handlers are spawned on threads: the future of a transaction must be
    /// `Send` whatever its closure borrows. This compiles or it does not.
    #[expect(dead_code, reason = "it is compiled, not called")]
    fn a_transaction_can_be_sent_to_another_thread(db: Db, ctx: Ctx, name: String) {
        fn sendable(_: impl Future + Send) {}
        sendable(async move {
            db.transaction(&ctx, async move |tx, ctx| {
                tx.row(&ANY, &[&name]).await?;
                tx.row(&ANY, &[&ctx.correlation_id]).await?;
                Ok(name.clone())
            })
            .await
        });
    }
}
