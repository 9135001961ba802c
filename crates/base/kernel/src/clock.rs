//! The source of wall-clock time, handed to whoever needs it.
//!
//! Production reads the system's clock; a test holds a clock that stands still
//! until it is advanced. Reading the time in any other way is refused by
//! `clippy.toml`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A clock with the precision of PostgreSQL's `timestamptz`: one microsecond.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that moves only when told to, shared by all its clones
    /// (microseconds since 1970).
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::advance`] is called.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// The present time, cut to whole microseconds, so that a value written to
    /// the database and read back is equal to the one in memory.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the clock that others are given"
            )]
            Self::System => Timestamp::now().as_microsecond(),
            Self::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a manual clock forward. The system's clock is not ours to move:
    /// there the call has no effect.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(micros) = self {
            let step = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(step, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced_and_its_clones_move_with_it() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let twin = clock.clone();

        clock.advance(Duration::from_millis(1500));

        assert_eq!(twin.now().as_millisecond(), 1500);
    }
}
