//! A pool of connections of which each use has an end: the wait for one is
//! bounded, so is the number of those who wait (to fewer while the queue
//! stands), and so is the wait for an answer, since a server that hangs never
//! gives one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use sayso_kernel::Fault;
use sayso_telemetry::trace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Config, NoTls};

use crate::crowd::Crowd;
use crate::{DbError, cost, spans};

/// How long an answer may take. The acquisition of a connection counts, but
/// this much is left for the answer however long that took.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
/// What is left of the patience for COMMIT, to ask what became of it.
const AFTER_COMMIT: Duration = Duration::from_millis(500);
/// How long all connections of a lane together take for one piece of work each,
/// as far as the length of a queue is concerned.
pub(crate) const TURN: Duration = Duration::from_millis(35);
/// BEGIN and ROLLBACK do nothing that takes time.
const TRIFLE: Duration = Duration::from_secs(1);

/// Limits of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LaneLimits {
    /// Its name in metrics.
    pub name: &'static str,
    /// Connections.
    pub connections_max: usize,
    /// How many may wait for one.
    pub waiters_max: usize,
    /// How long each of them waits.
    pub wait: Duration,
    /// For how long one may wait, as far as the length of the queue tells, while
    /// it stands.
    pub crowded_wait: Duration,
    /// How long an answer is waited for.
    pub answer: Duration,
}

/// Connections for one kind of work. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pool: Pool,
    places: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    limits: LaneLimits,
}

impl Lane {
    pub(crate) fn new(config: Config, limits: LaneLimits) -> Result<Self, Fault> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(limits.connections_max)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Fault::internal)?;
        let places = Semaphore::new(limits.connections_max + limits.waiters_max);
        Ok(Self {
            pool,
            places: Arc::new(places),
            crowd: Arc::new(Crowd::new(limits.crowded_wait)),
            limits,
        })
    }

    /// Whether the one who has just come stands behind too many others.
    fn is_crowded(&self) -> bool {
        let LaneLimits { connections_max, waiters_max, .. } = self.limits;
        let taken = connections_max + waiters_max - self.places.available_permits();
        let turns = taken.saturating_sub(1) / connections_max.max(1);
        let wait = TURN * u32::try_from(turns).unwrap_or(u32::MAX);
        self.crowd.is_too_long(wait)
    }

    /// A connection; 503 at once when too many wait already, and after the
    /// limit when none became free or could be made.
    pub(crate) async fn lease(&self) -> Result<Lease, DbError> {
        let (name, asked) = (self.limits.name, Instant::now());
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let Some(place) = place.filter(|_| !self.is_crowded()) else {
            metrics::counter!("sayso_db_pool_refusals_total", "lane" => name).increment(1);
            return Err(DbError::unavailable("too many wait for a connection"));
        };
        // One limit for waiting and connecting: either may be what hangs.
        let Ok(got) = tokio::time::timeout(self.limits.wait, self.pool.get()).await else {
            metrics::counter!("sayso_db_pool_timeouts_total", "lane" => name).increment(1);
            return Err(DbError::unavailable("no connection became free in time"));
        };
        let client = got.map_err(DbError::unavailable)?;
        let waited = asked.elapsed();
        metrics::histogram!("sayso_db_pool_wait_seconds", "lane" => name).record(waited);
        let patience = self.limits.answer.saturating_sub(waited).max(PATIENCE_MIN);
        Ok(Lease { client: Some(client), _place: place, patience })
    }

    /// Connections that exist, and of these the idle ones.
    pub(crate) fn status(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// A connection for the time of one piece of work.
///
/// It goes back to the pool only when it is given back. Work that ends in any
/// other way (its request was given up on, the server did not answer) takes
/// the connection with it: the next one would find it half way through
/// something, or dead.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Taken out only at the end.
    client: Option<Object>,
    _place: OwnedSemaphorePermit,
    patience: Duration,
}

impl Lease {
    pub(crate) fn client(&self) -> &Object {
        self.client.as_ref().expect("a lease has its connection until it ends")
    }

    /// Waits for an answer, no longer than the limit.
    pub(crate) async fn bounded<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, DbError> {
        within(self.patience, answer).await
    }

    /// Commits.
    pub(crate) async fn commit(&self) -> Result<(), DbError> {
        self.run("COMMIT", self.patience.saturating_sub(AFTER_COMMIT)).await
    }

    /// Waits for the answer to something that takes no time.
    pub(crate) async fn trifle(&self, sql: &'static str) -> Result<(), DbError> {
        self.run(sql, TRIFLE.min(self.patience)).await
    }

    /// Runs what is no statement of its own.
    async fn run(&self, sql: &'static str, limit: Duration) -> Result<(), DbError> {
        cost::trip();
        let started = Instant::now();
        let outcome = within(limit, self.client().batch_execute(sql)).await;
        if trace::is_recording() {
            spans::statement(sql, started, None, outcome.as_ref().err());
        }
        outcome
    }

    /// Gives the connection back, fit for others.
    pub(crate) fn give_back(mut self) {
        drop(self.client.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

/// Waits for an answer of a server that may hang.
pub(crate) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(outcome) => outcome.map_err(DbError::from),
        Err(_) => Err(DbError::Silent),
    }
}
