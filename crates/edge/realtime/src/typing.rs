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

/// What becomes of the word that somebody is typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// Others are to be told.
    Told,
    /// They were told a moment ago.
    Known,
    /// The person is typing in as many channels as one may.
    TooMany,
}

impl Typing {
    /// Somebody is typing.
    pub(crate) fn start(&self, user: UserId, stream: &str, now: Instant) -> Started {
        let mut all = self.0.lock();
        let places = all.entry(user).or_default();
        if let Some(place) = places.iter_mut().find(|place| place.stream == stream) {
            place.heard = now;
            if now.saturating_duration_since(place.told) < TYPING_AGAIN {
                return Started::Known;
            }
            place.told = now;
            return Started::Told;
        }
        if places.len() >= TYPING_MAX {
            return Started::TooMany;
        }
        places.push(Place { stream: stream.to_owned(), heard: now, told: now });
        Started::Told
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

        let told = (0..8).filter(|n| typing.start(ANN, "channel:a", at(*n)) == Started::Told);

        assert_eq!(told.collect::<Vec<_>>(), [0, 3, 6]);
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

        let began: Vec<Started> =
            (0..100).map(|n| typing.start(ANN, &n.to_string(), now)).collect();

        let (told, refused) = began.split_at(TYPING_MAX);
        assert!(told.iter().all(|it| *it == Started::Told), "{told:?}");
        assert!(refused.iter().all(|it| *it == Started::TooMany), "{refused:?}");
        // Where they type already they go on, and in the place of one others begin.
        assert_eq!(typing.start(ANN, "0", now), Started::Known);
        assert!(typing.stop(ANN, "0"));
        assert_eq!(typing.start(ANN, "100", now), Started::Told);
    }
}
