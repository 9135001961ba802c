//! The connection for commands, and what keeps it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, ProtocolVersion, RedisError, Script, ScriptInvocation,
};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;

/// How often Redis is asked whether it is there, and what time it is.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// The least time between two probes, however much fails.
const PROBE_PAUSE: Duration = Duration::from_millis(25);
/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
/// What was sent and is not confirmed for this long ends the connection: its
/// other end is gone without a word.
const UNCONFIRMED_MAX: Duration = Duration::from_secs(3);
/// Names a key, so that a cluster says where the keys are.
const PROBE: &str = "redis.call('EXISTS', KEYS[1]) return redis.call('TIME')";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is away, or was found away just now.
    #[error("Redis is away")]
    Away,
    /// It answered, and does not do it.
    #[error("Redis refuses: {0}")]
    Refused(#[source] RedisError),
}

/// Bounds and names.
#[derive(Clone, Debug)]
pub struct RedisLimits {
    /// How long a command may take.
    pub timeout: Duration,
    /// What the names of all keys and channels begin with.
    pub prefix: String,
}

/// The way to Redis. Cheap to clone; [`Redis::keep`] must run beside it.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    /// Where the settings say it is.
    home: ConnectionInfo,
    /// Where it was found: on a cluster another place.
    found: Mutex<ConnectionInfo>,
    limits: RedisLimits,
    connection: ArcSwapOption<MultiplexedConnection>,
    is_up: AtomicBool,
    /// Whether it was asked at all.
    asked: watch::Sender<bool>,
    trouble: Notify,
    clock: SharedClock,
    probe: Script,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}

impl Redis {
    /// The way to the server that `url` names. Nothing is asked yet.
    ///
    /// # Errors
    /// When the URL cannot be read, or asks for what was not built in.
    pub fn new(url: &str, limits: RedisLimits) -> Result<Self, RedisError> {
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(UNCONFIRMED_MAX);
        let info = url.into_connection_info()?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let home = info.set_tcp_settings(tcp).set_redis_settings(settings);
        Client::open(home.clone())?;
        Ok(Self(Arc::new(Inner {
            found: Mutex::new(home.clone()),
            home,
            limits,
            connection: ArcSwapOption::empty(),
            is_up: AtomicBool::new(false),
            asked: watch::Sender::new(false),
            trouble: Notify::new(),
            clock: SharedClock::default(),
            probe: Script::new(PROBE),
        })))
    }

    /// The name of a key or a channel of this deployment.
    #[must_use]
    pub fn name(&self, rest: &str) -> String {
        format!("{{{}}}:{rest}", self.0.limits.prefix)
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.is_up.load(Ordering::Acquire)
    }

    /// Waits until it was asked once whether it is there: a process that has
    /// just started does not know yet.
    pub async fn asked(&self) {
        let mut asked = self.0.asked.subscribe();
        // The sender lives as long as this does.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// The clock that all nodes share, in microseconds, at a moment of this
    /// machine's; `None` while it is not known.
    #[must_use]
    pub fn time_at(&self, at: Instant) -> Option<i64> {
        self.0.clock.at(at)
    }

    /// Keeps the connection until told to stop: asks all the time whether Redis
    /// is there, and makes a new one when it is not.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            let was_up = self.is_up();
            let is_up = self.is_there().await;
            self.0.is_up.store(is_up, Ordering::Release);
            self.0.asked.send_replace(true);
            if was_up != is_up {
                match is_up {
                    true => tracing::info!("Redis is there"),
                    false => tracing::warn!("Redis is away: this node does without it"),
                }
            }
            metrics::gauge!("sayso_redis_up").set(if is_up { 1.0 } else { 0.0 });
            let pause = async {
                tokio::time::sleep(PROBE_PAUSE).await;
                let rest = PROBE_EVERY.saturating_sub(PROBE_PAUSE);
                let _asked_for = timeout(rest, self.0.trouble.notified()).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = pause => {}
            }
        }
    }

    /// Asks; twice, if the first answer says that the keys are elsewhere.
    async fn is_there(&self) -> bool {
        for _ in 0..2 {
            match self.probe().await {
                Ok(()) => return true,
                Err(Some((host, port))) => {
                    tracing::info!(host, port, "the keys are on another server of the cluster");
                    let found = self.0.home.clone().set_addr(ConnectionAddr::Tcp(host, port));
                    *self.0.found.lock() = found;
                }
                Err(None) => {
                    // The one that had the keys may be gone: ask at home again.
                    *self.0.found.lock() = self.0.home.clone();
                    return false;
                }
            }
        }
        false
    }

    /// One question, on the connection that is there or a new one. `Err` with
    /// the place to ask instead, if one was named.
    async fn probe(&self) -> Result<(), Option<(String, u16)>> {
        let asked = Instant::now();
        let outcome = async {
            let mut connection = match self.0.connection.load_full() {
                Some(connection) => (*connection).clone(),
                None => self.connect(AsyncConnectionConfig::new()).await?,
            };
            let mut probe = self.0.probe.prepare_invoke();
            probe.key(self.name("probe"));
            let asked = Instant::now();
            let within = self.0.limits.timeout.max(PROBE_EVERY);
            let time: (i64, i64) = bounded(within, probe.invoke_async(&mut connection)).await?;
            self.0.clock.set(asked, Instant::now(), time.0 * 1_000_000 + time.1);
            Ok::<_, Option<RedisError>>(connection)
        };
        match outcome.await {
            Ok(connection) => {
                metrics::histogram!("sayso_redis_probe_seconds").record(asked.elapsed());
                if self.0.connection.load().is_none() {
                    self.0.connection.store(Some(Arc::new(connection)));
                }
                Ok(())
            }
            Err(error) => {
                self.0.connection.store(None);
                let place = error.as_ref().and_then(|error| self.place_in(error));
                if place.is_none() {
                    tracing::debug!(error = ?error, "Redis does not answer");
                }
                Err(place)
            }
        }
    }

    /// Where the keys are, if that is what an error says. A server that does
    /// not know its own name means the one that was asked.
    fn place_in(&self, error: &RedisError) -> Option<(String, u16)> {
        let (address, _slot) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let host = match self.0.home.addr() {
            ConnectionAddr::Tcp(home, _) if host.is_empty() => home,
            _ => host,
        };
        Some((host.to_owned(), port.parse().ok()?))
    }

    /// Runs a command. It has the time that the limits give it, and none at all
    /// while Redis is away.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn command<T: FromRedisValue>(
        &self,
        what: &'static str,
        command: &Cmd,
    ) -> Result<T, Fault> {
        let mut connection = self.connection()?;
        self.judged(what, command.query_async(&mut connection)).await
    }

    /// Runs a script, as [`Redis::command`].
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn script<T: FromRedisValue>(
        &self,
        what: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Fault> {
        let mut connection = self.connection()?;
        self.judged(what, script.invoke_async(&mut connection)).await
    }

    fn connection(&self) -> Result<MultiplexedConnection, Fault> {
        let connection = self.0.connection.load_full().filter(|_| self.is_up());
        connection.map(|connection| (*connection).clone()).ok_or(Fault::Away)
    }

    async fn judged<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, Fault> {
        let fault = match bounded(self.0.limits.timeout, work).await {
            Ok(answer) => return Ok(answer),
            Err(Some(error)) if !is_of_the_way(&error) => Fault::Refused(error),
            Err(_) => {
                self.0.is_up.store(false, Ordering::Release);
                Fault::Away
            }
        };
        metrics::counter!("sayso_redis_failures_total", "what" => what).increment(1);
        self.0.trouble.notify_one();
        Err(fault)
    }

    /// A connection of one's own, to where the keys are.
    pub(crate) async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, Option<RedisError>> {
        let client = Client::open(self.0.found.lock().clone()).map_err(Some)?;
        // Every wait is bounded by whoever waits.
        let config = config.set_connection_timeout(None).set_response_timeout(None);
        bounded(CONNECT_WITHIN, client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// A connection of one's own, for a command that waits at the server.
    ///
    /// # Errors
    /// [`Fault::Away`].
    pub async fn waiting(&self) -> Result<MultiplexedConnection, Fault> {
        self.connect(AsyncConnectionConfig::new()).await.map_err(|_| Fault::Away)
    }
}

/// Whether it says something of the connection, and not of the command.
fn is_of_the_way(error: &RedisError) -> bool {
    error.is_io_error() || error.is_cluster_error() || error.is_unrecoverable_error()
}

/// `Err(None)` when it takes too long.
pub(crate) async fn bounded<T>(
    within: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, Option<RedisError>> {
    match timeout(within, work).await {
        Ok(outcome) => outcome.map_err(Some),
        Err(_) => Err(None),
    }
}
