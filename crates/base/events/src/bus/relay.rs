//! From the leader to the stream of the other nodes.
//!
//! The stream of a history holds events under their positions. Redis refuses an
//! entry that comes after a later one, and what it refuses would be lost, so the
//! relay appends nothing but what comes next: whatever is missing before that
//! (another leader died over it, Redis was away or was emptied) it reads from
//! the log and appends first. Where too much is missing it begins anew: nodes
//! that are not there yet read the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_redis::{Fault, Script};
use tokio::sync::mpsc;

use super::witness::{self, Keys};
use super::word::{Head, Word};
use super::{Shared, entry, mouth};
use crate::Event;
use crate::hint::{Announced, Hint};
use crate::log::Log;
use crate::sequencer::Batch;

/// Events that are read from the log to fill up a hole, at the most.
const FILL_MAX: i64 = 2_000;
/// Events read in one statement for it.
const FILL_STEP: i64 = 200;
/// Bytes and entries of one call.
const CALL_BYTES_MAX: usize = 512 * 1024;
const CALL_ENTRIES_MAX: usize = 200;
/// So many entries the stream keeps at the most, whoever wrote them.
const KEPT_ENTRIES_MAX: usize = 20_000;
/// A history that nobody writes any more is forgotten,
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// but for its last event: older copies of a database are laid in its place
/// after nights and holidays, too.
const MARKED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// Appends entries from position `ARGV[1]` on, as far as they come next, and
/// marks the last. Answers where the stream ends then.
const APPEND: &str = r"
local last = tonumber(redis.call('GET', KEYS[2]) or '')
local at = tonumber(ARGV[1])
if last and at > last + 1 then return last end
for i = 7, #ARGV do
    if not last or at > last then
        redis.call('XADD', KEYS[1], string.format('%.0f-0', at), 'e', ARGV[i])
        last = at
    end
    at = at + 1
end
redis.call('SET', KEYS[2], string.format('%.0f', last), 'PX', ARGV[2])
if last == at - 1 then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3] .. '-0')
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[4])
return last";

/// Forgets what a stream held: what follows is its new beginning.
const BEGIN_ANEW: &str = "return redis.call('DEL', KEYS[1], KEYS[2])";

/// What the stream keeps: a node that needs older events reads the log.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// For how long an event stays in it.
    pub age: Duration,
    /// How many bytes of events it holds at the most. One batch may be more.
    pub bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { age: Duration::from_secs(60), bytes: 16 << 20 }
    }
}

/// What became of an append.
enum Appended {
    /// It is there.
    Done,
    /// Something is missing before it: the stream ends here.
    Missing(i64),
}

struct Relay<'a> {
    shared: &'a Shared,
    log: Log,
    append: Script,
    begin_anew: Script,
    /// The history that was written last.
    epoch: Arc<str>,
    /// What was appended of it, for trimming: position, bytes, when.
    kept: VecDeque<(i64, usize, Instant)>,
    bytes: usize,
    /// Nothing could be appended when it was tried last.
    is_broken: bool,
}

/// Passes on what the leader of this node tells, while it leads.
pub(super) async fn run(shared: &Shared, log: Log, mut told: mpsc::Receiver<Hint>) {
    let mut relay = Relay {
        shared,
        log,
        append: Script::new(APPEND),
        begin_anew: Script::new(BEGIN_ANEW),
        epoch: "".into(),
        kept: VecDeque::new(),
        bytes: 0,
        is_broken: false,
    };
    while let Some(hint) = told.recv().await {
        match hint {
            Hint::Batch(batch) => relay.pass_on(&batch).await,
            Hint::Head(told) => relay.announce(&told).await,
        }
    }
}

impl Relay<'_> {
    async fn pass_on(&mut self, batch: &Batch) {
        if self.epoch != batch.epoch {
            self.epoch = Arc::clone(&batch.epoch);
            self.kept.clear();
            self.bytes = 0;
        }
        let outcome = self.fit_in(&batch.epoch, &batch.events).await;
        let is_broken = outcome.is_err();
        if let Err(fault) = outcome {
            metrics::counter!("sayso_bus_append_failures_total").increment(1);
            if !self.is_broken {
                tracing::warn!(%fault, "events cannot be passed on: other nodes read the log");
            }
        }
        let was_broken = std::mem::replace(&mut self.is_broken, is_broken);
        let Some(last) = batch.events.last().filter(|_| is_broken && !was_broken) else { return };
        // Nobody is to wait for what will not come.
        let (epoch, head) = (Arc::clone(&batch.epoch), last.position);
        let told = Announced { epoch, head, as_of: None, is_to_be_read: true };
        self.announce(&told).await;
    }

    /// Appends a batch, after whatever is missing before it.
    async fn fit_in(&mut self, epoch: &str, events: &[Arc<Event>]) -> Result<(), Fault> {
        if !self.shared.witness.is_trusted(epoch) {
            // It was away when this node began to lead, and nobody has
            // compared yet what it holds.
            return Err(Fault::Away);
        }
        let Some(first) = events.first().map(|event| event.position) else { return Ok(()) };
        let Appended::Missing(last) = self.append(epoch, events).await? else { return Ok(()) };
        let is_filled = first - last <= FILL_MAX && self.fill(epoch, last, first - 1).await?;
        if !is_filled {
            let Keys { stream, end, .. } = Keys::of(&self.shared.redis, epoch);
            let mut anew = self.begin_anew.prepare_invoke();
            self.shared.redis.script::<i64>("begin", anew.key(stream).key(end)).await?;
            metrics::counter!("sayso_bus_restarts_total").increment(1);
        }
        self.append(epoch, events).await?;
        Ok(())
    }

    /// Reads what is missing from the log, and appends it. Answers whether the
    /// log had it.
    async fn fill(&mut self, epoch: &str, mut last: i64, upto: i64) -> Result<bool, Fault> {
        while last < upto {
            let step = FILL_STEP.min(upto - last);
            let Ok(events) = self.log.after(last, step).await else { return Ok(false) };
            let is_next = events.first().is_some_and(|event| event.position == last + 1);
            if !is_next {
                return Ok(false);
            }
            metrics::counter!("sayso_bus_filled_total").increment(events.len() as u64);
            let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
            if let Appended::Missing(_) = self.append(epoch, &events).await? {
                return Ok(false);
            }
            last = events.last().map_or(upto, |event| event.position);
        }
        Ok(true)
    }

    async fn append(&mut self, epoch: &str, events: &[Arc<Event>]) -> Result<Appended, Fault> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (n, event) in events.iter().enumerate() {
            let entry = entry::write(event);
            bytes += entry.len();
            entries.push(entry);
            let is_full = bytes >= CALL_BYTES_MAX || entries.len() >= CALL_ENTRIES_MAX;
            if !is_full && n + 1 < events.len() {
                continue;
            }
            let first = event.position + 1 - i64::try_from(entries.len()).unwrap_or(0);
            let sent = std::mem::take(&mut entries);
            bytes = 0;
            if let Appended::Missing(last) = self.call(epoch, first, event, sent).await? {
                return Ok(Appended::Missing(last));
            }
        }
        Ok(Appended::Done)
    }

    /// Appends what begins at `first` and ends with the event `end`.
    async fn call(
        &mut self,
        epoch: &str,
        first: i64,
        end: &Event,
        entries: Vec<Vec<u8>>,
    ) -> Result<Appended, Fault> {
        let oldest = self.make_room(entries.iter().map(Vec::len).sum());
        let keys = Keys::of(&self.shared.redis, epoch);
        let mut append = self.append.prepare_invoke();
        append.key(keys.stream).key(keys.end).key(keys.mark);
        append.arg(first).arg(millis(FORGOTTEN_AFTER)).arg(oldest).arg(KEPT_ENTRIES_MAX);
        append.arg(witness::mark(end)).arg(millis(MARKED_FOR));
        for entry in &entries {
            append.arg(entry.as_slice());
        }
        let last: i64 = self.shared.redis.script("append", &append).await?;
        if last < first {
            return Ok(Appended::Missing(last));
        }
        if last > end.position {
            // Further than whoever leads has come. Where another leads by now,
            // that is nothing, and nothing is missed by asking.
            self.shared.witness.doubt();
            return Err(Fault::Away);
        }
        let now = Instant::now();
        for (position, entry) in (first..).zip(&entries) {
            self.bytes += entry.len();
            self.kept.push_back((position, entry.len(), now));
        }
        metrics::counter!("sayso_bus_appended_total").increment(entries.len() as u64);
        Ok(Appended::Done)
    }

    /// The oldest position that is to stay when so much comes.
    fn make_room(&mut self, bytes: usize) -> i64 {
        while let Some((_, size, at)) = self.kept.front() {
            let Kept { age, bytes: bytes_max } = self.shared.kept;
            if at.elapsed() < age && self.bytes + bytes <= bytes_max {
                break;
            }
            self.bytes -= size;
            self.kept.pop_front();
        }
        self.kept.front().map_or(0, |(position, ..)| *position)
    }

    /// Says to all nodes where the log ends: on the connection of the entries
    /// and so after them.
    async fn announce(&self, told: &Announced) {
        let lag = told.as_of.map_or(Duration::MAX, |as_of| as_of.elapsed());
        let head = Head {
            epoch: told.epoch.to_string(),
            head: told.head,
            lag_ms: millis(lag),
            at: self.shared.redis.time_at(Instant::now()),
            is_to_be_read: told.is_to_be_read || self.is_broken,
        };
        mouth::say(self.shared, Word::Head(head)).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
