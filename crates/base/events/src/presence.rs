//! Who is there: the devices of each person, and what follows from them.
//!
//! A person may be connected from several devices at once. They are online
//! while one of them shows a sign of life now and then, away when none does,
//! offline when none is connected; and whatever they say themselves (`busy`)
//! goes before that, until they say otherwise. What is said outlives a short
//! absence, so that a phone in a tunnel does not forget it.
//!
//! This knows the devices of one node. What it finds is told to others by
//! whoever asks [`Presence::news`]: each change once, and none that was taken
//! back in the meantime.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::UserId;
use sayso_kernel::Timestamp;

/// Without a sign of life for this long one is away, where nothing else is set.
const AWAY_AFTER: Duration = Duration::from_secs(300);
/// How long what a person said of themselves is kept while they are offline.
const SAID_KEPT: Duration = Duration::from_secs(600);

/// How a person can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

/// Who is connected to this node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Presence(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    away_after: Duration,
    people: Mutex<People>,
}

#[derive(Debug, Default)]
struct People {
    by_id: HashMap<UserId, Person>,
    /// Whose status may be another than the one that was told.
    touched: HashSet<UserId>,
}

#[derive(Debug, Default)]
struct Person {
    /// The last sign of life of each device.
    devices: HashMap<Device, Timestamp>,
    /// What they say themselves.
    said: Option<Status>,
    last_active_at: Option<Timestamp>,
    status: Status,
    told: Status,
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
        Self(Arc::new(Shared { away_after, people: Mutex::default() }))
    }

    /// A device of this person connected. Answers how many there are now.
    pub fn connected(&self, user: UserId, device: Device, now: Timestamp) -> usize {
        self.change(user, now, |person| {
            person.devices.insert(device, now);
            person.last_active_at = Some(now);
        })
    }

    /// A device of this person went away.
    pub fn disconnected(&self, user: UserId, device: Device, now: Timestamp) {
        self.change(user, now, |person| {
            person.devices.remove(&device);
        });
    }

    /// A device of this person shows a sign of life.
    pub fn active(&self, user: UserId, device: Device, now: Timestamp) {
        self.change(user, now, |person| {
            if let Some(last) = person.devices.get_mut(&device) {
                *last = now;
                person.last_active_at = Some(now);
            }
        });
    }

    /// A person says how they want to be seen; `online` leaves it to what
    /// their devices show. Answers how they are seen now.
    pub fn say(&self, user: UserId, status: Status, now: Timestamp) -> Seen {
        self.change(user, now, |person| {
            person.said = (status != Status::Online).then_some(status);
        });
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

    /// Looks at everybody: who shows no sign of life any more, and what is to
    /// be forgotten.
    pub fn look(&self, now: Timestamp) {
        let mut people = self.0.people.lock();
        let People { by_id, touched } = &mut *people;
        by_id.retain(|user, person| {
            person.status = person.status_at(now, self.0.away_after);
            if person.status != person.told {
                touched.insert(*user);
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
        let People { by_id, touched } = &mut *people;
        let is_due = |user: &UserId| by_id.get(user).is_some_and(|it| it.status != it.told);
        touched.extend(unknown.into_iter().filter(is_due));
        let mut news = Vec::new();
        for user in known {
            let Some(person) = by_id.get_mut(&user) else { continue };
            let was = std::mem::replace(&mut person.told, person.status);
            if was != person.status {
                news.push(News { user, was, is: person.seen() });
            }
        }
        news
    }

    /// Changes a person; answers how many devices they have.
    fn change(&self, user: UserId, now: Timestamp, change: impl FnOnce(&mut Person)) -> usize {
        let mut people = self.0.people.lock();
        let person = people.by_id.entry(user).or_default();
        change(person);
        person.status = person.status_at(now, self.0.away_after);
        let (count, is_news) = (person.devices.len(), person.status != person.told);
        if is_news {
            people.touched.insert(user);
        }
        count
    }
}

impl Person {
    fn seen(&self) -> Seen {
        Seen { status: self.status, last_active_at: self.last_active_at }
    }

    fn status_at(&self, now: Timestamp, away_after: Duration) -> Status {
        let Some(last) = self.devices.values().max() else { return Status::Offline };
        match self.said {
            Some(said) => said,
            None if is_past(*last, away_after, now) => Status::Away,
            None => Status::Online,
        }
    }

    /// Whether nothing of it is worth keeping.
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let is_kept = self.said.is_some()
            && self.last_active_at.is_some_and(|last| !is_past(last, SAID_KEPT, now));
        self.devices.is_empty() && self.told == Status::Offline && !is_kept
    }
}

/// Whether `since` lies more than `by` before `now`.
fn is_past(since: Timestamp, by: Duration, now: Timestamp) -> bool {
    since.saturating_add(by).is_ok_and(|then| then <= now)
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
