//! Where the parts are put together: the only place that knows them all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use sayso_access::{Ctx, UserId, Via};
use sayso_api::{ApiParts, OpsState, Readiness};
use sayso_auth::{Activity, AuthParts, AuthState, Hasher, Lifetimes, Memory, Refusals, Rules};
use sayso_cache::{Cache, CacheParts, Entity};
use sayso_config::Settings;
use sayso_events::{Acked, Hub, Log, Presence, Retention, Volatile};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Clock, Random, Vault};
use sayso_notifications::worker::Worker;
use sayso_realtime::{Gateway, GatewayParts};
use sayso_redis::Redis;
use sayso_telemetry::{MetricsText, UPKEEP_EVERY};
use sayso_users::password::HashLimits;
use sayso_web::forwarded::Proxies;
use sayso_web::{AppParts, AppState, Limiter, Quota, Quotas, ServerLimits, Stop, stack};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::root_key::{self, AnotherKey};
use crate::storage::Storage;
use crate::{doors, log, trash};

/// Over how long reconnecting clients are spread.
const RECONNECT_SPREAD: Duration = Duration::from_secs(2);
/// How long the first look at the log may take.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// A running Sayso.
pub struct Node {
    /// Where it answers.
    pub address: SocketAddr,
    /// What handlers use; for commands and tests that run beside it.
    pub auth: AuthState,
    storage: Storage,
    parts: Parts,
}

/// What runs, and how it is told to stop.
struct Parts {
    readiness: Readiness,
    /// How long a balancer may take to notice that this node goes.
    linger: Duration,
    gateway: Gateway,
    /// The servers; they end when their requests have.
    servers: TaskTracker,
    stop_serving: Stop,
    /// The log and everything else that requests lean on.
    background: TaskTracker,
    stop_background: CancellationToken,
}

/// Starts everything, in the order in which it is needed.
pub async fn start(settings: &Settings, clock: Clock, random: Random) -> Result<Node> {
    start_under(settings, AnotherKey::Refused, clock, random).await
}

/// The same, and what becomes of a database whose root key is not here.
pub(crate) async fn start_under(
    settings: &Settings,
    another: AnotherKey,
    clock: Clock,
    random: Random,
) -> Result<Node> {
    // The door first: an address that is taken is told before anything else.
    let listeners = Listeners::bind(settings)?;
    let address = listeners.api.local_addr()?;
    let storage = Storage::serve(settings, &random).await?;
    match start_on(&storage, listeners, settings, another, (clock, random)).await {
        Ok((auth, parts)) => Ok(Node { address, auth, storage, parts }),
        Err(error) => {
            storage.close().await;
            Err(error)
        }
    }
}

struct Listeners {
    api: TcpListener,
    ops: Option<TcpListener>,
}

impl Listeners {
    fn bind(settings: &Settings) -> Result<Self> {
        let bind = |address: SocketAddr| {
            sayso_web::listen(address).with_context(|| format!("cannot listen on {address}"))
        };
        let ops = settings.http.ops_listen.map(bind).transpose()?;
        Ok(Self { api: bind(settings.http.listen)?, ops })
    }
}

async fn start_on(
    storage: &Storage,
    listeners: Listeners,
    settings: &Settings,
    another: AnotherKey,
    (clock, random): (Clock, Random),
) -> Result<(AuthState, Parts)> {
    // Before the first thing is counted.
    let metrics = MetricsText::install();
    let db = storage.open(settings).await?;
    let root = root_key::opening(&db, settings, another, (&clock, &random)).await?;
    let hub = Hub::new(settings.realtime.ring_len);
    let presence = Presence::new(Duration::from_millis(settings.realtime.away_after_ms));
    let (redis, volatile) = (log::redis(settings)?, Volatile::default());
    let cache = cache(CacheParts {
        settings: settings.cache.clone(),
        hub: hub.clone(),
        db: db.clone(),
        redis: redis.clone(),
        clock: clock.clone(),
        random: random.clone(),
    });
    let app = AppState::new(AppParts { db, clock, random, hub, presence, cache });
    let (background, stop_background) = (TaskTracker::new(), CancellationToken::new());
    // Whatever was started ends if the rest cannot be.
    let unless_done = stop_background.clone().drop_guard();
    let line = (redis.as_ref(), &volatile);
    log::run(&app, settings, &root, line, (&background, &stop_background));
    background.spawn(app.cache.clone().run(stop_background.clone()));
    let auth = door(&app, settings, &root).await?;
    auth.follow();
    background.spawn(sayso_auth::rotation::run(auth.clone(), stop_background.clone()));
    let first = tokio::time::timeout(FIRST_LOOK, app.hub.wait_for(0));
    first.await.context("the log of the database cannot be read")?;
    let limiter = limiter(&settings.limits, redis.as_ref());
    sessions(&app, settings.limits.enabled.then_some(&limiter), (&background, &stop_background));
    let refusals = Refusals::default();
    let gateway = gateway(&app, settings, &auth, (volatile, &limiter, &refusals));
    let (sockets, stop) = (gateway.clone(), stop_background.clone());
    background.spawn(async move { sockets.run(stop).await });
    let revoked = doors::disbelieve(auth.clone(), gateway.clone(), stop_background.clone());
    background.spawn(revoked);
    let AppParts { db, hub, clock, random, .. } = &*app;
    let worker = Worker::new(db, hub.clone(), clock.clone(), random.clone());
    background.spawn(worker.run(stop_background.clone()));
    background.spawn(upkeep(metrics.clone(), stop_background.clone()));
    let hours = Duration::from_secs(settings.events.retention_hours * 3600);
    let retention = Retention::new(storage.owner.clone(), hours, app.clock.clone());
    background.spawn(retention.run(stop_background.clone()));
    let (kept, every) = (trash::kept(settings), settings.trash.purge_every_secs);
    let rhythm = (kept, Duration::from_secs(every));
    background.spawn(trash::run(app.clone(), rhythm, stop_background.clone()));
    let readiness = Readiness::default();
    let ops = OpsState {
        db: app.db.clone(),
        hub: app.hub.clone(),
        cache: app.cache.clone(),
        redis,
        readiness: readiness.clone(),
        metrics,
        is_open: false,
    };
    let (servers, stop_serving) = (TaskTracker::new(), Stop::default());
    // Among the servers: what they noted last is written before the log stops.
    write_traces(&app, (&auth.activity, &refusals), (&servers, &stop_serving.now));
    let api = ApiParts { auth: auth.clone(), ops, refusals, limiter, trash_kept: kept };
    serve(&app, settings, listeners, (&gateway, &api), (&servers, &stop_serving));
    unless_done.disarm();
    // One that is alone has no balancer that could send anybody elsewhere.
    let linger = settings.redis.url.as_ref().map_or(0, |_| settings.http.drain_ms);
    let linger = Duration::from_millis(linger);
    let parts =
        Parts { readiness, linger, gateway, servers, stop_serving, background, stop_background };
    Ok((auth, parts))
}

/// Tells the limits from where people come in, and forgets sessions that have
/// been over for long.
fn sessions(
    app: &AppState,
    limiter: Option<&Limiter>,
    (background, stop): (&TaskTracker, &CancellationToken),
) {
    let AppParts { db, clock, random, .. } = &**app;
    if let Some(limiter) = limiter.cloned() {
        let known = sayso_auth::devices::follow(db.clone(), clock.clone(), limiter, stop.clone());
        background.spawn(known);
    }
    let sources = (clock.clone(), random.clone());
    background.spawn(sayso_auth::retention::run(db.clone(), sources, stop.clone()));
}

/// Writes who was seen and who was refused, beside the requests.
fn write_traces(
    app: &AppState,
    (seen, refusals): (&Activity, &Refusals),
    (servers, stop): (&TaskTracker, &CancellationToken),
) {
    let AppParts { db, clock, random, cache, .. } = &**app;
    let (db, clock, random, cache) = (db.clone(), clock.clone(), random.clone(), cache.clone());
    let forget = move |user: UserId| cache.forget(Entity::User, user.0);
    let sources = (clock.clone(), random.clone());
    servers.spawn(seen.clone().run(db.clone(), sources, forget, stop.clone()));
    servers.spawn(refusals.clone().run(db, clock, random, stop.clone()));
}

/// A cache that learns what changes from now on.
fn cache(parts: CacheParts) -> Cache {
    let db = parts.db.clone();
    let cache = Cache::new(parts);
    cache.follow(&db);
    cache
}

/// The keys of the tokens and the threads that hash passwords.
pub(crate) async fn door(app: &AppState, settings: &Settings, root: &RootKey) -> Result<AuthState> {
    let ctx = Ctx::anonymous(Via::System, app.clock.clone(), app.random.clone());
    let lifetimes = Lifetimes::from(&settings.auth);
    let keys = sayso_auth::rotation::load(&app.db, &ctx, root, lifetimes).await?;
    let previous = settings.previous_root_keys()?;
    let hasher = Hasher::new(root, HashLimits::from(&settings.auth), app.random.clone());
    Ok(AuthState::new(AuthParts {
        app: app.clone(),
        keys: Arc::new(keys),
        hasher: hasher.with_previous(&previous),
        activity: Activity::default(),
        memory: Memory::default(),
        vault: Arc::new(Vault::new(root, &previous)),
        rules: Arc::new(Rules::from(&settings.auth)),
    }))
}

/// The door of a command, which runs beside a server or without one: it writes,
/// and follows no log.
pub(crate) async fn beside(
    storage: &Storage,
    settings: &Settings,
    random: Random,
) -> Result<AuthState> {
    let (db, clock) = (storage.open(settings).await?, Clock::System);
    let opened = root_key::opening(&db, settings, AnotherKey::Refused, (&clock, &random)).await;
    let root = opened.inspect_err(|_| db.close())?;
    let (hub, presence) = (Hub::new(1), Presence::default());
    let cache = Cache::off();
    let app = AppState::new(AppParts { db, clock, random, hub, presence, cache });
    door(&app, settings, &root).await
}

fn gateway(
    app: &AppState,
    settings: &Settings,
    auth: &AuthState,
    (volatile, limiter, refusals): (Volatile, &Limiter, &Refusals),
) -> Gateway {
    Gateway::new(GatewayParts {
        hub: app.hub.clone(),
        log: Log::new(app.db.clone()),
        gate: doors::gate(auth.clone(), refusals.clone()),
        inbound: doors::inbound(&app.db, limiter),
        refused: doors::refused(refusals.clone()),
        used: doors::used(auth.activity.clone()),
        renewals: doors::renewals(auth.clone()),
        standings: doors::standings(auth.clone()),
        presence: app.presence.clone(),
        volatile,
        acked: Acked::new(app.db.clone()),
        clock: app.clock.clone(),
        random: app.random.clone(),
        settings: settings.realtime.clone(),
    })
}

/// What callers are allowed.
fn limiter(limits: &sayso_config::Limits, redis: Option<&Redis>) -> Limiter {
    if !limits.enabled {
        return Limiter::off();
    }
    let window = Duration::from_secs(limits.password_window_secs);
    let tries = |amount| Quota { amount, window };
    let quotas = Quotas {
        read: Quota::per_minute(limits.read_per_minute),
        write: Quota::per_minute(limits.write_per_minute),
        search: Quota::per_minute(limits.search_per_minute),
        login: Quota::per_minute(limits.login_per_minute),
        proof: Quota::per_minute(limits.proof_per_minute),
        export: Quota::per_minute(limits.export_per_minute),
        tries: tries(limits.password_tries),
        tries_of_address: tries(limits.password_tries_per_address),
        tries_of_email: tries(limits.password_tries_per_email),
        tracked_max: limits.tracked_max,
    };
    Limiter::on(quotas, redis.cloned())
}

async fn upkeep(metrics: MetricsText, stop: CancellationToken) {
    while tokio::time::timeout(UPKEEP_EVERY, stop.cancelled()).await.is_err() {
        metrics.upkeep();
    }
}

/// Opens the doors.
fn serve(
    app: &AppState,
    settings: &Settings,
    listeners: Listeners,
    (gateway, api): (&Gateway, &ApiParts),
    (servers, stop): (&TaskTracker, &Stop),
) {
    let limits = ServerLimits {
        header_read_timeout: Duration::from_millis(settings.http.header_read_timeout_ms),
        connections_max: settings.http.connections_max,
        ..ServerLimits::default()
    };
    let around = stack::Settings {
        body_max: settings.http.body_max_bytes,
        request_timeout: Duration::from_millis(settings.http.request_timeout_ms),
        allowed_origins: settings.http.allowed_origins.clone(),
        held_open: vec!["/socket.io/".into()],
        untraced: vec!["/health/".into(), "/metrics".into()],
        // Settings with an entry that is none were refused when they were read.
        proxies: Proxies::parse(&settings.http.trusted_proxies).unwrap_or_default(),
    };
    let wrapped = |router: Router| stack::wrap(router, &around, app.sources());
    if let Some(listener) = listeners.ops {
        let router = wrapped(sayso_api::ops_router(&api.ops, app.clone()));
        servers.spawn(sayso_web::serve(listener, router, limits, stop.clone()));
    }
    let (routes, _) = sayso_api::router(api);
    let router = wrapped(gateway.mount(routes));
    servers.spawn(sayso_web::serve(listeners.api, router, limits, stop.clone()));
}

impl Node {
    /// Stops in the order that loses nothing: says that it wants no more
    /// requests, to the balancer and in each answer to whoever keeps a
    /// connection, and waits until it has been heard; sends sockets elsewhere,
    /// lets requests finish, then stops the log and the database.
    pub async fn shutdown(self) {
        let Parts {
            readiness,
            linger,
            gateway,
            servers,
            stop_serving,
            background,
            stop_background,
        } = self.parts;
        readiness.drain();
        stop_serving.soon.cancel();
        tokio::time::sleep(linger).await;
        gateway.drain(RECONNECT_SPREAD).await;
        stop_serving.now.cancel();
        servers.close();
        servers.wait().await;
        stop_background.cancel();
        background.close();
        background.wait().await;
        self.auth.app.db.close();
        self.storage.close().await;
    }
}
