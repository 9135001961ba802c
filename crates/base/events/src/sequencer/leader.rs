//! The connection that holds the lock, and the loop of whoever has it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_db::DbError;
use sayso_db::tokio_postgres::error::SqlState;
use sayso_db::tokio_postgres::{Client, Config, NoTls, Statement};
use sayso_kernel::Timestamp;
use tokio_util::sync::CancellationToken;

use super::batch::{self, Outcome};
use super::floor::Floor;
use super::{Sequencer, SequencerLimits, audit, epoch, quarantine};
use crate::hint::{Announced, Hint};

/// The lock that makes a leader, and since when the first fact waits for one.
const LOCK: &str = "
    SELECT pg_try_advisory_lock(7240115313), (SELECT o.at FROM outbox o ORDER BY o.id LIMIT 1)";
/// Keeps the partitions ahead of the head.
/// One transaction, in which a lock that is not there at once is not waited for.
const PARTITIONS: &str = "SET LOCAL lock_timeout = '100ms';
    SELECT log_ensure_partitions(position) FROM log_head";

/// How long the oldest snapshot has been held, in seconds, by whom the serving
/// role may see.
const OLDEST_SNAPSHOT: &str =
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
     FROM pg_stat_activity WHERE backend_xmin IS NOT NULL";
/// The scan of the outbox stays an index scan, however empty the table was when
/// its plan was made.
const PINNED_PLANS: &str = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan";
/// A leader that has not been heard for this long is ended by PostgreSQL.
const IDLE_TIMEOUT_MS: u32 = 1500;
/// No statement of the sequencer takes this long unless something hangs.
const STATEMENT_TIMEOUT_MS: u32 = 1000;
/// The bound on one step as seen from here, for a server that hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the connection is silent at the most: of a candidate between two
/// tries, of a leader with nothing to do between two looks, however seldom the
/// outbox is to be looked at. Well below the idle timeout.
const SILENT_MAX: Duration = Duration::from_millis(500);
/// A snapshot older than this is worth an alarm.
const OLD_SNAPSHOT: Duration = Duration::from_secs(60);
/// How often the whole outbox is scanned, and the partitions are looked after.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(5);

/// The least time between two announcements of where the log ends. With
/// nothing to do there is one at each look at the outbox.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(100);
/// Rows of a leader's first batch.
const FIRST_BATCH: i64 = 32;
/// A fact that waited this long for its position is worth an alarm.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// Whoever holds the lock.
pub(super) struct Leader {
    pub(super) client: Client,
    pub(super) prepared: Prepared,
    pub(super) epoch: Arc<str>,
    /// Where the log ended when the lead was taken.
    start: i64,
}

/// How far this leader has come.
struct Course {
    /// Where the log ends.
    position: i64,
    told_at: Option<Instant>,
    /// Rows of the next batch at the most. It begins small and doubles while
    /// batches succeed: where one takes longer than a leader may be silent
    /// (a slow disk, a busy machine), the next leader must not try the same
    /// again for ever.
    batch_max: i64,
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
            // Whoever leads tells it as well, unless nobody does.
            tell_lag(sequencer, row.get(1));
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(SILENT_MAX) => {}
            }
        }
        let (epoch, start) = bounded_db(epoch::settle(&client, &sequencer.random)).await?;
        let prepared = Prepared {
            scan: client.prepare(batch::SCAN.text).await?,
            number: client.prepare(batch::NUMBER.text).await?,
            store: client.prepare(batch::STORE.text).await?,
            audit: client.prepare(super::audit::AUDIT.text).await?,
            follow: client.prepare(batch::FOLLOW.text).await?,
        };
        Ok(Some(Self { client, prepared, epoch, start }))
    }

    /// Numbers what is committed until told to stop or the connection ends.
    pub(super) async fn lead(
        mut self,
        sequencer: &Sequencer,
        stop: &CancellationToken,
    ) -> Result<(), DbError> {
        if let Some(witness) = &sequencer.witness {
            // Since this node led last, the database may have been exchanged.
            witness.doubt();
        }
        let mut floor = Floor::default();
        let mut looked_after = None::<Instant>;
        let mut sealed = Sealed { at: Instant::now(), seq: 0 };
        let mut course = Course { position: self.start, told_at: None, batch_max: FIRST_BATCH };
        let pause = sequencer.limits.poll.min(SILENT_MAX);
        loop {
            self.heed_witness(sequencer).await?;
            let due = looked_after.is_none_or(|at| at.elapsed() >= FULL_SCAN_EVERY);
            if due {
                floor.forget();
                self.look_after(sequencer, &mut sealed).await?;
                looked_after = Some(Instant::now());
            }
            let looked_at = Instant::now();
            let more = self.step(sequencer, &mut floor, &mut course).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            if more {
                continue;
            }
            self.announce(sequencer, &mut course, looked_at);
            tokio::select! {
                () = stop.cancelled() => {}
                () = sequencer.db.wake().notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Compares what Redis remembers of the log with the log, unless that was
    /// done; where they disagree, what comes now is another history. While Redis
    /// is away the log goes on, and nothing is added to what stands there.
    async fn heed_witness(&mut self, sequencer: &Sequencer) -> Result<(), DbError> {
        let witness = sequencer.witness.as_ref().filter(|it| !it.is_trusted(&self.epoch));
        let Some(witness) = witness else { return Ok(()) };
        let Ok(memory) = witness.memory(&self.epoch).await else { return Ok(()) };
        if let Some(memory) = memory
            && !bounded_db(epoch::holds(&self.client, memory)).await?
        {
            let renamed = epoch::begin_anew(&self.client, &sequencer.random);
            self.epoch = bounded_db(renamed).await?;
        }
        witness.trust(&self.epoch);
        Ok(())
    }

    /// What is due every few seconds: room for the next positions, a seal over
    /// the audit, and a look at who keeps old rows alive.
    async fn look_after(&self, sequencer: &Sequencer, sealed: &mut Sealed) -> Result<(), DbError> {
        self.make_room().await?;
        if sealed.at.elapsed() >= sequencer.limits.seal_every {
            self.seal(sequencer, sealed).await?;
        }
        let oldest = bounded(self.client.query_one(OLDEST_SNAPSHOT, &[])).await?;
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

    /// Room for the next positions is made two ranges ahead, and needs the
    /// strongest lock for a moment. Whoever reads the whole log meanwhile (a
    /// backup) is in the way: then it is tried again later, and not waited for,
    /// since everybody else would queue up behind.
    async fn make_room(&self) -> Result<(), DbError> {
        bounded(async {
            match self.client.batch_execute(PARTITIONS).await {
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                    tracing::warn!("somebody reads the log and keeps it from making room ahead");
                    Ok(())
                }
                made => made,
            }
        })
        .await
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

    /// Says where the log ends: everything that was committed before `as_of`
    /// has its position.
    fn announce(&self, sequencer: &Sequencer, course: &mut Course, as_of: Instant) {
        if course.told_at.is_some_and(|at| at.elapsed() < ANNOUNCE_EVERY) {
            return;
        }
        course.told_at = Some(Instant::now());
        sequencer.tell(&Hint::Head(Announced {
            epoch: Arc::clone(&self.epoch),
            head: course.position,
            as_of: Some(as_of),
            is_to_be_read: false,
        }));
    }

    /// One batch. Answers whether more is likely to wait.
    async fn step(
        &self,
        sequencer: &Sequencer,
        floor: &mut Floor,
        course: &mut Course,
    ) -> Result<bool, DbError> {
        let started = Instant::now();
        let most = course.batch_max.min(sequencer.limits.batch_max);
        let limits = SequencerLimits { batch_max: most, ..sequencer.limits };
        let scanned = bounded_db(batch::scan(self, &limits, floor.get())).await?;
        let more = scanned.is_full;
        floor.saw(&scanned.snapshot, scanned.last_id, more);
        tell_lag(sequencer, scanned.rows.first().map(|row| row.at));
        if scanned.rows.is_empty() {
            return Ok(false);
        }
        let count = scanned.rows.len();
        let mut waiting = vec![scanned.rows];
        while let Some(rows) = waiting.pop() {
            match bounded_db(batch::sequence(self, &sequencer.audit_key, rows)).await? {
                Outcome::Done(batch) => {
                    let last = batch.events.last();
                    course.position = last.map_or(course.position, |it| it.position);
                    sequencer.tell(&Hint::Batch(batch));
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
                        let buried = quarantine::bury(self, row, &error, now);
                        course.position = bounded_db(buried).await?;
                    }
                }
            }
        }
        if more {
            course.batch_max = most * 2;
        }
        metrics::counter!("sayso_sequencer_facts_total")
            .increment(u64::try_from(count).unwrap_or(0));
        metrics::histogram!("sayso_sequencer_batch_seconds").record(started.elapsed());
        Ok(more)
    }
}

/// How long the first of those that wait has been waiting.
fn tell_lag(sequencer: &Sequencer, first: Option<Timestamp>) {
    let waited = first.map_or(Duration::ZERO, |at| {
        let since = sequencer.clock.now().duration_since(at);
        Duration::try_from(since).unwrap_or_default()
    });
    metrics::gauge!("sayso_sequencer_lag_seconds").set(waited.as_secs_f64());
    if waited >= LONG_WAIT {
        tracing::warn!(seconds = waited.as_secs_f64(), "facts wait long for their position");
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
