//! One reads, the others wait for it: so many requests for the same thing cost
//! one read.
//!
//! Whoever comes after the thing has changed does not wait for a read that
//! began before: it might be answered with the state before its own write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::shelf::{Entry, Key};

/// What became of a read.
#[derive(Clone, Debug)]
pub(crate) enum Landed {
    /// It is under way.
    InAir,
    /// This was read.
    With(Arc<Entry>),
    /// It failed.
    Nowhere,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    began_at: u64,
    landed: watch::Receiver<Landed>,
}

/// The reads under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    all: Mutex<HashMap<Key, Flight>>,
    next: AtomicU64,
}

/// What whoever needs a thing does.
pub(crate) enum Part<'a> {
    /// Read it.
    Lead(Pilot<'a>),
    /// Wait for whoever reads.
    Follow(watch::Receiver<Landed>),
}

/// Whoever reads. When it is dropped without having landed, those who wait
/// look again.
pub(crate) struct Pilot<'a> {
    flights: &'a Flights,
    key: Key,
    id: u64,
    tell: watch::Sender<Landed>,
}

impl Flights {
    /// Joins the read of `key` that is under way, if `is_true` says of the
    /// moment in which it began that nothing has changed since; else begins
    /// one at the moment `now`.
    pub(crate) fn join(&self, key: Key, now: u64, is_true: impl Fn(u64) -> bool) -> Part<'_> {
        let mut all = self.all.lock();
        if let Some(flight) = all.get(&key)
            && is_true(flight.began_at)
        {
            return Part::Follow(flight.landed.clone());
        }
        let (tell, landed) = watch::channel(Landed::InAir);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        all.insert(key, Flight { id, began_at: now, landed });
        Part::Lead(Pilot { flights: self, key, id, tell })
    }
}

impl Pilot<'_> {
    /// Tells those who wait.
    pub(crate) fn land(self, landed: Landed) {
        self.tell.send_replace(landed);
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        let mut all = self.flights.all.lock();
        if all.get(&self.key).is_some_and(|flight| flight.id == self.id) {
            all.remove(&self.key);
        }
    }
}

/// Waits for what becomes of a read; `None` when whoever read went away.
pub(crate) async fn wait(mut landed: watch::Receiver<Landed>) -> Option<Landed> {
    let is_over = |landed: &Landed| !matches!(landed, Landed::InAir);
    let landed = landed.wait_for(is_over).await.ok()?;
    Some(landed.clone())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::table::Entity;

    const KEY: Key = Key::of(Entity::Task, Uuid::nil());

    #[test]
    fn one_leads_until_it_has_landed() {
        let flights = Flights::default();
        let Part::Lead(pilot) = flights.join(KEY, 1, |_| true) else { panic!("nobody reads yet") };

        assert!(matches!(flights.join(KEY, 1, |_| true), Part::Follow(_)));
        pilot.land(Landed::Nowhere);
        assert!(matches!(flights.join(KEY, 1, |_| true), Part::Lead(_)));
    }

    #[test]
    fn nobody_waits_for_a_read_that_began_before_a_change() {
        let flights = Flights::default();
        let _before = flights.join(KEY, 1, |_| true);

        let Part::Lead(after) = flights.join(KEY, 2, |began| began >= 2) else {
            panic!("what is read may be from before")
        };
        drop(_before);
        assert!(matches!(flights.join(KEY, 2, |began| began >= 2), Part::Follow(_)));
        drop(after);
    }

    #[tokio::test]
    async fn whoever_waits_for_one_who_went_away_looks_again() {
        let flights = Flights::default();
        let Part::Lead(pilot) = flights.join(KEY, 1, |_| true) else { panic!("nobody reads yet") };
        let Part::Follow(landed) = flights.join(KEY, 1, |_| true) else { panic!("one reads") };

        drop(pilot);

        assert!(wait(landed).await.is_none());
    }
}
