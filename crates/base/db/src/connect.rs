//! Connections: pools for writes, shared clients for single reads, each for
//! requests and for background work; one for health; and the wake-up line to
//! the sequencer.

use std::sync::Arc;
use std::time::Duration;

use sayso_config::Database;
use sayso_kernel::Fault;
use tokio::sync::Notify;
use tokio_postgres::Config;

use crate::lane::{Lane, LaneLimits, TURN};
use crate::once::KeyLocks;
use crate::reader::ReaderLimits;
use crate::sql::Watch;
use crate::told::Telling;
use crate::{Reader, Told};

/// How much longer than PostgreSQL's own limit an answer is waited for: only a
/// server that hangs takes so long.
const ANSWER_SLACK: Duration = Duration::from_millis(250);
/// For how many turns of the pool a request may wait while the queue stands.
const TURNS_MAX: u32 = 8;

/// The database, as everything above sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) shared: Arc<Shared>,
    is_background: bool,
}

/// What all clones have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    lanes: Lanes,
    watch: Watch,
    wake: Wake,
    config: Config,
    pub(crate) keys: KeyLocks,
    pub(crate) telling: Telling,
}

/// Connections for each kind of use, so that none can starve another.
#[derive(Debug)]
struct Lanes {
    requests: Lane,
    reader: Reader,
    background: Lane,
    background_reader: Reader,
    health: Reader,
}

/// Limits of the connections; see the `database` section of the settings.
#[derive(Clone, Debug)]
pub struct DbLimits {
    /// Connections for requests.
    pub pool_max: usize,
    /// How long a request waits for one.
    pub pool_wait: Duration,
    /// How many wait for one; further ones are refused at once.
    pub pool_waiters_max: usize,
    /// Connections for background work.
    pub background_pool_max: usize,
    /// Shared connections for single reads.
    pub readers: usize,
    /// Reads under way on each of them; further ones are refused at once.
    pub reads_max: usize,
    /// PostgreSQL's statement_timeout.
    pub statement_timeout: Duration,
    /// The same for background work, which also waits this long for a
    /// connection.
    pub background_statement_timeout: Duration,
    /// PostgreSQL's lock_timeout.
    pub lock_timeout: Duration,
    /// PostgreSQL's idle_in_transaction_session_timeout.
    pub idle_in_transaction_timeout: Duration,
    /// A statement that takes this long is told in the log.
    pub slow_statement: Duration,
}

impl From<&Database> for DbLimits {
    fn from(settings: &Database) -> Self {
        let millis = |value: u64| Duration::from_millis(value);
        Self {
            pool_max: settings.pool_max,
            pool_wait: millis(settings.pool_wait_ms),
            pool_waiters_max: settings.pool_waiters_max,
            background_pool_max: settings.background_pool_max,
            readers: settings.readers,
            reads_max: settings.reads_max,
            statement_timeout: millis(settings.statement_timeout_ms),
            background_statement_timeout: millis(settings.background_statement_timeout_ms),
            lock_timeout: millis(settings.lock_timeout_ms),
            idle_in_transaction_timeout: millis(settings.idle_in_transaction_timeout_ms),
            slow_statement: millis(settings.slow_statement_ms),
        }
    }
}

impl DbLimits {
    /// How long a request waits for an answer, for a server that hangs.
    fn answer(&self) -> Duration {
        self.statement_timeout + ANSWER_SLACK
    }

    fn requests(&self) -> LaneLimits {
        LaneLimits {
            name: "requests",
            connections_max: self.pool_max,
            waiters_max: self.pool_waiters_max,
            wait: self.pool_wait,
            crowded_wait: TURN * TURNS_MAX,
            answer: self.answer(),
        }
    }

    fn background(&self) -> LaneLimits {
        LaneLimits {
            name: "background",
            connections_max: self.background_pool_max,
            waiters_max: self.pool_waiters_max,
            wait: self.background_statement_timeout,
            crowded_wait: Duration::MAX,
            answer: self.background_statement_timeout + ANSWER_SLACK,
        }
    }

    fn readers(&self, lines: usize) -> ReaderLimits {
        ReaderLimits {
            lines,
            in_flight_max: self.reads_max,
            connect: self.pool_wait,
            answer: self.answer(),
            crowded_wait: self.pool_wait,
        }
    }
}

/// Tells the sequencer of this process that there is something to do.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the sequencer, now or when it next waits.
    pub fn notify(&self) {
        self.0.notify_one();
    }

    /// Waits for the next call of [`Wake::notify`].
    pub async fn notified(&self) {
        self.0.notified().await;
    }
}

impl Db {
    /// Prepares the pools. Nothing is connected yet: connections are made when
    /// they are needed, so that a database that starts late is no reason to
    /// fail.
    pub fn new(config: Config, limits: &DbLimits) -> Result<Self, Fault> {
        let patient = with_timeouts(config.clone(), limits, limits.background_statement_timeout);
        let config = with_timeouts(config, limits, limits.statement_timeout);
        let watch = Watch { slow: limits.slow_statement };
        let requests = Lane::new(config.clone(), limits.requests())?;
        let background = Lane::new(patient.clone(), limits.background())?;
        let reader =
            |config: &Config, limits, beside| Reader::new(config.clone(), limits, watch, beside);
        let slow_reads = ReaderLimits {
            answer: limits.background().answer,
            crowded_wait: Duration::MAX,
            ..limits.readers(1)
        };
        let lanes = Lanes {
            reader: reader(&config, limits.readers(limits.readers), Some(requests.clone())),
            background_reader: reader(&patient, slow_reads, Some(background.clone())),
            health: reader(&config, limits.readers(1), None),
            requests,
            background,
        };
        let (wake, keys, telling) = (Wake::default(), KeyLocks::default(), Telling::default());
        let shared = Arc::new(Shared { lanes, watch, wake, config, keys, telling });
        Ok(Self { shared, is_background: false })
    }

    /// Tells `listener` of the facts of every transaction on this node, when
    /// its commit was answered and before its caller is: also where the answer
    /// to COMMIT was lost, so what is told may not have happened. A listener
    /// must not wait.
    pub fn tell(&self, listener: impl Fn(&[Told]) + Send + Sync + 'static) {
        self.shared.telling.add(Box::new(listener));
    }

    /// Tells `listener` of the facts of every transaction on this node that was
    /// committed for certain, before its caller is answered. A listener must
    /// not wait.
    pub fn tell_committed(&self, listener: impl Fn(&[Told]) + Send + Sync + 'static) {
        self.shared.telling.add_committed(Box::new(listener));
    }

    /// The same database for work that nobody waits for: with connections of
    /// its own, few and patient, so that it cannot starve requests.
    #[must_use]
    pub fn background(&self) -> Self {
        Self { shared: self.shared.clone(), is_background: true }
    }

    /// The pool of this kind of use.
    pub(crate) fn lane(&self) -> &Lane {
        if self.is_background { &self.shared.lanes.background } else { &self.shared.lanes.requests }
    }

    pub(crate) fn watch(&self) -> Watch {
        self.shared.watch
    }

    /// The shared connections for single reads.
    #[must_use]
    pub fn read(&self) -> Reader {
        let lanes = &self.shared.lanes;
        if self.is_background { lanes.background_reader.clone() } else { lanes.reader.clone() }
    }

    /// The connection that is asked whether the database is there. Nothing
    /// else uses it, so it answers when all others are taken.
    pub(crate) fn health(&self) -> Reader {
        self.shared.lanes.health.clone()
    }

    /// The line to the sequencer of this process.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.shared.wake
    }

    /// How to open a connection of one's own (the sequencer does).
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Connections of the pool that exist, and of these the idle ones.
    #[must_use]
    pub fn pool_status(&self) -> (usize, usize) {
        self.lane().status()
    }

    /// Ends all connections; later statements are refused.
    pub fn close(&self) {
        let Lanes { requests, reader, background, background_reader, health } = &self.shared.lanes;
        requests.close();
        background.close();
        for reader in [reader, background_reader, health] {
            reader.close();
        }
    }
}

/// Timeouts travel in the start-up packet, so that no connection is ever
/// without them and no statement is spent on them. So does the likeness at which
/// the beginning of a word is found: two letters of two and an end are 2/3. And
/// nothing is compiled (`jit`, on by default): where PostgreSQL thinks that a
/// short statement is dear it compiled it anew each time, for a hundred times
/// what running it took. Nor is a statement planned more than once
/// (`plan_cache_mode`): they are written for the plan that serves whatever is
/// asked (ADR 0020, `golden/plans`), and planning took longer than running.
fn with_timeouts(mut config: Config, limits: &DbLimits, statement: Duration) -> Config {
    let set = format!(
        "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} \
         -c synchronous_commit=on -c jit=off -c plan_cache_mode=force_generic_plan \
         -c timezone=UTC -c search_path=public \
         -c pg_trgm.word_similarity_threshold=0.6",
        statement.as_millis(),
        limits.lock_timeout.as_millis(),
        limits.idle_in_transaction_timeout.as_millis(),
    );
    let options = match config.get_options() {
        Some(own) => format!("{own} {set}"),
        None => set,
    };
    config.options(options);
    config.application_name("sayso");
    config.connect_timeout(limits.pool_wait);
    config
}
