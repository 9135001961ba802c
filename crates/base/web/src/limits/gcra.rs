//! The arithmetic of a limit: the generic cell rate algorithm.
//!
//! Of each caller one number is kept: the moment at which all that was taken
//! will have been given back. Whoever has not come for a while has nothing
//! kept of them, so what is forgotten is only what says nothing.

use std::time::Duration;

/// So much in so long, and all of it at once if need be; what was taken comes
/// back evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How much.
    pub amount: u32,
    /// In how long.
    pub window: Duration,
}

impl Quota {
    /// So many a minute.
    #[must_use]
    pub const fn per_minute(amount: u32) -> Self {
        Self { amount, window: Duration::from_secs(60) }
    }

    /// In how long one comes back, in microseconds: never longer than it is.
    pub(super) fn step_micros(self) -> u64 {
        (self.window_micros() / u64::from(self.amount.max(1))).max(1)
    }

    pub(super) fn window_micros(self) -> u64 {
        (self.window_nanos() / 1_000).max(1)
    }

    /// In how long one comes back, in nanoseconds.
    fn step(self) -> u64 {
        (self.window_nanos() / u64::from(self.amount.max(1))).max(1)
    }

    fn window_nanos(self) -> u64 {
        u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX / 4).max(1)
    }

    /// Takes one at `now`, of somebody whose debt is paid at `paid`; answers
    /// when it is paid after that. What is refused costs nothing.
    pub(super) fn take(self, paid: u64, now: u64) -> (u64, Standing) {
        let after = paid.max(now) + self.step();
        if after - now > self.window_nanos() {
            return (paid, self.standing(paid, now));
        }
        let standing = self.standing(after, now);
        (after, Standing { is_over: false, ..standing })
    }

    /// Takes one whether it is there or not; the debt ends at the whole quota.
    pub(super) fn charge(self, paid: u64, now: u64) -> u64 {
        (paid.max(now) + self.step()).min(now + self.window_nanos())
    }

    /// How somebody stands whose debt is paid at `paid`.
    pub(super) fn standing(self, paid: u64, now: u64) -> Standing {
        let debt = paid.saturating_sub(now);
        let left = self.window_nanos().saturating_sub(debt) / self.step();
        // Of somebody who has nothing: until there is one. Of others: until
        // they have all of it again.
        let wait = match left {
            0 => (debt + self.step()).saturating_sub(self.window_nanos()),
            _ => debt,
        };
        Standing {
            is_over: left == 0,
            left: u32::try_from(left).unwrap_or(u32::MAX).min(self.amount),
            wait: Duration::from_nanos(wait),
        }
    }
}

/// How somebody stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Nothing was left to take.
    pub is_over: bool,
    /// How many are left.
    pub left: u32,
    /// If none is left, after how long there is one; else after how long all
    /// of them are there again.
    pub wait: Duration,
}

impl Standing {
    /// [`Standing::wait`] in whole seconds, rounded up: who comes back then is
    /// not refused again.
    #[must_use]
    pub fn wait_secs(&self) -> u64 {
        (self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_quota_is_there_at_once_falls_by_one_and_comes_back_evenly() {
        let quota = Quota { amount: 5, window: Duration::from_secs(10) };
        let mut paid = 0;
        let mut now = 100 * SECOND;
        for left in (0..5).rev() {
            let (after, standing) = quota.take(paid, now);
            assert_eq!((standing.is_over, standing.left), (false, left));
            paid = after;
        }

        let (unchanged, over) = quota.take(paid, now);

        assert_eq!((unchanged, over.is_over, over.wait_secs()), (paid, true, 2));
        now += over.wait_secs() * SECOND;
        assert!(!quota.take(paid, now).1.is_over, "waiting is enough");
        assert!(quota.take(paid, now - 1).1.is_over, "and no less is");
    }

    #[test]
    fn an_odd_quota_lets_in_exactly_itself() {
        for amount in [1, 3, 7, 100, 599, 1201] {
            let quota = Quota::per_minute(amount);
            let (mut paid, mut let_in) = (0, 0);
            while let (after, Standing { is_over: false, .. }) = quota.take(paid, SECOND) {
                paid = after;
                let_in += 1;
            }
            assert_eq!(let_in, amount);
        }
    }

    #[test]
    fn what_is_charged_past_the_quota_is_not_owed_longer_than_the_window() {
        let quota = Quota { amount: 2, window: Duration::from_secs(10) };
        let mut paid = 0;
        for _ in 0..100 {
            paid = quota.charge(paid, SECOND);
        }

        assert_eq!(paid, 11 * SECOND);
        assert!(quota.standing(paid, SECOND).is_over);
        assert!(!quota.standing(paid, 6 * SECOND).is_over);
    }
}
