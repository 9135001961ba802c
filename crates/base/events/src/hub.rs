//! What this node knows of the log, and who on this node listens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sayso_db::Effect;
use sayso_kernel::mutants;
use sayso_telemetry::trace;
use tokio::sync::{mpsc, watch};

use crate::Event;

/// Messages a listener may be behind before the follower waits for it.
const LISTENER_QUEUE: usize = 64;
/// How long what this node knows is good after it was last compared with the
/// head of the log: what is kept in memory of sessions and roles serves for no
/// longer.
const FRESH_FOR_MS: u64 = 750;
/// How long what follows the log waits for the sake of a trace.
const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// A place in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The history's name.
    pub epoch: Arc<str>,
    /// The place.
    pub position: i64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch, self.position)
    }
}

/// What a listener is told.
#[derive(Clone, Debug)]
pub enum Message {
    /// The next events of the log: they begin right after the ones before.
    Events(Arc<[Arc<Event>]>),
    /// What was heard so far does not lead to what comes next: the history
    /// changed, or the node was away for longer than the log is kept.
    Reset,
    /// What a write has just done, on whichever node: the log says it again
    /// in its place, unless nobody writes the log at the moment.
    Ahead(Arc<[Effect]>),
}

/// What an observer sees, at the moment at which it is applied.
#[derive(Clone, Copy, Debug)]
pub enum Applied<'a> {
    /// The next events of the log.
    Events(&'a [Arc<Event>]),
    /// As [`Message::Reset`]; from this position on everything is shown.
    Reset(i64),
    /// As [`Message::Ahead`].
    Ahead(&'a [Effect]),
}

/// A moment as this node counts them, to be compared with what it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment(u64);

impl Moment {
    /// As a number that rises with time; 0 is before everything.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The moment that [`Moment::as_u64`] told.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

type Observer = Arc<dyn Fn(Applied<'_>) + Send + Sync>;

/// What this node has applied of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    observers: Mutex<Vec<Observer>>,
    applied: watch::Sender<Option<Position>>,
    /// The line to other nodes.
    ends: OnceLock<mpsc::Sender<Vec<Effect>>>,
    ring_len: usize,
    born: Instant,
    /// When it was last up to date, in milliseconds since it was born, plus 1;
    /// 0 before.
    fresh_at: AtomicU64,
    /// For how long that is good, in milliseconds.
    fresh_for: AtomicU64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("applied", &*self.applied.borrow()).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    ring: VecDeque<Arc<Event>>,
    listeners: Vec<mpsc::Sender<Message>>,
}

impl Hub {
    /// A hub that remembers the last `ring_len` events.
    #[must_use]
    pub fn new(ring_len: usize) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            observers: Mutex::default(),
            applied: watch::Sender::new(None),
            ends: OnceLock::new(),
            ring_len: ring_len.max(1),
            born: Instant::now(),
            fresh_at: AtomicU64::new(0),
            fresh_for: AtomicU64::new(FRESH_FOR_MS),
        }))
    }

    /// Whether this node has just made sure that it has applied all there is,
    /// and that nothing committed waits for its place. Only then may what is
    /// kept in memory of sessions, roles and memberships decide; else the
    /// primary is asked.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh_left().is_some()
    }

    /// For how long what this node knows is still good, if it is.
    fn fresh_left(&self) -> Option<Duration> {
        let at = self.0.fresh_at.load(Ordering::Acquire).checked_sub(1)?;
        let fresh_for = self.0.fresh_for.load(Ordering::Relaxed);
        if mutants::is("log-alone") {
            return Some(Duration::from_millis(fresh_for));
        }
        if fresh_for == 0 {
            return None;
        }
        let left = at.saturating_add(fresh_for).checked_sub(self.0.millis(Instant::now()))?;
        // The last millisecond counts.
        Some(Duration::from_millis(left.saturating_add(1)))
    }

    /// Waits until what this node knows is no longer good; not at all while it
    /// is not.
    pub async fn grown_old(&self) {
        while let Some(left) = self.fresh_left() {
            tokio::time::sleep(left).await;
        }
    }

    /// Lets what this node knows be good for longer than usual, or not at all:
    /// for tests that count, on a machine that has other things to do.
    pub fn trust_for(&self, fresh_for: Duration) {
        let millis = u64::try_from(fresh_for.as_millis()).unwrap_or(u64::MAX);
        self.0.fresh_for.store(millis, Ordering::Relaxed);
    }

    /// This moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(self.0.millis(Instant::now()) + 1)
    }

    /// Whether everything that was committed by `moment` is applied here.
    #[must_use]
    pub fn knows_of(&self, moment: Moment) -> bool {
        moment.0 == 0 || self.0.fresh_at.load(Ordering::Acquire) > moment.0
    }

    /// This node was up to date when it asked, which was at `asked`.
    pub(crate) fn was_fresh(&self, asked: Instant) {
        self.0.fresh_at.fetch_max(self.0.millis(asked) + 1, Ordering::AcqRel);
    }

    /// Shows `observer` everything that is applied from now on, in the moment
    /// in which it is: when [`Hub::applied`] says a position, every observer
    /// has seen it. It must not wait.
    pub fn observe(&self, observer: impl Fn(Applied<'_>) + Send + Sync + 'static) {
        self.0.observers.lock().push(Arc::new(observer));
    }

    /// How far this node is; `None` before it has read the head once.
    #[must_use]
    pub fn applied(&self) -> Option<Position> {
        self.0.applied.borrow().clone()
    }

    /// Waits until this node has applied `position` (of whatever epoch).
    pub async fn wait_for(&self, position: i64) {
        let mut applied = self.0.applied.subscribe();
        let reached =
            |seen: &Option<Position>| seen.as_ref().is_some_and(|seen| seen.position >= position);
        // The sender lives as long as the hub does.
        let _ = applied.wait_for(reached).await;
    }

    /// Listens to everything that is applied from now on.
    #[must_use]
    pub fn listen(&self) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(LISTENER_QUEUE);
        self.0.state.lock().listeners.push(sender);
        receiver
    }

    /// The remembered events after `position`, oldest first; `None` when the
    /// memory does not reach back that far.
    #[must_use]
    pub fn after(&self, position: i64) -> Option<Vec<Arc<Event>>> {
        let state = self.0.state.lock();
        let oldest = state.ring.front().map(|event| event.position)?;
        if position + 1 < oldest {
            return None;
        }
        Some(state.ring.iter().filter(|event| event.position > position).cloned().collect())
    }

    /// Says of events that were read from the log where they stand in a trace,
    /// as far as this node has heard them from whoever numbered them and
    /// remembers it: the log keeps nothing of that. Whoever has read faster than
    /// this node has heard waits a moment for it.
    pub(crate) async fn recall_traces(&self, events: &mut [Event]) {
        let Some(last) = events.last().filter(|_| trace::is_on()) else { return };
        let _ = tokio::time::timeout(HEARD_WITHIN, self.wait_for(last.position)).await;
        let state = self.0.state.lock();
        let Some(oldest) = state.ring.front().map(|event| event.position) else { return };
        for event in events {
            let place = usize::try_from(event.position - oldest).ok();
            let heard = place.and_then(|place| state.ring.get(place));
            let heard = heard.filter(|heard| heard.id == event.id);
            event.trace = heard.and_then(|heard| heard.trace.clone());
        }
    }

    /// Hands the next events to everybody; waits for whoever is far behind.
    pub(crate) async fn apply(&self, epoch: &Arc<str>, events: Vec<Arc<Event>>) {
        let Some(last) = events.last().map(|event| event.position) else { return };
        let events: Arc<[Arc<Event>]> = events.into();
        self.0.show(Applied::Events(&events));
        let listeners = {
            let mut state = self.0.state.lock();
            state.ring.extend(events.iter().cloned());
            let excess = state.ring.len().saturating_sub(self.0.ring_len);
            state.ring.drain(..excess);
            state.listeners.retain(|listener| !listener.is_closed());
            state.listeners.clone()
        };
        for listener in listeners {
            let _ = listener.send(Message::Events(Arc::clone(&events))).await;
        }
        self.set(epoch, last);
    }

    /// Tells everybody what was committed and has no position yet. Never waits:
    /// a listener that is too far behind for it hears it from the log.
    pub(crate) fn ahead(&self, effects: Vec<Effect>) {
        if mutants::is("log-alone") {
            return;
        }
        self.0.show(Applied::Ahead(&effects));
        let effects: Arc<[Effect]> = effects.into();
        for listener in &self.0.state.lock().listeners {
            let _ = listener.try_send(Message::Ahead(Arc::clone(&effects)));
        }
    }

    /// What has just ended by writes of this node, for the line to others; the
    /// first who asks gets it.
    pub(crate) fn ends_here(&self) -> mpsc::Receiver<Vec<Effect>> {
        let (sender, receiver) = mpsc::channel(LISTENER_QUEUE);
        let _first_stays = self.0.ends.set(sender);
        receiver
    }

    /// A write of this node was committed, by which something ends: everybody
    /// here is told, and other nodes.
    pub fn ended(&self, effects: Vec<Effect>) {
        if let Some(ends) = self.0.ends.get() {
            // With no room for it, others hear it from the log.
            let _ = ends.try_send(effects.clone());
        }
        self.ahead(effects);
    }

    /// Starts over at a place.
    pub(crate) async fn reset(&self, epoch: &Arc<str>, position: i64) {
        self.0.show(Applied::Reset(position));
        let listeners = {
            let mut state = self.0.state.lock();
            state.ring.clear();
            state.listeners.clone()
        };
        let is_first = self.0.applied.borrow().is_none();
        self.set(epoch, position);
        if is_first {
            return;
        }
        for listener in listeners {
            let _ = listener.send(Message::Reset).await;
        }
    }

    fn set(&self, epoch: &Arc<str>, position: i64) {
        self.0.applied.send_replace(Some(Position { epoch: Arc::clone(epoch), position }));
    }
}

impl Inner {
    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.born).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX - 1)
    }

    fn show(&self, applied: Applied<'_>) {
        let observers = self.observers.lock().clone();
        for observer in observers {
            observer(applied);
        }
    }
}
