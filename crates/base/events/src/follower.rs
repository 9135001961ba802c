//! Keeps this node up to date with the log.
//!
//! It applies a position only when it is one more than the last. Anything else
//! (a hint that was lost, a leader on another machine, a restart) is mended by
//! reading the log.
//!
//! While a leader says again and again where the log ends, there is nothing to
//! ask the database. When it is not heard for a while, or what it speaks of
//! does not come, the log is read; and now and then in any case.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_db::DbError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::hint::{Announced, Hint};
use crate::hub::Hub;
use crate::log::{Head, Log};
use crate::sequencer::Batch;

/// Events read in one statement while catching up.
const CATCH_UP: i64 = 500;
/// Without a word of a leader for this long the log is looked at.
const UNTOLD_MAX: Duration = Duration::from_millis(750);
/// How long events may take that were announced: the announcement may come by
/// a shorter way.
const ON_THE_WAY: Duration = Duration::from_millis(100);
/// Looks that are remembered: for longer than what is known then is good.
const LOOKS_KEPT: usize = 64;
/// How often the log is looked at in any case.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);

/// The follower of one node.
#[derive(Debug)]
pub struct Follower {
    log: Log,
    hub: Hub,
    hints: mpsc::Receiver<Hint>,
    poll: Duration,
    epoch: Arc<str>,
    applied: i64,
    /// When it was looked lately, and the last fact that waited then.
    looks: VecDeque<(Instant, Option<i64>)>,
    looked_at: Option<Instant>,
    told_at: Option<Instant>,
    /// Since when events that were announced have not come.
    behind: Option<Instant>,
}

impl Follower {
    /// Follows through `hints` (of the leader in this process, or of another
    /// node's), and by looking at the head every `poll` while there are none.
    #[must_use]
    pub fn new(log: Log, hub: Hub, hints: mpsc::Receiver<Hint>, poll: Duration) -> Self {
        Self {
            log,
            hub,
            hints,
            poll,
            epoch: "".into(),
            applied: -1,
            looks: VecDeque::new(),
            looked_at: None,
            told_at: None,
            behind: None,
        }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut hints_open = true;
        loop {
            let due = self.look_due();
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                hint = self.hints.recv(), if hints_open => match hint {
                    Some(Hint::Batch(batch)) => self.hear(batch).await,
                    Some(Hint::Head(told)) => self.learn(&told).await,
                    None => { hints_open = false; Ok(()) }
                },
                () = tokio::time::sleep_until(due.into()) => self.look("due").await,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "the log cannot be read at the moment");
            }
        }
    }

    /// When the log is to be looked at next, if nothing is heard until then.
    fn look_due(&self) -> Instant {
        let now = Instant::now();
        let Some(looked_at) = self.looked_at else { return now };
        if let Some(since) = self.behind {
            return (since + ON_THE_WAY).max(looked_at + ON_THE_WAY);
        }
        let Some(told_at) = self.told_at.filter(|at| now < *at + UNTOLD_MAX) else {
            return looked_at + self.poll;
        };
        (told_at + UNTOLD_MAX).min(looked_at + LOOK_ANYWAY)
    }

    /// Applies what comes next of a batch; what is known already is passed
    /// over, since the same may be told by several ways.
    async fn hear(&mut self, mut batch: Batch) -> Result<(), DbError> {
        let (Some(first), Some(last)) = (batch.events.first(), batch.events.last()) else {
            return Ok(());
        };
        let (first, last) = (first.position, last.position);
        if batch.epoch != self.epoch || first > self.applied + 1 {
            return self.look("gap").await;
        }
        if last <= self.applied {
            return Ok(());
        }
        let known = usize::try_from(self.applied + 1 - first).unwrap_or(0);
        batch.events.drain(..known);
        self.applied = last;
        self.hub.apply(&self.epoch, batch.events).await;
        Ok(())
    }

    /// Takes in where the log ends.
    async fn learn(&mut self, told: &Announced) -> Result<(), DbError> {
        if told.epoch != self.epoch {
            return self.look("epoch").await;
        }
        self.told_at = Some(Instant::now());
        if self.applied < told.head {
            if told.is_to_be_read {
                return self.look("bus").await;
            }
            self.behind.get_or_insert_with(Instant::now);
            return Ok(());
        }
        self.behind = None;
        if let Some(as_of) = told.as_of {
            self.looks.clear();
            self.looks.push_back((as_of, None));
            self.hub.was_fresh(as_of);
        }
        Ok(())
    }

    /// Compares with the head, and reads what is missing. With nothing left to
    /// read, this node was up to date in the moment in which it began to ask.
    async fn look(&mut self, why: &'static str) -> Result<(), DbError> {
        let asked = Instant::now();
        self.looked_at = Some(asked);
        metrics::counter!("sayso_follower_looks_total", "why" => why).increment(1);
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
        self.behind = None;
        if let Some(as_of) = as_of {
            self.hub.was_fresh(as_of);
        }
        Ok(())
    }

    /// As of when this node knows all there is, having applied the head that
    /// it asked for: as of the last look at which nothing waited that still
    /// does. Ids rise, so that is the last at which no fact waited behind the
    /// first that waits now. While nobody numbers (there is no leader, or one
    /// that hangs), or facts come faster than they are numbered, this node's
    /// knowledge grows old.
    fn as_of(&mut self, asked: Instant, waiting: Option<(i64, i64)>) -> Option<Instant> {
        self.looks.push_back((asked, waiting.map(|(_, last)| last)));
        let Some((first, _)) = waiting else {
            self.looks.drain(..self.looks.len() - 1);
            return Some(asked);
        };
        let is_known = |(_, last): &(Instant, Option<i64>)| last.is_none_or(|last| last < first);
        // What lies before the last of these tells nothing new.
        let known = self.looks.iter().rposition(is_known);
        let as_of = known.and_then(|known| self.looks.get(known)).map(|(at, _)| *at);
        let excess = self.looks.len().saturating_sub(LOOKS_KEPT);
        self.looks.drain(..known.unwrap_or(0).max(excess));
        as_of
    }

    async fn start_over(&mut self, head: Head) {
        self.behind = None;
        self.epoch = head.epoch;
        self.applied = head.position;
        self.hub.reset(&self.epoch, self.applied).await;
    }
}
