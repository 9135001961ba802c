//! Who is typing where, as far as this node was told.
//!
//! A client says so again and again while it lasts; others are told when it
//! begins, now and then while it goes on, and when it ends: by word, by a
//! message, or because nothing more was heard.

use std::collections::HashMap;

use parking_lot::Mutex;
use sayso_access::UserId;
use tokio::time::Instant;

use crate::limits::{TYPING_AGAIN, TYPING_FOR, TYPING_MAX};

/// Everybody who is typing.
#[derive(Debug, Default)]
pub(crate) struct Typing(Mutex<HashMap<UserId, Vec<Place>>>);

/// A stream somebody is typing for.
#[derive(Debug)]
struct Place {
    stream: String,
    heard: Instant,
    told: Instant,
}

impl Typing {
    /// Somebody is typing. Answers whether others are to be told.
    pub(crate) fn start(&self, user: UserId, stream: &str, now: Instant) -> bool {
        let mut all = self.0.lock();
        let places = all.entry(user).or_default();
        if let Some(place) = places.iter_mut().find(|place| place.stream == stream) {
            place.heard = now;
            let is_due = now.saturating_duration_since(place.told) >= TYPING_AGAIN;
            if is_due {
                place.told = now;
            }
            return is_due;
        }
        if places.len() >= TYPING_MAX {
            return false;
        }
        places.push(Place { stream: stream.to_owned(), heard: now, told: now });
        true
    }

    /// Somebody has stopped. Answers whether they were typing there.
    pub(crate) fn stop(&self, user: UserId, stream: &str) -> bool {
        let mut all = self.0.lock();
        let Some(places) = all.get_mut(&user) else { return false };
        let before = places.len();
        places.retain(|place| place.stream != stream);
        let was_typing = places.len() < before;
        if places.is_empty() {
            all.remove(&user);
        }
        was_typing
    }

    /// Takes out whoever was not heard of for too long, and where.
    pub(crate) fn ended(&self, now: Instant) -> Vec<(UserId, String)> {
        let mut ended = Vec::new();
        self.0.lock().retain(|user, places| {
            places.retain_mut(|place| {
                let goes_on = now.saturating_duration_since(place.heard) < TYPING_FOR;
                if !goes_on {
                    ended.push((*user, std::mem::take(&mut place.stream)));
                }
                goes_on
            });
            !places.is_empty()
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ANN: UserId = UserId(uuid::Uuid::nil());

    #[test]
    fn it_is_told_at_the_beginning_and_now_and_then_and_ends_when_nothing_is_heard() {
        let typing = Typing::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);

        let told: Vec<bool> = (0..8).map(|n| typing.start(ANN, "channel:a", at(n))).collect();

        assert_eq!(told, [true, false, false, true, false, false, true, false]);
        assert_eq!(typing.ended(at(12)), []);
        assert_eq!(typing.ended(at(13)), [(ANN, "channel:a".to_owned())]);
        assert!(!typing.stop(ANN, "channel:a"));
    }

    #[test]
    fn it_ends_by_word_once_and_only_there() {
        let typing = Typing::default();
        let now = Instant::now();
        typing.start(ANN, "channel:a", now);
        typing.start(ANN, "channel:b", now);

        assert!(typing.stop(ANN, "channel:a"));
        assert!(!typing.stop(ANN, "channel:a"));
        assert_eq!(typing.ended(now + TYPING_FOR).len(), 1);
    }

    #[test]
    fn nobody_types_everywhere() {
        let typing = Typing::default();
        let now = Instant::now();

        let told = (0..1_000).filter(|n| typing.start(ANN, &n.to_string(), now)).count();

        assert_eq!(told, TYPING_MAX);
    }
}
