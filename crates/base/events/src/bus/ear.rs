//! What other nodes say, handed to those of this node whom it concerns.

use std::time::{Duration, Instant};

use sayso_redis::Heard;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::word::{Head, Spoken, Word};
use crate::hint::{Announced, Hint};
use crate::volatile::Whisper;

/// By how much an announcement may seem to come from the future: the clock of
/// Redis is known to within a round trip.
const AHEAD_MAX_MICROS: i64 = 100_000;

/// Listens until told to stop.
pub(super) async fn run(shared: &Shared, stop: CancellationToken) {
    let tell = |heard: Heard| match heard {
        Heard::Said(bytes) => hear(shared, &bytes),
        Heard::Joined => metrics::gauge!("sayso_bus_listening").set(1.0),
        Heard::Lost => metrics::gauge!("sayso_bus_listening").set(0.0),
    };
    sayso_redis::listen(shared.redis.clone(), shared.channel(), tell, stop).await;
}

fn hear(shared: &Shared, bytes: &[u8]) {
    // What cannot be read is of another version of Sayso.
    let Ok(Spoken { node, word }) = serde_json::from_slice(bytes) else { return };
    if node == shared.node {
        return;
    }
    match word {
        Word::Head(head) => {
            let told = announced(shared, head, Instant::now());
            // With no room the follower is busy enough.
            let _ = shared.hints.try_send(Hint::Head(told));
        }
        Word::Wake => {
            if shared.is_leading() {
                shared.db.wake().notify();
            }
        }
        Word::Whispers(heard) => {
            shared.volatile.publish_here(heard.into_iter().map(Whisper::from).collect());
        }
        Word::Presence(word) => {
            let now = shared.clock.now();
            if let Some(asked) = shared.presence.hear(shared.node, node, word, now) {
                shared.say(Word::Presence(asked));
            }
        }
        Word::Ended(effects) => shared.hub.ahead(effects),
    }
}

fn announced(shared: &Shared, head: Head, heard_at: Instant) -> Announced {
    let age = shared.redis.time_at(heard_at).zip(head.at).and_then(|(now, at)| age(now, at));
    let age = age.map(|age| age.saturating_add(Duration::from_millis(head.lag_ms)));
    Announced {
        epoch: head.epoch.into(),
        head: head.head,
        as_of: age.and_then(|age| heard_at.checked_sub(age)),
        is_to_be_read: head.is_to_be_read,
    }
}

/// How old something is; `None` when the shared clock was set in between.
fn age(now: i64, at: i64) -> Option<Duration> {
    let micros = now.checked_sub(at).filter(|micros| *micros >= -AHEAD_MAX_MICROS)?;
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_word_is_known_unless_the_clock_was_set_back() {
        assert_eq!(age(1_500_000, 1_000_000), Some(Duration::from_millis(500)));
        assert_eq!(age(1_000_000, 1_000_050), Some(Duration::ZERO));
        assert_eq!(age(1_000_000, 9_000_000), None);
    }
}
