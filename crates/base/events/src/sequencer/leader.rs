//! The connection that holds the lock, and the loop of whoever has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_db::DbError;
use sayso_db::tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_util::sync::CancellationToken;

use super::batch::{self, Outcome};
use super::floor::Floor;
use super::{Sequencer, audit, epoch, quarantine};

/// The lock that makes a leader.
const LOCK: &str = "SELECT pg_try_advisory_lock(7240115313)";
/// The scan of the outbox stays an index scan, however empty the table was when
/// its plan was made.
const PINNED_PLANS: &str = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan";
/// A leader that has not been heard for this long is ended by PostgreSQL.
const IDLE_TIMEOUT_MS: u32 = 1500;
/// No statement of the sequencer takes this long unless something hangs.
const STATEMENT_TIMEOUT_MS: u32 = 1000;
/// The bound on one step as seen from here, for a server that hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a candidate's connection is kept between two tries; below the idle
/// timeout.
const TRY_PAUSE: Duration = Duration::from_millis(500);
/// A snapshot older than this is worth an alarm.
const OLD_SNAPSHOT: Duration = Duration::from_secs(60);
/// How often the whole outbox is scanned, and the partitions are looked after.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(5);

/// Whoever holds the lock.
pub(super) struct Leader {
    pub(super) client: Client,
    pub(super) prepared: Prepared,
    pub(super) epoch: Arc<str>,
}

impl std::fmt::Debug for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leader({})", self.epoch)
    }
}

/// Up to where the audit was signed into the log, and when.
struct Sealed {
    at: Instant,
    seq: i64,
}

/// The statements of the loop, prepared once a leadership.
pub(super) struct Prepared {
    pub(super) scan: Statement,
    pub(super) number: Statement,
    pub(super) store: Statement,
    pub(super) audit: Statement,
    pub(super) follow: Statement,
}

impl Leader {
    /// Waits for the lock. `None` when told to stop.
    pub(super) async fn elect(
        sequencer: &Sequencer,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, DbError> {
        let client = connect(sequencer.db.config()).await?;
        loop {
            let row = bounded(client.query_one(LOCK, &[])).await?;
            if row.get(0) {
                break;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(TRY_PAUSE) => {}
            }
        }
        let epoch = bounded_db(epoch::settle(&client, &sequencer.random)).await?;
        let prepared = Prepared {
            scan: client.prepare(batch::SCAN.text).await?,
            number: client.prepare(batch::NUMBER.text).await?,
            store: client.prepare(batch::STORE.text).await?,
            audit: client.prepare(batch::AUDIT.text).await?,
            follow: client.prepare(batch::FOLLOW.text).await?,
        };
        Ok(Some(Self { client, prepared, epoch }))
    }

    /// Numbers what is committed until told to stop or the connection ends.
    pub(super) async fn lead(
        self,
        sequencer: &Sequencer,
        stop: &CancellationToken,
    ) -> Result<(), DbError> {
        let mut floor = Floor::default();
        let mut looked_after = None::<Instant>;
        let mut sealed = Sealed { at: Instant::now(), seq: 0 };
        loop {
            let due = looked_after.is_none_or(|at| at.elapsed() >= FULL_SCAN_EVERY);
            if due {
                floor.forget();
                self.look_after(sequencer, &mut sealed).await?;
                looked_after = Some(Instant::now());
            }
            let more = self.step(sequencer, &mut floor).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            if more {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sequencer.db.wake().notified() => {}
                () = tokio::time::sleep(sequencer.limits.poll) => {}
            }
        }
    }

    /// What is due every few seconds: room for the next positions, a seal over
    /// the audit, and a look at who keeps old rows alive.
    async fn look_after(&self, sequencer: &Sequencer, sealed: &mut Sealed) -> Result<(), DbError> {
        bounded(self.client.execute(batch::PARTITIONS, &[])).await?;
        if sealed.at.elapsed() >= sequencer.limits.seal_every {
            self.seal(sequencer, sealed).await?;
        }
        let oldest = bounded(self.client.query_one(batch::OLDEST_SNAPSHOT, &[])).await?;
        let oldest: f64 = oldest.get(0);
        metrics::gauge!("sayso_db_oldest_snapshot_seconds").set(oldest);
        if oldest > OLD_SNAPSHOT.as_secs_f64() {
            tracing::warn!(
                seconds = oldest,
                "an old transaction keeps dead rows alive: the log slows down until it ends"
            );
        }
        Ok(())
    }

    async fn seal(&self, sequencer: &Sequencer, sealed: &mut Sealed) -> Result<(), DbError> {
        let now = sequencer.clock.now();
        let id = sequencer.random.uuid(now);
        let row =
            bounded(self.client.query_opt(audit::SEAL.text, &[&id, &now, &sealed.seq])).await?;
        let seq = row.map_or(sealed.seq, |row| row.get(0));
        *sealed = Sealed { at: Instant::now(), seq };
        Ok(())
    }

    /// One batch. Answers whether more is likely to wait.
    async fn step(&self, sequencer: &Sequencer, floor: &mut Floor) -> Result<bool, DbError> {
        let started = Instant::now();
        let scanned = bounded_db(batch::scan(self, &sequencer.limits, floor.get())).await?;
        let more = scanned.is_full;
        floor.saw(&scanned.snapshot, scanned.last_id, more);
        if scanned.rows.is_empty() {
            return Ok(false);
        }
        let count = scanned.rows.len();
        let mut waiting = vec![scanned.rows];
        while let Some(rows) = waiting.pop() {
            match bounded_db(batch::sequence(self, &sequencer.audit_key, rows)).await? {
                Outcome::Done(batch) => {
                    // A follower that is behind reads the log instead.
                    let _ = sequencer.hints.try_send(batch);
                }
                Outcome::Failed { mut rows, error } if rows.len() > 1 => {
                    tracing::warn!(%error, rows = rows.len(), "a batch failed and is halved");
                    let second = rows.split_off(rows.len() / 2);
                    waiting.push(second);
                    waiting.push(rows);
                }
                Outcome::Failed { mut rows, error } => {
                    if let Some(row) = rows.pop() {
                        let now = sequencer.clock.now();
                        bounded_db(quarantine::bury(self, row, &error, now)).await?;
                    }
                }
            }
        }
        metrics::counter!("sayso_sequencer_facts_total")
            .increment(u64::try_from(count).unwrap_or(0));
        metrics::histogram!("sayso_sequencer_batch_seconds").record(started.elapsed());
        Ok(more)
    }
}

async fn connect(config: &Config) -> Result<Client, DbError> {
    let mut config = config.clone();
    let options = format!(
        "{} -c idle_session_timeout={IDLE_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS} \
         -c lock_timeout={STATEMENT_TIMEOUT_MS} \
         -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS} {PINNED_PLANS}",
        config.get_options().unwrap_or_default()
    );
    config.options(options);
    config.application_name("sayso sequencer");
    config.keepalives(true);
    config.keepalives_idle(Duration::from_secs(1));
    config.keepalives_interval(Duration::from_secs(1));
    config.keepalives_retries(2);
    let (client, connection) = bounded(config.connect(NoTls)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the sequencer's connection ended");
        }
    });
    Ok(client)
}

/// Bounds a wait for PostgreSQL, so that a hung server costs the lead.
async fn bounded<T>(
    work: impl Future<Output = Result<T, sayso_db::tokio_postgres::Error>>,
) -> Result<T, DbError> {
    bounded_db(async { work.await.map_err(DbError::from) }).await
}

async fn bounded_db<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    tokio::time::timeout(STEP_TIMEOUT, work)
        .await
        .map_err(|late| DbError::Unavailable(late.into()))?
}
