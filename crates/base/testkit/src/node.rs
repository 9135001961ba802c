//! The part of a node that turns committed facts into the log: a sequencer
//! and a follower.

use std::time::Duration;

use sayso_db::Db;
use sayso_events::{AuditKey, Follower, Hub, Log, Sequencer, SequencerLimits};
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
        let limits = SequencerLimits {
            batch_max: 500,
            batch_bytes_max: 4 << 20,
            poll: POLL,
            seal_every: SEAL_EVERY,
        };
        let stage = TestCtx::seeded(seed);
        let (hints, heard) = mpsc::channel(64);
        let key = AuditKey::of(&root_key());
        let sequencer = Sequencer::new(db.clone(), limits, key, stage.clock, stage.random, hints);
        let hub = Hub::new(RING_LEN);
        let follower = Follower::new(Log::new(db.clone()), hub.clone(), heard, POLL);
        Self { sequencer, follower, hub }
    }

    /// Runs both on this runtime.
    #[must_use]
    pub fn start(self) -> Node {
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(self.sequencer.run(stop.clone())),
            tokio::spawn(self.follower.run(stop.clone())),
        ];
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
