//! An app that makes one-time codes, set up by the text that a person copies.

use sayso_auth::totp::{self, Seed};
use sayso_kernel::Clock;
use serde_json::Value;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The seed that `secret` writes (base32, RFC 4648).
pub fn seed(secret: &Value) -> Seed {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in secret.as_str().unwrap().chars() {
        let five = ALPHABET.find(letter).unwrap();
        held = (held << 5) | u32::try_from(five).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 255).unwrap());
        }
    }
    Seed::from_bytes(&bytes).unwrap()
}

/// What the app shows now.
pub fn code(secret: &Value) -> String {
    seed(secret).code(totp::step(Clock::System.now()))
}
