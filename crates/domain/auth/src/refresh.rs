//! Refresh tokens, and what presenting one means.
//!
//! A token is 256 bits; only its SHA-256 is stored. Its successor is an HMAC
//! of it, so that a lost answer can be given again without keeping what was in
//! it. A stolen token is found out because thief and owner cannot both go on:
//! whoever comes second presents a token whose successor was used.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sayso_kernel::secret::{hmac_sha256, sha256};
use sayso_kernel::{Random, Timestamp};

/// How long the answer to a refresh can be asked for again.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(30);
/// How long after the first use of the successor a sibling on the same device
/// is told so, and not taken for a thief.
pub const SIBLING_WINDOW: Duration = Duration::from_secs(5);

const LEN: usize = 32;

/// A refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; LEN]);

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[refresh token]")
    }
}

impl RefreshToken {
    /// The first of a chain.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// Reads what a client presents; `None` when it cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What a client is given.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&self.0])
    }

    /// The one that comes after it, the same each time.
    #[must_use]
    pub fn successor(&self, key: &SuccessorKey) -> Self {
        Self(hmac_sha256(&key.0, &[&self.0]))
    }
}

/// The key that makes successors.
#[derive(Clone)]
pub struct SuccessorKey([u8; 32]);

impl SuccessorKey {
    /// Takes a key derived for this purpose.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }
}

impl fmt::Debug for SuccessorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[successor key]")
    }
}

/// What is known of a token that is presented.
#[derive(Clone, Debug)]
pub struct Presented {
    /// Whether its session has ended.
    pub is_ended: bool,
    /// When its session ends at the latest.
    pub session_expires_at: Timestamp,
    /// When the token itself ends, unless it is used.
    pub expires_at: Timestamp,
    /// What came after it, if it was exchanged before.
    pub exchanged: Option<Exchanged>,
}

/// An exchange that happened.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// When.
    pub at: Timestamp,
    /// When the successor, or its access token, was first used.
    pub used_at: Option<Timestamp>,
    /// Whether the successor was exchanged in turn.
    pub is_exchanged: bool,
    /// The fingerprint of the device that the successor was made for.
    pub device: Vec<u8>,
}

/// What presenting a token comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is exchanged for its successor.
    Rotate,
    /// It was, and nobody has used the successor: here it is again.
    Repeat,
    /// It was, and a sibling on the same device has just used the successor.
    Superseded,
    /// It was, by somebody else or long ago: the whole chain ends.
    Reuse,
    /// It was not used in time.
    Expired,
    /// Its session has ended.
    Ended,
}

impl Presented {
    /// Decides. `device` is the fingerprint of what presents the token.
    #[must_use]
    pub fn verdict(&self, now: Timestamp, device: &[u8]) -> Verdict {
        if self.is_ended {
            return Verdict::Ended;
        }
        if self.session_expires_at <= now {
            return Verdict::Expired;
        }
        let Some(exchanged) = &self.exchanged else {
            return if self.expires_at <= now { Verdict::Expired } else { Verdict::Rotate };
        };
        match exchanged.used_at {
            None if is_within(now, exchanged.at, REPEAT_WINDOW) => Verdict::Repeat,
            None => Verdict::Reuse,
            Some(used_at) => {
                let is_sibling = !exchanged.is_exchanged
                    && exchanged.device == device
                    && is_within(now, used_at, SIBLING_WINDOW);
                if is_sibling { Verdict::Superseded } else { Verdict::Reuse }
            }
        }
    }
}

/// Whether less than `window` has passed; also when the clock was put back.
fn is_within(now: Timestamp, since: Timestamp, window: Duration) -> bool {
    now.as_microsecond().saturating_sub(since.as_microsecond())
        < i64::try_from(window.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("it is a time")
    }

    fn fresh() -> Presented {
        let (session_expires_at, expires_at) = (at(10_000), at(1_000));
        Presented { is_ended: false, session_expires_at, expires_at, exchanged: None }
    }

    /// Exchanged at 100 for the device `A`; the successor used at `used`.
    fn exchanged(used: Option<i64>) -> Presented {
        let exchanged = Exchanged {
            at: at(100),
            used_at: used.map(at),
            is_exchanged: false,
            device: b"A".to_vec(),
        };
        Presented { exchanged: Some(exchanged), ..fresh() }
    }

    #[test]
    fn a_token_is_exchanged_until_it_or_its_session_expires() {
        assert_eq!(fresh().verdict(at(999), b"A"), Verdict::Rotate);
        assert_eq!(fresh().verdict(at(1_000), b"A"), Verdict::Expired);
        let short = Presented { session_expires_at: at(500), ..fresh() };
        assert_eq!(short.verdict(at(500), b"A"), Verdict::Expired);
    }

    #[test]
    fn a_lost_answer_is_given_again_for_thirty_seconds_from_anywhere() {
        assert_eq!(exchanged(None).verdict(at(129), b"A"), Verdict::Repeat);
        assert_eq!(exchanged(None).verdict(at(129), b"B"), Verdict::Repeat);
        assert_eq!(exchanged(None).verdict(at(130), b"A"), Verdict::Reuse);
    }

    #[test]
    fn after_the_first_use_of_the_successor_the_answer_is_not_given_again() {
        assert_eq!(exchanged(Some(101)).verdict(at(102), b"B"), Verdict::Reuse);
        assert_eq!(exchanged(Some(101)).verdict(at(106), b"A"), Verdict::Reuse);
    }

    #[test]
    fn a_sibling_on_the_same_device_is_told_for_five_seconds() {
        assert_eq!(exchanged(Some(101)).verdict(at(105), b"A"), Verdict::Superseded);
    }

    #[test]
    fn only_the_immediate_predecessor_can_be_a_sibling() {
        let mut presented = exchanged(Some(101));
        if let Some(exchanged) = &mut presented.exchanged {
            exchanged.is_exchanged = true;
        }

        assert_eq!(presented.verdict(at(102), b"A"), Verdict::Reuse);
    }

    #[test]
    fn an_ended_session_is_that_whatever_the_token() {
        let ended = Presented { is_ended: true, ..exchanged(Some(101)) };

        assert_eq!(ended.verdict(at(102), b"B"), Verdict::Ended);
    }

    #[test]
    fn a_clock_that_was_put_back_kills_nobody() {
        assert_eq!(exchanged(None).verdict(at(90), b"A"), Verdict::Repeat);
        assert_eq!(exchanged(Some(101)).verdict(at(90), b"A"), Verdict::Superseded);
    }

    #[test]
    fn a_successor_is_the_same_each_time_and_another_under_another_key() {
        let (one, two) = (SuccessorKey::new([1; 32]), SuccessorKey::new([2; 32]));
        let token = RefreshToken::new(&Random::seeded(1));

        assert_eq!(token.successor(&one), token.successor(&one));
        assert_ne!(token.successor(&one), token.successor(&two));
        assert_ne!(token.successor(&one), token);
    }

    #[test]
    fn a_token_has_one_spelling() {
        let token = RefreshToken::new(&Random::seeded(1));
        let text = token.to_text();

        assert_eq!(RefreshToken::parse(&text), Some(token));
        let mut altered = text.clone();
        altered.pop();
        for other in [altered.as_str(), &format!("{text}="), &format!("{text}A"), "", "ü"] {
            assert_eq!(RefreshToken::parse(other), None, "{other}");
        }
        // 32 bytes end in a character of which two bits are unused: they are 0.
        for unused in ['B', 'C', 'D'] {
            assert_eq!(RefreshToken::parse(&format!("{}{unused}", "A".repeat(42))), None);
        }
        assert!(RefreshToken::parse(&"A".repeat(43)).is_some());
    }
}
