//! A queue that does not end.
//!
//! A burst makes a queue that is gone in a moment, and whoever waits in it is
//! served. Where more comes than can be done, the queue stands: waiting then
//! only makes everybody late, so those who would wait long are refused at once
//! and can come back, and the others are served as quickly as ever.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A queue stands when nobody found it shorter than [`CALM_WAIT`] for so long.
const STANDS_AFTER: Duration = Duration::from_millis(500);
/// Who waits less has met no queue.
const CALM_WAIT: Duration = Duration::from_millis(20);

/// Whether a queue stands, from what those who join it have before them.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// How long somebody may wait in a queue that stands.
    limit: Duration,
    born: Instant,
    /// Since when it was long, in milliseconds and one more; 0: it is not.
    since: AtomicU64,
}

impl Crowd {
    /// Of a queue in which somebody may wait for so long when it stands.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, born: Instant::now(), since: AtomicU64::new(0) }
    }

    /// Whether somebody who would wait for `wait` has come to a queue that
    /// stands, and would wait too long.
    pub(crate) fn is_too_long(&self, wait: Duration) -> bool {
        self.is_too_long_at(wait, self.born.elapsed())
    }

    fn is_too_long_at(&self, wait: Duration, now: Duration) -> bool {
        if wait < CALM_WAIT {
            self.since.store(0, Ordering::Relaxed);
            return false;
        }
        if wait <= self.limit {
            return false;
        }
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1) + 1;
        match self.since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => false,
            Err(since) => u128::from(now.saturating_sub(since)) > STANDS_AFTER.as_millis(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_burst_is_waited_for_and_a_queue_that_stands_is_not() {
        let crowd = Crowd::new(ms(150));

        assert!(!crowd.is_too_long_at(ms(900), ms(0)));
        assert!(!crowd.is_too_long_at(ms(900), ms(400)));
        assert!(crowd.is_too_long_at(ms(900), ms(600)));
        // There is room for some.
        assert!(!crowd.is_too_long_at(ms(100), ms(650)));
        assert!(crowd.is_too_long_at(ms(200), ms(700)));
    }

    #[test]
    fn once_the_queue_was_gone_the_next_is_a_burst_again() {
        let crowd = Crowd::new(ms(150));
        crowd.is_too_long_at(ms(900), ms(0));

        assert!(!crowd.is_too_long_at(ms(1), ms(600)));
        assert!(!crowd.is_too_long_at(ms(900), ms(700)));
        assert!(crowd.is_too_long_at(ms(900), ms(1300)));
    }
}
