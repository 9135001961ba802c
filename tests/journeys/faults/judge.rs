//! The counting rule: what was acknowledged (A), what is true (T), what each
//! subscriber received (R).
//!
//! Lost is A − T and T − R. Doubles are found by id, order by position and
//! seq. A run in which nothing was broken, nothing acknowledged or nobody had
//! to come back proves nothing and is invalid.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::truth::{Logged, Stored};

/// A write that was answered 2xx.
#[derive(Clone, Debug)]
pub struct Acked {
    /// What it said; every write says something else.
    pub content: String,
    /// The id it was answered.
    pub id: Uuid,
}

/// One subscriber, over all its connections.
#[derive(Clone, Debug)]
pub struct Subscriber {
    pub name: String,
    /// Where its first connection began.
    pub began: i64,
    /// The streams it follows.
    pub streams: HashSet<String>,
    /// What it heard, in order.
    pub heard: Vec<Logged>,
    /// How often it came back.
    pub reconnects: usize,
    /// How often it was told that it could not go on where it stopped.
    pub restarted: usize,
}

/// Everything a run has left behind.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub acked: Vec<Acked>,
    /// Contents of writes of which nobody knows what became.
    pub unanswered: HashSet<String>,
    pub stored: Vec<Stored>,
    pub log: Vec<Logged>,
    /// Messages without exactly one event.
    pub without_event: i64,
    pub subscribers: Vec<Subscriber>,
    /// How often something was broken, counted by what came of it: a process that
    /// ended by the signal, a line that was cut, a node that missed something.
    pub faults: usize,
    /// Answers that no outage excuses: 500s, 503s without Retry-After.
    pub wrong_answers: Vec<String>,
    /// What is wrong with the log itself.
    pub wrong_log: Vec<String>,
}

/// What the judge found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub acked: usize,
    pub stored: usize,
    pub received: usize,
    pub faults: usize,
    pub reconnects: usize,
    /// A − T.
    pub lost_writes: usize,
    /// T − R, over all subscribers.
    pub lost_events: usize,
    /// Writes that are there more than once.
    pub doubled_writes: usize,
    /// Events that one subscriber got more than once.
    pub doubled_events: usize,
    /// Events that came after a later one.
    pub disordered: usize,
    /// Events that were not the subscriber's to hear, or are not in the log.
    pub foreign: usize,
    /// Acknowledged under two ids, or stored under another.
    pub mismatched: usize,
    /// Stored, and neither acknowledged nor unanswered.
    pub unasked: usize,
    pub without_event: i64,
    pub restarted: usize,
    pub wrong_answers: Vec<String>,
    pub wrong_log: Vec<String>,
    /// Why the run proves nothing.
    pub invalid: Option<&'static str>,
}

impl Verdict {
    /// Nothing lost, doubled, out of order or wrong, in a run that counts.
    pub fn is_clean(&self) -> bool {
        let counts = Self {
            acked: self.acked,
            stored: self.stored,
            received: self.received,
            faults: self.faults,
            reconnects: self.reconnects,
            ..Self::default()
        };
        *self == counts
    }
}

/// Judges a run.
pub fn judge(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict {
        acked: evidence.acked.len(),
        stored: evidence.stored.len(),
        received: evidence.subscribers.iter().map(|one| one.heard.len()).sum(),
        faults: evidence.faults,
        reconnects: evidence.subscribers.iter().map(|one| one.reconnects).sum(),
        restarted: evidence.subscribers.iter().map(|one| one.restarted).sum(),
        without_event: evidence.without_event,
        wrong_answers: evidence.wrong_answers.clone(),
        wrong_log: evidence.wrong_log.clone(),
        ..Verdict::default()
    };
    judge_writes(evidence, &mut verdict);
    for subscriber in &evidence.subscribers {
        judge_subscriber(subscriber, &evidence.log, &mut verdict);
    }
    verdict.invalid = match &verdict {
        Verdict { faults: 0, .. } => Some("nothing was broken"),
        Verdict { acked: 0, .. } => Some("nothing was acknowledged"),
        Verdict { reconnects: 0, .. } => Some("nobody had to come back"),
        _ => None,
    };
    verdict
}

fn judge_writes(evidence: &Evidence, verdict: &mut Verdict) {
    let mut stored: HashMap<&str, Vec<Uuid>> = HashMap::new();
    for message in &evidence.stored {
        stored.entry(&message.content).or_default().push(message.id);
    }
    verdict.doubled_writes = stored.values().map(|ids| ids.len() - 1).sum();
    let mut acked: HashMap<&str, Uuid> = HashMap::new();
    for ack in &evidence.acked {
        let first = *acked.entry(&ack.content).or_insert(ack.id);
        match stored.get(ack.content.as_str()) {
            None => verdict.lost_writes += 1,
            Some(ids) if first != ack.id || !ids.contains(&ack.id) => verdict.mismatched += 1,
            Some(_) => {}
        }
    }
    let excused =
        |content: &&str| acked.contains_key(*content) || evidence.unanswered.contains(*content);
    verdict.unasked = stored.keys().filter(|content| !excused(content)).count();
}

fn judge_subscriber(subscriber: &Subscriber, log: &[Logged], verdict: &mut Verdict) {
    let due: HashMap<Uuid, &Logged> = log
        .iter()
        .filter(|event| event.position > subscriber.began)
        .filter(|event| subscriber.streams.contains(&event.stream))
        .map(|event| (event.id, event))
        .collect();
    let mut seen = HashSet::new();
    let mut last = subscriber.began;
    let mut seqs: HashMap<&str, i64> = HashMap::new();
    for event in &subscriber.heard {
        if due.get(&event.id).is_none_or(|due| *due != event) {
            verdict.foreign += 1;
        }
        if !seen.insert(event.id) {
            verdict.doubled_events += 1;
            continue;
        }
        let before = seqs.insert(&event.stream, event.seq);
        if event.position <= last || before.is_some_and(|before| before >= event.seq) {
            verdict.disordered += 1;
        }
        last = last.max(event.position);
    }
    verdict.lost_events += due.keys().filter(|id| !seen.contains(*id)).count();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> Uuid {
        Uuid::from_u128(u128::try_from(number).unwrap())
    }

    fn event(position: i64) -> Logged {
        Logged {
            stream: "channel:1".to_owned(),
            seq: position,
            position,
            id: id(position),
            kind: "message.sent".to_owned(),
        }
    }

    /// Three writes, one subscriber, one kill: all as it should be.
    fn clean() -> Evidence {
        let write = |number: i64| (format!("say {number}"), id(100 + number));
        Evidence {
            acked: (1..=3).map(write).map(|(content, id)| Acked { content, id }).collect(),
            stored: (1..=3).map(write).map(|(content, id)| Stored { id, content }).collect(),
            log: (1..=3).map(event).collect(),
            subscribers: vec![Subscriber {
                name: "ann".to_owned(),
                began: 0,
                streams: HashSet::from(["channel:1".to_owned()]),
                heard: (1..=3).map(event).collect(),
                reconnects: 1,
                restarted: 0,
            }],
            faults: 1,
            ..Evidence::default()
        }
    }

    /// The verdict when the clean run is spoiled.
    fn spoiled(spoil: impl FnOnce(&mut Evidence)) -> Verdict {
        let mut evidence = clean();
        spoil(&mut evidence);
        let verdict = judge(&evidence);
        assert!(!verdict.is_clean(), "{verdict:?}");
        verdict
    }

    #[test]
    fn a_clean_run_is_clean() {
        assert!(judge(&clean()).is_clean(), "{:?}", judge(&clean()));
    }

    #[test]
    fn what_was_acknowledged_and_is_not_there_is_lost() {
        assert_eq!(spoiled(|run| drop(run.stored.pop())).lost_writes, 1);
    }

    #[test]
    fn what_is_in_the_log_and_was_not_heard_is_lost() {
        assert_eq!(spoiled(|run| drop(run.subscribers[0].heard.remove(1))).lost_events, 1);
    }

    #[test]
    fn what_is_there_twice_is_found_by_its_content_and_by_its_id() {
        let twice = spoiled(|run| {
            run.stored.push(Stored { id: id(999), content: "say 1".to_owned() });
        });
        assert_eq!(twice.doubled_writes, 1);
        assert_eq!(spoiled(|run| run.subscribers[0].heard.push(event(2))).doubled_events, 1);
    }

    #[test]
    fn order_and_strangers_are_found() {
        assert_eq!(spoiled(|run| run.subscribers[0].heard.swap(0, 1)).disordered, 1);
        assert_eq!(spoiled(|run| run.subscribers[0].heard.push(event(9))).foreign, 1);
        assert_eq!(spoiled(|run| run.subscribers[0].heard[0].seq = 7).foreign, 1);
    }

    #[test]
    fn two_ids_for_one_write_and_writes_of_nobody_are_found() {
        let two = spoiled(|run| {
            run.acked.push(Acked { content: "say 1".to_owned(), id: id(999) });
        });
        assert_eq!(two.mismatched, 1);
        assert_eq!(spoiled(|run| drop(run.acked.pop())).unasked, 1);
    }

    #[test]
    fn a_run_that_broke_nothing_is_invalid() {
        assert!(spoiled(|run| run.faults = 0).invalid.is_some());
        assert!(spoiled(|run| run.subscribers[0].reconnects = 0).invalid.is_some());
        let silent = spoiled(|run| {
            *run =
                Evidence { faults: 1, subscribers: run.subscribers.clone(), ..Evidence::default() };
        });
        assert!(silent.invalid.is_some());
    }
}
