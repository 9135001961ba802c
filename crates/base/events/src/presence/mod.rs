//! Who is there: the devices of each person, and what follows from them.
//!
//! A person may be connected from several devices at once. They are online
//! while one of them shows a sign of life now and then, away when none does,
//! offline when none is connected; and whatever they say themselves (`busy`)
//! goes before that, until they say otherwise. What is said outlives a short
//! absence, so that a phone in a tunnel does not forget it.
//!
//! Devices may be on several nodes: each tells the others what its own show of
//! a person (`exchange`), and each puts it together for itself (`person`). What
//! a node finds is told to its own sockets by whoever asks [`Presence::news`]:
//! each change once, and none that was taken back in the meantime.

mod exchange;
#[cfg(test)]
mod exchange_tests;
mod person;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::UserId;
use sayso_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use exchange::Exchange;
pub(crate) use exchange::{NodeId, Word};
use person::Person;

/// Without a sign of life for this long one is away, where nothing else is set.
const AWAY_AFTER: Duration = Duration::from_secs(300);

/// How a person can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There.
    Online,
    /// Connected, and not looking.
    Away,
    /// There, and not to be disturbed.
    Busy,
    /// Not connected, or not to be seen.
    #[default]
    Offline,
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

/// What others see of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How they can be reached.
    pub status: Status,
    /// When a device of theirs last showed a sign of life; `None` when nothing
    /// is known here.
    pub last_active_at: Option<Timestamp>,
}

/// A person whose status is another than the one that was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Who.
    pub user: UserId,
    /// What was told last.
    pub was: Status,
    /// What is true now.
    pub is: Seen,
}

/// One connection of a person.
pub type Device = u64;

/// Who is connected. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Presence(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    away_after: Duration,
    people: Mutex<People>,
    exchange: Mutex<Exchange>,
    /// The line to other nodes.
    beyond: OnceLock<mpsc::Sender<Word>>,
}

#[derive(Debug, Default)]
struct People {
    by_id: HashMap<UserId, Person>,
    /// Whose status may be another than the one that was told.
    touched: HashSet<UserId>,
    /// Of whom other nodes may be told something new.
    unreported: HashSet<UserId>,
}

impl Default for Presence {
    fn default() -> Self {
        Self::new(AWAY_AFTER)
    }
}

impl Presence {
    /// Nobody is there. Whoever shows no sign of life for `away_after` is away.
    #[must_use]
    pub fn new(away_after: Duration) -> Self {
        Self(Arc::new(Shared {
            away_after,
            people: Mutex::default(),
            exchange: Mutex::default(),
            beyond: OnceLock::new(),
        }))
    }

    /// A device of this person connected. Answers how many there are now on
    /// this node.
    pub fn connected(&self, user: UserId, device: Device, now: Timestamp) -> usize {
        self.change(user, now, |person| person.connected(device, now))
    }

    /// A device of this person went away.
    pub fn disconnected(&self, user: UserId, device: Device, now: Timestamp) {
        self.change(user, now, |person| person.disconnected(device));
    }

    /// A device of this person shows a sign of life.
    pub fn active(&self, user: UserId, device: Device, now: Timestamp) {
        self.change(user, now, |person| person.active(device, now));
    }

    /// Other streams tell of a person from here on: other nodes must know it
    /// before the next change.
    pub fn moved(&self, user: UserId) {
        let mut people = self.0.people.lock();
        let People { by_id, unreported, .. } = &mut *people;
        if let Some(person) = by_id.get_mut(&user).filter(|_| !self.is_alone()) {
            person.moved();
            if person.is_unreported() {
                unreported.insert(user);
            }
        }
    }

    /// A person says how they want to be seen; `online` leaves it to what
    /// their devices show. Answers how they are seen now.
    pub fn say(&self, user: UserId, status: Status, now: Timestamp) -> Seen {
        self.change(user, now, |person| person.say(status, now));
        self.seen(user)
    }

    /// How a person is seen.
    #[must_use]
    pub fn seen(&self, user: UserId) -> Seen {
        let people = self.0.people.lock();
        people.by_id.get(&user).map(Person::seen).unwrap_or_default()
    }

    /// Whether the person is seen to be there.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.seen(user).status != Status::Offline
    }

    /// The streams whose followers are to know of a person who is, or was,
    /// connected to another node.
    #[must_use]
    pub fn circle_elsewhere(&self, user: UserId) -> Option<Vec<String>> {
        let people = self.0.people.lock();
        people.by_id.get(&user)?.circle_elsewhere().map(<[String]>::to_vec)
    }

    /// Looks at everybody: who shows no sign of life any more, and what is to
    /// be forgotten.
    pub fn look(&self, now: Timestamp) {
        let is_alone = self.is_alone();
        let mut people = self.0.people.lock();
        let People { by_id, touched, unreported } = &mut *people;
        by_id.retain(|user, person| {
            if person.look(now, self.0.away_after) {
                touched.insert(*user);
            }
            if is_alone {
                person.report();
            } else if person.is_unreported() {
                unreported.insert(*user);
            }
            !person.is_forgotten(now)
        });
    }

    /// Whoever is seen otherwise than was told last, each once; from here on
    /// it counts as told. `knows` says whether there is anybody to tell it to
    /// yet; whoever it denies is asked for again the next time.
    pub fn news(&self, mut knows: impl FnMut(UserId) -> bool) -> Vec<News> {
        let touched = std::mem::take(&mut self.0.people.lock().touched);
        // Asked without the lock: whoever knows has locks of their own.
        let (known, unknown): (Vec<UserId>, Vec<UserId>) =
            touched.into_iter().partition(|user| knows(*user));
        let mut people = self.0.people.lock();
        let People { by_id, touched, .. } = &mut *people;
        let is_due = |user: &UserId| by_id.get(user).is_some_and(Person::is_news);
        touched.extend(unknown.into_iter().filter(is_due));
        let told = |user: UserId| {
            let person = by_id.get_mut(&user)?;
            let was = person.tell()?;
            Some(News { user, was, is: person.seen() })
        };
        known.into_iter().filter_map(told).collect()
    }

    /// Whether there is nobody to report to.
    fn is_alone(&self) -> bool {
        self.0.beyond.get().is_none()
    }

    /// Changes a person; answers how many devices they have here.
    fn change(&self, user: UserId, now: Timestamp, change: impl FnOnce(&mut Person)) -> usize {
        let mut people = self.0.people.lock();
        let person = people.by_id.entry(user).or_default();
        change(person);
        let is_news = person.look(now, self.0.away_after);
        if self.is_alone() {
            person.report();
        }
        let (count, is_unreported) = (person.devices_here(), person.is_unreported());
        if is_news {
            people.touched.insert(user);
        }
        if is_unreported {
            people.unreported.insert(user);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: UserId = UserId(uuid::Uuid::nil());

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("it is a time")
    }

    fn news(presence: &Presence) -> Vec<(Status, Status)> {
        presence.news(|_| true).iter().map(|news| (news.was, news.is.status)).collect()
    }

    #[test]
    fn a_person_is_online_until_the_last_device_has_gone() {
        let presence = Presence::default();

        assert_eq!(presence.connected(ANN, 1, at(0)), 1);
        assert_eq!(presence.connected(ANN, 2, at(1)), 2);
        assert_eq!(news(&presence), [(Status::Offline, Status::Online)]);
        presence.disconnected(ANN, 1, at(2));
        assert!(presence.is_online(ANN));
        assert_eq!(news(&presence), []);
        presence.disconnected(ANN, 2, at(3));

        assert!(!presence.is_online(ANN));
        assert_eq!(presence.seen(ANN).last_active_at, Some(at(1)));
        assert_eq!(news(&presence), [(Status::Online, Status::Offline)]);
    }

    #[test]
    fn one_is_away_when_no_device_shows_a_sign_of_life_and_back_at_the_first() {
        let presence = Presence::new(Duration::from_secs(60));
        presence.connected(ANN, 1, at(0));
        presence.connected(ANN, 2, at(0));
        presence.active(ANN, 2, at(30));

        presence.look(at(60));
        assert_eq!(presence.seen(ANN).status, Status::Online);
        presence.look(at(90));
        assert_eq!(presence.seen(ANN).status, Status::Away);
        presence.active(ANN, 1, at(91));

        assert_eq!(presence.seen(ANN).status, Status::Online);
    }

    #[test]
    fn what_one_says_goes_before_what_the_devices_show_and_outlives_a_short_absence() {
        let presence = Presence::default();
        presence.connected(ANN, 1, at(0));

        assert_eq!(presence.say(ANN, Status::Busy, at(1)).status, Status::Busy);
        presence.look(at(500));
        assert_eq!(presence.seen(ANN).status, Status::Busy);
        presence.disconnected(ANN, 1, at(501));
        assert_eq!(presence.seen(ANN).status, Status::Offline);
        presence.look(at(502));
        presence.connected(ANN, 2, at(503));
        assert_eq!(presence.seen(ANN).status, Status::Busy);

        assert_eq!(presence.say(ANN, Status::Online, at(504)).status, Status::Online);
    }

    #[test]
    fn what_was_taken_back_is_no_news_and_who_cannot_be_told_of_yet_is_kept() {
        let presence = Presence::default();
        presence.connected(ANN, 1, at(0));
        assert_eq!(presence.news(|_| false), []);
        assert_eq!(news(&presence).len(), 1);

        presence.disconnected(ANN, 1, at(1));
        presence.connected(ANN, 2, at(1));

        assert_eq!(news(&presence), []);
    }

    #[test]
    fn nothing_is_kept_of_those_who_left_long_ago() {
        let presence = Presence::default();
        presence.connected(ANN, 1, at(0));
        presence.say(ANN, Status::Busy, at(0));
        presence.disconnected(ANN, 1, at(1));
        news(&presence);

        presence.look(at(2_000));

        assert!(presence.0.people.lock().by_id.is_empty());
    }
}
