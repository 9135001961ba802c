//! The source of randomness and of new ids, handed to whoever needs it.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// A cryptographically strong generator, shared by all its clones.
///
/// In production it is seeded from the operating system; a test seeds it with
/// a number and gets the same ids every time.
#[derive(Clone)]
pub struct Random(Arc<Mutex<StdRng>>);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// A generator seeded by the operating system.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the generator that others are given")]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// A generator that yields the same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is below 2⁻³² for
    /// the small bounds this is used with (jitter, choices).
    #[must_use]
    pub fn below(&self, bound: u32) -> u32 {
        let wide = u64::from_le_bytes(self.bytes::<8>());
        u32::try_from(wide % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// A new `UUIDv7` whose first 48 bits are `now` in milliseconds.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes::<10>()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_yields_one_sequence_of_ids_of_version_seven() {
        let (one, two) = (Random::seeded(7), Random::seeded(7));

        let id = one.uuid(Timestamp::UNIX_EPOCH);

        assert_eq!(id, two.uuid(Timestamp::UNIX_EPOCH));
        assert_eq!(id.get_version_num(), 7);
        assert_ne!(id, one.uuid(Timestamp::UNIX_EPOCH));
    }
}
