//! The count after a fault: what was acknowledged against what is there.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// What the writers know, and what is found.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// Faults that were fired.
    pub faults: usize,
    /// Writes that were answered with success.
    pub acked: BTreeSet<Uuid>,
    /// Writes that were refused or lost; they may have happened or not.
    pub unanswered: BTreeSet<Uuid>,
    /// Rows by id.
    pub stored: BTreeMap<Uuid, i64>,
    /// Events by id.
    pub heard: BTreeMap<Uuid, i64>,
}

impl Count {
    /// Acknowledged writes without a row.
    pub fn lost(&self) -> usize {
        self.acked.iter().filter(|id| !self.stored.contains_key(id)).count()
    }

    /// Rows and events that are there more than once.
    pub fn doubled(&self) -> usize {
        self.stored.values().chain(self.heard.values()).filter(|count| **count > 1).count()
    }

    /// Everything that is wrong, in words.
    pub fn wrong(&self) -> Vec<String> {
        let silent = self.stored.keys().filter(|id| !self.heard.contains_key(id)).count();
        let unfounded = self.heard.keys().filter(|id| !self.stored.contains_key(id)).count();
        let known = |id: &&Uuid| self.acked.contains(id) || self.unanswered.contains(id);
        let foreign = self.stored.len() - self.stored.keys().filter(known).count();
        let mut wrong: Vec<String> = [
            (self.lost(), "acknowledged and not there"),
            (self.doubled(), "there more than once"),
            (silent, "rows without an event"),
            (unfounded, "events without a row"),
            (foreign, "rows that nobody wrote"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        if self.faults == 0 || self.acked.is_empty() {
            wrong.push("nothing was broken, or nothing was acknowledged".to_owned());
        }
        wrong
    }
}

/// One write acknowledged, one not, both there and heard.
fn sound() -> Count {
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let there = BTreeMap::from([(a, 1), (b, 1)]);
    Count {
        faults: 1,
        acked: BTreeSet::from([a]),
        unanswered: BTreeSet::from([b]),
        stored: there.clone(),
        heard: there,
    }
}

#[track_caller]
fn assert_convicted(what: &str, spoil: impl FnOnce(&mut Count, Uuid)) {
    let mut count = sound();
    spoil(&mut count, Uuid::from_u128(1));
    let wrong = count.wrong();
    assert!(wrong.iter().any(|line| line.contains(what)), "{what} is not among {wrong:?}");
}

#[test]
fn the_count_acquits_what_is_sound_and_convicts_each_wrong() {
    assert_eq!(sound().wrong(), Vec::<String>::new());

    assert_convicted("acknowledged and not there", |count, id| {
        count.stored.remove(&id);
        count.heard.remove(&id);
    });
    assert_convicted("there more than once", |count, id| {
        count.stored.insert(id, 2);
    });
    assert_convicted("there more than once", |count, id| {
        count.heard.insert(id, 2);
    });
    assert_convicted("without an event", |count, id| {
        count.heard.remove(&id);
    });
    assert_convicted("without a row", |count, id| {
        count.stored.remove(&id);
    });
    assert_convicted("nobody wrote", |count, id| {
        count.acked.remove(&id);
    });
    assert_convicted("nothing was broken", |count, _| count.faults = 0);
    assert_convicted("nothing was acknowledged", |count, _| count.acked.clear());
}
