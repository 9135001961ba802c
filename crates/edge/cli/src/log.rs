//! The log of this node, and the line to other nodes.

use std::time::Duration;

use anyhow::{Context, Result};
use sayso_config::Settings;
use sayso_events::{
    AuditKey, Bus, BusParts, Follower, Kept, Log, Sequencer, SequencerLimits, Volatile, that_end,
};
use sayso_kernel::secret::RootKey;
use sayso_redis::{Redis, RedisLimits};
use sayso_web::AppState;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Hints that the follower may be behind before it has to read the log.
const HINTS_MAX: usize = 256;
/// How often the end of the audit is signed into the log.
const SEAL_EVERY: Duration = Duration::from_secs(60);

/// The way to Redis, if the settings name one.
pub(crate) fn redis(settings: &Settings) -> Result<Option<Redis>> {
    let Some(url) = &settings.redis.url else { return Ok(None) };
    let limits = RedisLimits {
        timeout: Duration::from_millis(settings.redis.timeout_ms),
        prefix: settings.redis.prefix.clone(),
    };
    Redis::new(url.expose(), limits).map(Some).context("redis.url cannot be used")
}

/// Runs the sequencer and the follower of this node, and the line to other
/// nodes where there is one.
pub(crate) fn run(
    app: &AppState,
    settings: &Settings,
    root: &RootKey,
    (redis, volatile): (Option<&Redis>, &Volatile),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) {
    let events = &settings.events;
    let limits = SequencerLimits {
        batch_max: i64::try_from(events.batch_max).unwrap_or(i64::MAX),
        batch_bytes_max: events.batch_bytes_max,
        poll: Duration::from_millis(events.poll_ms),
        seal_every: SEAL_EVERY,
    };
    let (hints, heard) = mpsc::channel(HINTS_MAX);
    let mut sequencer = Sequencer::new(
        app.db.clone(),
        limits,
        AuditKey::of(root),
        app.clock.clone(),
        app.random.clone(),
        hints.clone(),
    );
    if let Some(redis) = redis {
        let bus = Bus::new(BusParts {
            redis: redis.clone(),
            node: app.random.uuid(app.clock.now()),
            db: app.db.clone(),
            hub: app.hub.clone(),
            hints,
            presence: app.presence.clone(),
            volatile: volatile.clone(),
            clock: app.clock.clone(),
            kept: Kept::default(),
        });
        sequencer = sequencer.also(bus.relay()).heeding(bus.witness());
        tasks.spawn(redis.clone().keep(stop.clone()));
        tasks.spawn(bus.run(sequencer.leading(), stop.clone()));
    }
    let hub = app.hub.clone();
    app.db.tell_committed(move |facts| {
        let ends = facts.iter().flat_map(|fact| that_end(&fact.effects));
        let ends: Vec<_> = ends.collect();
        if !ends.is_empty() {
            hub.ended(ends);
        }
    });
    let follower = Follower::new(Log::new(app.db.clone()), app.hub.clone(), heard, limits.poll);
    tasks.spawn(sequencer.run(stop.clone()));
    tasks.spawn(follower.run(stop.clone()));
}
