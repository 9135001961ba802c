//! How many events one socket may send.

use tokio::time::Instant;

use crate::limits::{Limits, REFUSED_TIMES};

/// What becomes of an event that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metered {
    /// It is worked on.
    Granted,
    /// It is refused, with an answer.
    Refused,
    /// No client sends so much: the socket is cut.
    Flood,
}

/// The events of one socket: so many at once, so many in the long run. Who
/// sends more is told so, as long as the answers are no flood themselves.
#[derive(Debug)]
pub(crate) struct Meter {
    granted: Bucket,
    refused: Bucket,
}

impl Meter {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let (burst, rate) =
            (f64::from(limits.events_in_burst), f64::from(limits.events_in_per_second));
        Self {
            granted: Bucket::new(burst, rate, now),
            refused: Bucket::new(REFUSED_TIMES * burst, REFUSED_TIMES * rate, now),
        }
    }

    /// One more event.
    pub(crate) fn count(&mut self, now: Instant) -> Metered {
        if self.granted.take(now) {
            Metered::Granted
        } else if self.refused.take(now) {
            Metered::Refused
        } else {
            Metered::Flood
        }
    }
}

#[derive(Debug)]
struct Bucket {
    size: f64,
    per_second: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(size: f64, per_second: f64, now: Instant) -> Self {
        Self { size, per_second, level: size, at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.size);
        self.at = now;
        let has_some = self.level >= 1.0;
        if has_some {
            self.level -= 1.0;
        }
        has_some
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sayso_config::Realtime;

    use super::*;

    fn meter(now: Instant) -> Meter {
        let settings =
            Realtime { events_in_burst: 10, events_in_per_second: 5, ..Realtime::default() };
        Meter::new(&Limits::from(&settings), now)
    }

    #[test]
    fn a_burst_is_granted_a_little_more_is_refused_and_a_flood_is_cut() {
        let now = Instant::now();
        let mut meter = meter(now);

        let became: Vec<Metered> = (0..31).map(|_| meter.count(now)).collect();

        assert!(became[..10].iter().all(|it| *it == Metered::Granted));
        assert!(became[10..30].iter().all(|it| *it == Metered::Refused));
        assert_eq!(became[30], Metered::Flood);
    }

    #[test]
    fn in_the_long_run_so_many_a_second_are_granted_and_twice_as_many_refused() {
        let mut now = Instant::now();
        let mut meter = meter(now);
        let mut count = |each: u64| {
            let mut granted = 0;
            for _ in 0..each * 20 {
                now += Duration::from_millis(1_000 / each);
                match meter.count(now) {
                    Metered::Granted => granted += 1,
                    Metered::Refused => {}
                    Metered::Flood => return None,
                }
            }
            Some(granted)
        };

        assert_eq!(count(5), Some(100));
        assert!((100..=110).contains(&count(10).expect("no flood")));
        assert_eq!(count(100), None);
    }
}
