//! Shared connections for reads of one statement.
//!
//! Many requests put their statements on the same connection one behind the
//! other without waiting for each other's answers. Such a connection has no
//! session state and never sees a transaction. One on which an answer is long
//! in coming is avoided: when all are, reads take a connection of the pool
//! each, so that a slow statement holds up nobody but its own caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use tokio::sync::{Mutex, RwLock};
use tokio_postgres::{Config, NoTls, Row};

use crate::DbError;
use crate::crowd::Crowd;
use crate::lane::{Lane, within};
use crate::sql::{Params, Queries, Sql, Watch};

/// A line that has given no answer for this long is avoided.
const STUCK_AFTER: Duration = Duration::from_millis(50);
/// How many answers make the pace of a line.
const PACE_OF: u64 = 16;

/// Limits of shared connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderLimits {
    /// Connections.
    pub lines: usize,
    /// Statements that may be under way on each.
    pub in_flight_max: usize,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long an answer is waited for.
    pub answer: Duration,
    /// For how long a read may wait while the queue stands.
    pub crowded_wait: Duration,
}

/// The shared connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    limits: ReaderLimits,
    watch: Watch,
    lines: Vec<Line>,
    /// Where reads go when all lines are stuck.
    beside: Option<Lane>,
    next: AtomicUsize,
    born: Instant,
    is_closed: AtomicBool,
}

#[derive(Debug)]
struct Line {
    client: RwLock<Option<Arc<ClientWrapper>>>,
    connecting: Mutex<()>,
    in_flight: AtomicUsize,
    /// When it last gave an answer or began to be asked, in microseconds.
    moved: AtomicU64,
    /// How long an answer takes behind the one before it, in microseconds: of
    /// the last some.
    pace: AtomicU64,
    crowd: Crowd,
}

impl Reader {
    pub(crate) fn new(
        config: Config,
        limits: ReaderLimits,
        watch: Watch,
        beside: Option<Lane>,
    ) -> Self {
        Self(Arc::new(Shared {
            config,
            limits,
            watch,
            lines: (0..limits.lines.max(1)).map(|_| Line::new(limits.crowded_wait)).collect(),
            beside,
            next: AtomicUsize::new(0),
            born: Instant::now(),
            is_closed: AtomicBool::new(false),
        }))
    }

    pub(crate) fn close(&self) {
        self.0.is_closed.store(true, Ordering::SeqCst);
    }

    async fn run(&self, sql: &'static Sql, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        let shared = &*self.0;
        if shared.is_closed.load(Ordering::SeqCst) {
            return Err(DbError::unavailable("the server is shutting down"));
        }
        match (shared.line(), &shared.beside) {
            (Some(line), _) => line.run(shared, sql, params).await,
            (None, Some(lane)) => beside(lane, sql, params).await,
            (None, None) => shared.lines[0].run(shared, sql, params).await,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// On a connection of its own.
async fn beside(lane: &Lane, sql: &'static Sql, params: Params<'_>) -> Result<Vec<Row>, DbError> {
    metrics::counter!("sayso_db_reads_beside_total").increment(1);
    let lease = lane.lease().await?;
    let answer = async {
        let statement = lease.client().prepare_cached(sql.text).await?;
        lease.client().query(&statement, params).await
    };
    let outcome = lease.bounded(answer).await;
    if !outcome.as_ref().is_err_and(DbError::is_of_the_connection) {
        lease.give_back();
    }
    outcome
}

impl Shared {
    /// In microseconds since it was made.
    fn now(&self) -> u64 {
        micros(self.born.elapsed())
    }

    /// The least busy line that is not stuck, in turn among equals.
    fn line(&self) -> Option<&Line> {
        let (now, count) = (self.now(), self.lines.len());
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|offset| &self.lines[(turn + offset) % count])
            .filter(|line| !line.is_stuck(now))
            .min_by_key(|line| line.in_flight.load(Ordering::Relaxed))
    }
}

/// A statement under way on a line.
struct Flight<'a> {
    shared: &'a Shared,
    line: &'a Line,
}

impl<'a> Flight<'a> {
    fn begin(shared: &'a Shared, line: &'a Line) -> Result<Self, DbError> {
        let before = line.in_flight.fetch_add(1, Ordering::Relaxed);
        let flight = Self { shared, line };
        let pace = Duration::from_micros(line.pace.load(Ordering::Relaxed));
        let wait = pace.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX));
        if line.crowd.is_too_long(wait) || before >= shared.limits.in_flight_max {
            metrics::counter!("sayso_db_read_refusals_total").increment(1);
            return Err(DbError::unavailable("too many reads are under way"));
        }
        if before == 0 {
            flight.moved();
        }
        Ok(flight)
    }

    /// Notes how long the line took for the answer that has just come: since
    /// it was asked, or since the one before.
    fn answered(&self, asked: Instant) {
        let behind = self.shared.now().saturating_sub(self.line.moved.load(Ordering::Relaxed));
        let took = asked.elapsed().min(Duration::from_micros(behind));
        let (pace, took) = (self.line.pace.load(Ordering::Relaxed), micros(took));
        self.line.pace.store(pace - pace / PACE_OF + took / PACE_OF, Ordering::Relaxed);
        self.moved();
    }

    fn moved(&self) {
        self.line.moved.store(self.shared.now(), Ordering::Relaxed);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.line.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Line {
    /// One on which a read may wait for so long when the queue stands.
    fn new(wait: Duration) -> Self {
        Self {
            client: RwLock::default(),
            connecting: Mutex::default(),
            in_flight: AtomicUsize::default(),
            moved: AtomicU64::default(),
            pace: AtomicU64::default(),
            crowd: Crowd::new(wait),
        }
    }

    fn is_stuck(&self, now: u64) -> bool {
        let since = now.saturating_sub(self.moved.load(Ordering::Relaxed));
        self.in_flight.load(Ordering::Relaxed) > 0 && since > micros(STUCK_AFTER)
    }

    async fn run(
        &self,
        shared: &Shared,
        sql: &'static Sql,
        params: Params<'_>,
    ) -> Result<Vec<Row>, DbError> {
        let flight = Flight::begin(shared, self)?;
        let connected = tokio::time::timeout(shared.limits.connect, self.client(shared)).await;
        let client = connected.map_err(|_| DbError::Silent)??;
        let asked = Instant::now();
        let answer = async {
            let statement = client.prepare_cached(sql.text).await?;
            client.query(&statement, params).await
        };
        let outcome = within(shared.limits.answer, answer).await;
        if matches!(outcome, Err(DbError::Silent)) {
            self.give_up_on(&client).await;
        } else {
            flight.answered(asked);
        }
        outcome
    }

    /// The open connection, or a new one.
    async fn client(&self, shared: &Shared) -> Result<Arc<ClientWrapper>, DbError> {
        if let Some(client) = self.open().await {
            return Ok(client);
        }
        // One connects; the others wait for it and look again.
        let _connecting = self.connecting.lock().await;
        if let Some(client) = self.open().await {
            return Ok(client);
        }
        let connected = shared.config.connect(NoTls).await;
        let (client, connection) = connected.map_err(DbError::unavailable)?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a shared connection to the database ended");
            }
        });
        let client = Arc::new(ClientWrapper::new(client, task));
        *self.client.write().await = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn open(&self) -> Option<Arc<ClientWrapper>> {
        self.client.read().await.as_ref().filter(|client| !client.is_closed()).cloned()
    }

    /// Leaves a connection that does not answer to those who still wait on it.
    async fn give_up_on(&self, silent: &Arc<ClientWrapper>) {
        let mut client = self.client.write().await;
        if client.as_ref().is_some_and(|client| Arc::ptr_eq(client, silent)) {
            *client = None;
        }
    }
}

impl Queries for Reader {
    /// Runs the statement, once more on a new connection when the old one was
    /// lost: a single read has no effect that could be doubled.
    async fn rows(&mut self, sql: &'static Sql, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        let started = Instant::now();
        let mut outcome = self.run(sql, params).await;
        if matches!(outcome, Err(DbError::Disconnected(_))) {
            outcome = self.run(sql, params).await;
        }
        self.0.watch.record(sql, started, &outcome);
        outcome
    }
}
