//! What is kept of each caller: a number that is worth something until its
//! moment has come, of so many callers at the most.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::gcra::{Quota, Standing};

/// Pieces with a lock of their own: callers on different cores seldom meet.
const SHARDS: usize = 32;

/// Moments by key, in nanoseconds since the start. Where there is no room for
/// another, those go first that are past, then the one that would be next.
#[derive(Debug)]
pub(super) struct Kept<K> {
    started: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<K, u64>>>,
    shard_max: usize,
}

impl<K: Hash + Eq + Clone> Kept<K> {
    /// Of `max` callers at the most.
    pub(super) fn new(max: usize) -> Self {
        Self {
            started: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: (max / SHARDS).max(1),
        }
    }

    /// Takes one from the quota of `key`, if there is one.
    pub(super) fn take(&self, key: &K, quota: Quota) -> Standing {
        let now = self.now();
        self.change(key, now, |paid| quota.take(paid, now))
    }

    /// Takes one from the quota of `key`, whether it is there or not.
    pub(super) fn charge(&self, key: &K, quota: Quota) -> Standing {
        let now = self.now();
        self.change(key, now, |paid| {
            let after = quota.charge(paid, now);
            (after, quota.standing(after, now))
        })
    }

    /// How `key` stands, taking nothing.
    pub(super) fn standing(&self, key: &K, quota: Quota) -> Standing {
        let paid = self.shard(key).lock().get(key).copied().unwrap_or(0);
        quota.standing(paid, self.now())
    }

    /// Keeps `key` for so long, or longer if it is.
    pub(super) fn keep(&self, key: &K, time: Duration) {
        let now = self.now();
        self.change(key, now, |until| (until.max(now + nanos(time)), ()));
    }

    /// Whether the moment of `key` is still to come.
    pub(super) fn is_kept(&self, key: &K) -> bool {
        self.shard(key).lock().get(key).is_some_and(|until| *until > self.now())
    }

    /// Owes `key` nothing any longer.
    pub(super) fn forget(&self, key: &K) {
        self.shard(key).lock().remove(key);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX / 4)
    }

    fn shard(&self, key: &K) -> &Mutex<HashMap<K, u64>> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 40).unwrap_or(0);
        &self.shards[hash % SHARDS]
    }

    fn change<T>(&self, key: &K, now: u64, change: impl FnOnce(u64) -> (u64, T)) -> T {
        let mut shard = self.shard(key).lock();
        if let Some(moment) = shard.get_mut(key) {
            let (after, answer) = change(*moment);
            *moment = after;
            return answer;
        }
        let (after, answer) = change(0);
        if after > now {
            if shard.len() >= self.shard_max {
                make_room(&mut shard, now, self.shard_max);
            }
            shard.insert(key.clone(), after);
        }
        answer
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

fn make_room<K: Hash + Eq + Clone>(shard: &mut HashMap<K, u64>, now: u64, max: usize) {
    shard.retain(|_, moment| *moment > now);
    if shard.len() < max {
        return;
    }
    let next = shard.iter().min_by_key(|(_, moment)| **moment).map(|(key, _)| key.clone());
    if let Some(key) = next {
        shard.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_come_only_so_many_are_kept_and_the_deepest_in_debt_stay() {
        let kept = Kept::new(SHARDS * 4);
        let quota = Quota::per_minute(60);
        for _ in 0..60 {
            kept.take(&u64::MAX, quota);
        }

        for caller in 0..10_000_u64 {
            kept.take(&caller, quota);
        }

        assert!(kept.len() <= SHARDS * 4, "{}", kept.len());
        assert!(kept.take(&u64::MAX, quota).is_over, "a flood of others frees nobody");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!kept.take(&u64::MAX, quota).is_over);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_so_for_its_time() {
        let kept = Kept::new(1000);
        kept.keep(&1, Duration::from_secs(3600));
        kept.keep(&1, Duration::from_secs(60));

        assert!(kept.is_kept(&1) && !kept.is_kept(&2));
        tokio::time::advance(Duration::from_secs(3601)).await;
        assert!(!kept.is_kept(&1));
    }
}
