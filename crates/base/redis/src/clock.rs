//! The clock of Redis, as seen from here: the one clock that all nodes share.
//!
//! The clocks of two machines may differ by any amount, so the age of what one
//! says cannot be told from the other. Both ask Redis what time it is, all the
//! time, and so both know it to within one round trip.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long an answer is good for: clocks drift, and this one may be set.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct SharedClock(Mutex<Option<(Instant, i64)>>);

impl SharedClock {
    /// Redis said that it was `micros`, somewhen between `asked` and now.
    pub(crate) fn set(&self, asked: Instant, answered: Instant, micros: i64) {
        let middle = asked + answered.saturating_duration_since(asked) / 2;
        *self.0.lock() = Some((middle, micros));
    }

    /// What time it is there at `at`; `None` when that is not known.
    pub(crate) fn at(&self, at: Instant) -> Option<i64> {
        let (then, micros) = (*self.0.lock())?;
        let since = at.saturating_duration_since(then);
        let since = (since <= GOOD_FOR).then_some(since)?;
        Some(micros.saturating_add(i64::try_from(since.as_micros()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_goes_on_from_the_middle_of_the_round_trip_until_it_is_too_old() {
        let (clock, asked) = (SharedClock::default(), Instant::now());
        let later = |millis| asked + Duration::from_millis(millis);
        assert_eq!(clock.at(asked), None);

        clock.set(asked, later(20), 1_000_000);

        assert_eq!(clock.at(later(10)), Some(1_000_000));
        assert_eq!(clock.at(later(510)), Some(1_500_000));
        assert_eq!(clock.at(later(2_011)), None);
    }
}
