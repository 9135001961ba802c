//! What nodes tell each other of who is connected to them.
//!
//! Each node tells what has changed, numbered without a hole, and every few
//! seconds the number it is at. Whoever missed something (it has just come, the
//! line was cut, a message was lost) asks for everything, once. A node that is
//! not heard for a while is gone, and everybody with it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sayso_access::UserId;
use sayso_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::person::Shown;
use super::{People, Presence};

/// A running process.
pub(crate) type NodeId = Uuid;

/// How often a node says that it is there.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A node that was not heard for this long is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(8);
/// People in one message.
const PEOPLE_MAX: usize = 200;
/// Messages that may wait for the line; beyond that everything is told anew.
const WAITING_MAX: usize = 1024;
/// The least time between two questions to one node, and between two answers.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(1);

/// One message of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// What has changed since message `count - 1`.
    Changed { count: u64, people: Vec<Reported> },
    /// It is there, and at this message.
    Beat { count: u64 },
    /// Tell me everything, `of`.
    Ask { of: NodeId },
    /// A part of everything, as of message `count`; the first and the last say
    /// so.
    Whole { count: u64, is_first: bool, is_last: bool, people: Vec<Reported> },
    /// It goes, and everybody with it.
    Farewell,
}

/// What a node shows of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reported {
    user: UserId,
    shown: Shown,
    circle: Option<Vec<String>>,
}

/// How this node stands with the others.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    count: u64,
    told_at: Option<Instant>,
    /// When everything was told last, and whether it is to be told again.
    whole_at: Option<Instant>,
    is_whole_due: bool,
    others: HashMap<NodeId, Other>,
}

/// Another node.
#[derive(Debug)]
struct Other {
    heard_at: Instant,
    count: Option<u64>,
    asked_at: Option<Instant>,
    /// The parts of everything that have come.
    parts: Option<Vec<Reported>>,
}

impl Presence {
    /// Tells other nodes what has changed here. `circle` says which streams
    /// tell of a person; whoever it does not know yet is told of later.
    pub fn exchange(&self, now: Timestamp, circle: impl FnMut(UserId) -> Option<Vec<String>>) {
        let Some(beyond) = self.0.beyond.get() else { return };
        let is_whole_due = {
            let exchange = self.0.exchange.lock();
            let is_rested = exchange.whole_at.is_none_or(|at| at.elapsed() >= ASK_EVERY);
            exchange.is_whole_due && is_rested
        };
        let words = if is_whole_due { self.whole(circle) } else { self.changed(circle) };
        let is_silent = words.is_empty();
        let mut exchange = self.0.exchange.lock();
        let is_beat_due = exchange.told_at.is_none_or(|at| at.elapsed() >= BEAT_EVERY);
        let beat = (is_silent && is_beat_due).then_some(Word::Beat { count: exchange.count });
        for word in words.into_iter().chain(beat) {
            exchange.told_at = Some(Instant::now());
            exchange.is_whole_due |= beyond.try_send(word).is_err();
        }
        drop(exchange);
        self.miss_others(now);
    }

    fn changed(&self, mut circle: impl FnMut(UserId) -> Option<Vec<String>>) -> Vec<Word> {
        let due = std::mem::take(&mut self.0.people.lock().unreported);
        let due: Vec<_> = due.into_iter().map(|user| (user, circle(user))).collect();
        let mut people = self.0.people.lock();
        let People { by_id, unreported, .. } = &mut *people;
        let mut reports = Vec::new();
        for (user, circle) in due {
            let Some(person) = by_id.get_mut(&user).filter(|person| person.is_unreported()) else {
                continue;
            };
            // Somebody who is only just coming in.
            if circle.is_none() && person.devices_here() > 0 {
                unreported.insert(user);
                continue;
            }
            reports.push(Reported { user, shown: person.report(), circle });
        }
        drop(people);
        let mut exchange = self.0.exchange.lock();
        let mut word = |people: &[Reported]| {
            exchange.count += 1;
            Word::Changed { count: exchange.count, people: people.to_vec() }
        };
        reports.chunks(PEOPLE_MAX).map(&mut word).collect()
    }

    fn whole(&self, mut circle: impl FnMut(UserId) -> Option<Vec<String>>) -> Vec<Word> {
        let all: Vec<UserId> = {
            let people = self.0.people.lock();
            let shown = people.by_id.iter().filter(|(_, person)| person.is_shown_here());
            shown.map(|(user, _)| *user).collect()
        };
        let all: Vec<_> = all.into_iter().map(|user| (user, circle(user))).collect();
        let mut people = self.0.people.lock();
        let People { by_id, unreported, .. } = &mut *people;
        let report = |(user, circle): (UserId, Option<Vec<String>>)| {
            let person = by_id.get_mut(&user)?;
            // Somebody who is only just coming in is told of with the circle; also
            // where they were told of before, for now they are left out.
            if circle.is_none() && person.devices_here() > 0 {
                person.moved();
                unreported.insert(user);
                return None;
            }
            Some(Reported { user, shown: person.report(), circle })
        };
        let told: HashSet<UserId> = all.iter().map(|(user, _)| *user).collect();
        let reports: Vec<Reported> = all.into_iter().filter_map(report).collect();
        // Whoever is left out counts as gone elsewhere: who is back by now, as they
        // were before, is told of again.
        for (user, person) in by_id.iter_mut().filter(|(user, _)| !told.contains(user)) {
            person.left_out();
            if person.is_unreported() {
                unreported.insert(*user);
            }
        }
        drop(people);
        let mut exchange = self.0.exchange.lock();
        exchange.is_whole_due = false;
        exchange.whole_at = Some(Instant::now());
        exchange.count += 1;
        let parts = reports.len().div_ceil(PEOPLE_MAX).max(1);
        let part = |n: usize| Word::Whole {
            count: exchange.count,
            is_first: n == 0,
            is_last: n + 1 == parts,
            people: reports.iter().skip(n * PEOPLE_MAX).take(PEOPLE_MAX).cloned().collect(),
        };
        (0..parts).map(part).collect()
    }

    /// What this node says from now on, for the line to others; the first who
    /// asks gets it.
    pub(crate) fn outgoing(&self) -> mpsc::Receiver<Word> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let _first_stays = self.0.beyond.set(sender);
        receiver
    }

    /// Another node says something. Answers what it is to be asked.
    pub(crate) fn hear(
        &self,
        me: NodeId,
        node: NodeId,
        word: Word,
        now: Timestamp,
    ) -> Option<Word> {
        let mut exchange = self.0.exchange.lock();
        if let Word::Ask { of } = word {
            exchange.is_whole_due |= of == me;
            return None;
        }
        if matches!(word, Word::Farewell) {
            exchange.others.remove(&node);
            drop(exchange);
            self.forget_node(node, now);
            return None;
        }
        let other = exchange.others.entry(node).or_insert_with(Other::new);
        other.heard_at = Instant::now();
        match word {
            Word::Changed { count, people } if other.count == Some(count.wrapping_sub(1)) => {
                other.count = Some(count);
                drop(exchange);
                self.take(node, people, now);
                None
            }
            Word::Beat { count } if other.count == Some(count) => None,
            Word::Whole { count, is_first, is_last, people } => {
                let whole = other.gather((is_first, is_last), people)?;
                other.count = Some(count);
                drop(exchange);
                self.replace(node, whole, now);
                None
            }
            _ => other.ask(node),
        }
    }

    fn take(&self, node: NodeId, reports: Vec<Reported>, now: Timestamp) {
        for Reported { user, shown, circle } in reports {
            self.change(user, now, |person| person.hear(node, Some(shown), circle));
        }
    }

    fn replace(&self, node: NodeId, reports: Vec<Reported>, now: Timestamp) {
        let kept: HashSet<UserId> = reports.iter().map(|it| it.user).collect();
        self.take(node, reports, now);
        self.forget_where(node, now, |user| !kept.contains(user));
    }

    fn forget_node(&self, node: NodeId, now: Timestamp) {
        self.forget_where(node, now, |_| true);
    }

    fn forget_where(&self, node: NodeId, now: Timestamp, is_gone: impl Fn(&UserId) -> bool) {
        let gone: Vec<UserId> = {
            let people = self.0.people.lock();
            let known = people.by_id.iter().filter(|(_, person)| person.is_known_by(node));
            known.map(|(user, _)| *user).filter(is_gone).collect()
        };
        for user in gone {
            self.change(user, now, |person| person.hear(node, None, None));
        }
    }

    /// Forgets nodes that are not heard any more.
    fn miss_others(&self, now: Timestamp) {
        let gone: Vec<NodeId> = {
            let mut exchange = self.0.exchange.lock();
            let late = exchange.others.iter();
            let late = late.filter(|(_, other)| other.heard_at.elapsed() >= GONE_AFTER);
            let gone: Vec<NodeId> = late.map(|(node, _)| *node).collect();
            gone.iter().for_each(|node| drop(exchange.others.remove(node)));
            metrics::gauge!("sayso_presence_nodes").set(exchange.others.len() as f64 + 1.0);
            gone
        };
        for node in gone {
            tracing::info!(%node, "a node is not heard any more");
            self.forget_node(node, now);
        }
    }
}

impl Other {
    fn new() -> Self {
        Self { heard_at: Instant::now(), count: None, asked_at: None, parts: None }
    }

    /// The question for everything, unless it was asked just now.
    fn ask(&mut self, of: NodeId) -> Option<Word> {
        if self.asked_at.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return None;
        }
        self.asked_at = Some(Instant::now());
        Some(Word::Ask { of })
    }

    /// Takes a part of everything; answers everything when this was the last.
    fn gather(&mut self, place: (bool, bool), people: Vec<Reported>) -> Option<Vec<Reported>> {
        let (is_first, is_last) = place;
        if is_first {
            self.parts = Some(Vec::new());
        }
        self.parts.as_mut()?.extend(people);
        if is_last { self.parts.take() } else { None }
    }
}
