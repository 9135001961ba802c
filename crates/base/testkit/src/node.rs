//! The part of a node that turns committed facts into the log: a sequencer
//! and a follower.

use std::time::Duration;

use sayso_db::Db;
use sayso_events::{
    AuditKey, Bus, BusParts, Follower, Hub, Kept, Log, Presence, Sequencer, SequencerLimits,
    Volatile,
};
use sayso_redis::{Redis, RedisLimits};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ctx::{TestCtx, root_key};

/// How often followers and leaders look by themselves.
const POLL: Duration = Duration::from_millis(50);
/// Longer than any test: what is counted is what the test wrote.
const SEAL_EVERY: Duration = Duration::from_secs(3600);
/// Events a hub remembers.
const RING_LEN: usize = 4096;

/// A candidate for leadership and the follower that it hands its batches to,
/// ready to run wherever the test wants them.
#[derive(Debug)]
pub struct Candidate {
    /// The candidate.
    pub sequencer: Sequencer,
    /// The follower of the same node.
    pub follower: Follower,
    /// What the follower applies to.
    pub hub: Hub,
    /// The line to other nodes.
    pub line: Option<(Redis, Bus)>,
}

/// How a node of several is made.
#[derive(Clone, Debug)]
pub struct BusSetup {
    /// The URL of their Redis.
    pub url: String,
    /// What the names of its keys begin with.
    pub prefix: String,
    /// How often the node looks by itself.
    pub poll: Duration,
    /// What the stream keeps.
    pub kept: Kept,
}

impl Candidate {
    /// With limits as in production, but for a quicker poll.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self::seeded(db, 1)
    }

    /// As [`Candidate::new`], with randomness of its own (two nodes of one
    /// test draw different epochs).
    #[must_use]
    pub fn seeded(db: &Db, seed: u64) -> Self {
        Self::made(db, seed, None, POLL)
    }

    /// As [`Candidate::seeded`], for a node that looks by itself only so often.
    #[must_use]
    pub fn polling(db: &Db, seed: u64, poll: Duration) -> Self {
        Self::made(db, seed, None, poll)
    }

    /// As [`Candidate::seeded`], with a line to other nodes. Each needs a `db`
    /// of its own.
    #[must_use]
    pub fn on_bus(db: &Db, seed: u64, setup: &BusSetup) -> Self {
        Self::made(db, seed, Some(setup), setup.poll)
    }

    fn made(db: &Db, seed: u64, setup: Option<&BusSetup>, poll: Duration) -> Self {
        let limits = SequencerLimits {
            batch_max: 500,
            batch_bytes_max: 4 << 20,
            poll,
            seal_every: SEAL_EVERY,
        };
        let stage = TestCtx::seeded(seed);
        let (hints, heard) = mpsc::channel(64);
        let key = AuditKey::of(&root_key());
        let (clock, random, told) = (stage.clock, stage.random, hints.clone());
        let node = random.uuid(clock.now());
        let mut sequencer = Sequencer::new(db.clone(), limits, key, clock.clone(), random, hints);
        let hub = Hub::new(RING_LEN);
        let follower = Follower::new(Log::new(db.clone()), hub.clone(), heard, poll);
        let line = setup.map(|setup| {
            let redis = redis(setup);
            let bus = Bus::new(BusParts {
                redis: redis.clone(),
                node,
                db: db.clone(),
                hub: hub.clone(),
                hints: told,
                presence: Presence::default(),
                volatile: Volatile::default(),
                clock,
                kept: setup.kept,
            });
            (redis, bus)
        });
        if let Some((_, bus)) = &line {
            sequencer = sequencer.also(bus.relay()).heeding(bus.witness());
        }
        Self { sequencer, follower, hub, line }
    }

    /// Runs both on this runtime.
    #[must_use]
    pub fn start(self) -> Node {
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        if let Some((redis, bus)) = self.line {
            tasks.push(tokio::spawn(redis.keep(stop.clone())));
            tasks.push(tokio::spawn(bus.run(self.sequencer.leading(), stop.clone())));
        }
        tasks.push(tokio::spawn(self.sequencer.run(stop.clone())));
        tasks.push(tokio::spawn(self.follower.run(stop.clone())));
        Node { hub: self.hub, stop, tasks }
    }
}

/// A running sequencer and follower.
#[derive(Debug)]
pub struct Node {
    /// What the follower has applied.
    pub hub: Hub,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    /// Starts a node on `db`.
    #[must_use]
    pub fn start(db: &Db) -> Self {
        Candidate::new(db).start()
    }

    /// Stops it as a shutdown does.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            task.await.expect("sequencer and follower do not panic");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The way to the Redis of a test.
fn redis(setup: &BusSetup) -> Redis {
    // The machine of the tests has other things to do as well.
    let limits = RedisLimits { timeout: Duration::from_secs(1), prefix: setup.prefix.clone() };
    Redis::new(&setup.url, limits).expect("the URL of a test's Redis can be read")
}
