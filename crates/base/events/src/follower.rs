//! Keeps this node up to date with the log.
//!
//! It applies a position only when it is one more than the last. Anything else
//! (a hint that was lost, a leader on another machine, a restart) is mended by
//! reading the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_db::DbError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::log::{Head, Log};
use crate::sequencer::Batch;

/// Events read in one statement while catching up.
const CATCH_UP: i64 = 500;
/// The follower of one node.
#[derive(Debug)]
pub struct Follower {
    log: Log,
    hub: Hub,
    hints: mpsc::Receiver<Batch>,
    poll: Duration,
    epoch: Arc<str>,
    applied: i64,
    /// The fact that waits first, and since when it is seen to.
    waiting: Option<(i64, Instant)>,
}

impl Follower {
    /// Follows through `hints` (batches of the leader, if it runs in this
    /// process) and by looking at the head every `poll`.
    #[must_use]
    pub fn new(log: Log, hub: Hub, hints: mpsc::Receiver<Batch>, poll: Duration) -> Self {
        Self { log, hub, hints, poll, epoch: "".into(), applied: -1, waiting: None }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(self.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut hints_open = true;
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                hint = self.hints.recv(), if hints_open => match hint {
                    Some(batch) => self.hear(batch).await,
                    None => { hints_open = false; Ok(()) }
                },
                _ = tick.tick() => self.look().await,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "the log cannot be read at the moment");
            }
        }
    }

    async fn hear(&mut self, batch: Batch) -> Result<(), DbError> {
        let fits = batch.epoch == self.epoch
            && batch.events.first().is_some_and(|event| event.position == self.applied + 1);
        if fits {
            self.applied += i64::try_from(batch.events.len()).unwrap_or(0);
            self.hub.apply(&self.epoch, batch.events).await;
            return Ok(());
        }
        self.look().await
    }

    /// Compares with the head, and reads what is missing. With nothing left to
    /// read, this node was up to date in the moment in which it began to ask.
    async fn look(&mut self) -> Result<(), DbError> {
        let asked = Instant::now();
        let Some(head) = self.log.head().await? else { return Ok(()) };
        let as_of = self.as_of(asked, head.waiting);
        if head.epoch != self.epoch || head.position < self.applied {
            self.start_over(head).await;
            return Ok(());
        }
        while self.applied < head.position {
            let events = self.log.after(self.applied, CATCH_UP).await?;
            let Some(first) = events.first() else { return Ok(()) };
            if first.position != self.applied + 1 {
                // What lay between is no longer kept.
                self.start_over(head).await;
                return Ok(());
            }
            self.applied += i64::try_from(events.len()).unwrap_or(0);
            self.hub.apply(&self.epoch, events.into_iter().map(Arc::new).collect()).await;
        }
        self.hub.was_fresh(as_of);
        Ok(())
    }

    /// As of when this node knows all there is, having applied the head that
    /// it asked for. While one and the same fact goes on waiting for its place
    /// nobody numbers (there is no leader, or one that hangs), and what it says
    /// is not known here: from the moment in which it was first seen to wait,
    /// this node's knowledge grows old.
    fn as_of(&mut self, asked: Instant, waiting: Option<i64>) -> Instant {
        self.waiting = waiting.map(|id| match self.waiting {
            Some((known, since)) if known == id => (id, since),
            _ => (id, asked),
        });
        self.waiting.map_or(asked, |(_, since)| since)
    }

    async fn start_over(&mut self, head: Head) {
        self.epoch = head.epoch;
        self.applied = head.position;
        self.hub.reset(&self.epoch, self.applied).await;
    }
}
