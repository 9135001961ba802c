//! One-time codes by the clock (RFC 6238: HMAC-SHA-1, six digits, steps of 30
//! seconds): what every authenticator app knows. The arithmetic alone.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sayso_kernel::{Random, Timestamp};
use sha1::Sha1;

/// Bytes of a seed (RFC 4226 recommends 160 bits).
pub const SEED_LEN: usize = 20;
/// Seconds of a step.
const STEP_SECS: i64 = 30;
/// Steps before and after the present one whose codes are taken.
const DRIFT: i64 = 1;
const DIGITS: usize = 6;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What both sides know.
#[derive(Clone)]
pub struct Seed([u8; SEED_LEN]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[seed]")
    }
}

impl Seed {
    /// A new one.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// Reads the bytes back.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it.
    #[must_use]
    pub fn to_text(&self) -> String {
        base32(&self.0)
    }

    /// As apps read it from a picture.
    #[must_use]
    pub fn to_uri(&self, account: &str) -> String {
        let account = escaped(account);
        let secret = self.to_text();
        format!(
            "otpauth://totp/Sayso:{account}?secret={secret}&issuer=Sayso&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The code of a step.
    #[must_use]
    pub fn code(&self, step: i64) -> String {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let at = usize::from(digest[19] & 0x0f);
        let word = [digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]];
        format!("{:06}", u32::from_be_bytes(word) % 1_000_000)
    }

    /// The step whose code this is, if it is of now or next to it, and later
    /// than the last that was spent.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp, spent: i64) -> Option<i64> {
        let present = step(now);
        let near = (present - DRIFT..=present + DRIFT).filter(|step| *step > spent);
        near.into_iter().find(|step| same(self.code(*step).as_bytes(), code.as_bytes()))
    }
}

/// The step of a moment.
#[must_use]
pub fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP_SECS)
}

/// Whether a text has the form of a code.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Compares without saying by its time how far two are alike.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && differ == 0
}

/// RFC 4648, without padding.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[((held >> bits) & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("it is a time")
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        let seed = Seed::from_bytes(b"12345678901234567890").expect("it has the length");
        // RFC 6238, appendix B, the last six of its eight digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(seed.code(step(at(second))), code, "{second}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_to_either_side_and_never_again() {
        let seed = Seed::new(&Random::seeded(1));
        let now = at(1_800_000_000);
        let present = step(now);

        for (drift, found) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = seed.code(present + drift);
            assert_eq!(seed.step_of(&code, now, 0).is_some(), found, "{drift}");
        }
        let code = seed.code(present);
        assert_eq!(seed.step_of(&code, now, present), None);
        assert_eq!(seed.step_of(&code, now, present - 1), Some(present));
        assert_eq!(seed.step_of("", now, 0), None);
    }

    #[test]
    fn apps_can_read_the_seed() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(b"f"), "MY");
        let seed = Seed::from_bytes(b"12345678901234567890").expect("it has the length");
        assert_eq!(seed.to_text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(seed.to_uri("ann b@x").starts_with("otpauth://totp/Sayso:ann%20b@x?secret=GEZD"));
        assert!(is_code("012345") && !is_code("12345") && !is_code("12345a"));
    }
}
