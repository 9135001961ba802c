//! The line between nodes, on Redis.
//!
//! ```text
//!   leader ─► relay ─► stream (entry id = position) ─► reader ─► follower
//!       └───► "the log ends at n" ──┐                              ▲
//!   every node ─► presence, typing, │ one channel ─► ear ──────────┤
//!     "wake up", what has just ended┘                  └─► hub, presence, volatile
//! ```
//!
//! All of it may be lost, and nothing with it: a node that misses an event
//! reads the log, a leader that is not woken looks by itself, and what is
//! volatile is heard now or never. What is there is compared with the log
//! before it counts, for the log may be an older copy of itself.

mod ear;
mod entry;
mod mouth;
mod reader;
mod relay;
mod witness;
mod word;

use std::sync::atomic::{AtomicBool, Ordering};

use sayso_db::{Db, Effect};
use sayso_kernel::Clock;
use sayso_redis::Redis;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::hint::Hint;
use crate::hub::Hub;
use crate::log::Log;
use crate::presence::{NodeId, Presence};
use crate::volatile::Volatile;
pub use relay::Kept;
pub(crate) use witness::Memory;
pub use witness::Witness;
use word::Word;

/// Hints of a leader that may wait for the relay; what is lost beyond that is
/// filled up from the log.
const HINTS_MAX: usize = 256;
/// Words that may wait for the line.
const WORDS_MAX: usize = 1024;

/// What the line connects.
#[derive(Debug)]
pub struct BusParts {
    /// The way to Redis.
    pub redis: Redis,
    /// This process, unlike any other.
    pub node: uuid::Uuid,
    /// The database.
    pub db: Db,
    /// What this node has applied.
    pub hub: Hub,
    /// To the follower of this node.
    pub hints: mpsc::Sender<Hint>,
    /// Who is connected.
    pub presence: Presence,
    /// What is heard now or never.
    pub volatile: Volatile,
    /// The clock.
    pub clock: Clock,
    /// What the stream keeps.
    pub kept: Kept,
}

/// The line between nodes.
#[derive(Debug)]
pub struct Bus {
    parts: BusParts,
    witness: Witness,
    relayed: (mpsc::Sender<Hint>, mpsc::Receiver<Hint>),
}

/// What the parts of the line share.
#[derive(Debug)]
struct Shared {
    redis: Redis,
    witness: Witness,
    node: NodeId,
    db: Db,
    hub: Hub,
    hints: mpsc::Sender<Hint>,
    presence: Presence,
    volatile: Volatile,
    clock: Clock,
    kept: Kept,
    words: mpsc::Sender<Word>,
    is_leading: AtomicBool,
}

impl Shared {
    /// The channel on which everything is said.
    fn channel(&self) -> String {
        self.redis.name("line")
    }

    fn is_leading(&self) -> bool {
        self.is_leading.load(Ordering::Acquire)
    }

    /// Says something, if the line has room for it.
    fn say(&self, word: Word) {
        if self.words.try_send(word).is_err() {
            metrics::counter!("sayso_bus_words_lost_total").increment(1);
        }
    }
}

impl Bus {
    /// Connects these. Nothing is heard or said before it runs.
    #[must_use]
    pub fn new(parts: BusParts) -> Self {
        let witness = Witness::new(parts.redis.clone());
        Self { parts, witness, relayed: mpsc::channel(HINTS_MAX) }
    }

    /// Where the sequencer of this node tells what the others are to hear.
    #[must_use]
    pub fn relay(&self) -> mpsc::Sender<Hint> {
        self.relayed.0.clone()
    }

    /// What the sequencer of this node has to compare before it numbers anything.
    #[must_use]
    pub fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// Runs until told to stop. `leading` says whether this node leads.
    pub async fn run(self, leading: watch::Receiver<bool>, stop: CancellationToken) {
        let Self { parts, witness, relayed: (_, relayed) } = self;
        let BusParts { redis, node, db, hub, hints, presence, volatile, clock, kept } = parts;
        let (words, spoken) = mpsc::channel(WORDS_MAX);
        let log = Log::new(db.background());
        let is_leading = AtomicBool::new(false);
        let shared = &Shared {
            redis,
            witness,
            node,
            db,
            hub,
            hints,
            presence,
            volatile,
            clock,
            kept,
            words,
            is_leading,
        };
        let ends = tell_ends(shared);
        tokio::select! {
            () = stop.cancelled() => {}
            () = ends => {}
            () = relay::run(shared, log.clone(), relayed) => {}
            () = reader::run(shared, &log) => {}
            () = ear::run(shared, stop.clone()) => {}
            () = mouth::run(shared, spoken) => {}
            () = mouth::tell_presence(shared) => {}
            () = mouth::tell_whispers(shared) => {}
            () = mouth::wake_the_leader(shared, leading) => {}
        }
        mouth::farewell(shared).await;
    }
}

/// What ends with a write of this node is told to all others right after its
/// commit.
async fn tell_ends(shared: &Shared) {
    let mut ends = shared.hub.ends_here();
    while let Some(ended) = ends.recv().await {
        shared.say(Word::Ended(ended));
    }
}

/// Of the effects of a write those that do not wait for the log: what a person
/// or a session may no longer do.
#[must_use]
pub fn that_end(effects: &[Effect]) -> Vec<Effect> {
    let ends = |it: &&Effect| matches!(it, Effect::EndSession { .. } | Effect::Reconnect { .. });
    effects.iter().filter(ends).cloned().collect()
}
