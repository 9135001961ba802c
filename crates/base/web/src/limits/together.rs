//! Quotas that all nodes share: the same arithmetic as [`super::gcra`], in one
//! script, by the clock of Redis.
//!
//! What is kept of a caller ends by itself when all was given back, so Redis
//! holds no more of them than there are debtors.

use sayso_redis::{Redis, Script};

use super::gcra::{Quota, Standing};
use super::{Caller, Class};

/// Takes one, if there is one. Answers whether it was there, and in how many
/// microseconds all is given back.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = paid + step
if after - now > window then return {0, paid - now} end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {1, after - now}";

#[derive(Debug)]
pub(super) struct Together {
    redis: Redis,
    take: Script,
}

impl Together {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, take: Script::new(TAKE) }
    }

    /// `None` while Redis is away.
    pub(super) async fn take(
        &self,
        class: Class,
        caller: Caller,
        quota: Quota,
    ) -> Option<Standing> {
        let caller = match caller {
            Caller::Person(user) => format!("person:{user}"),
            Caller::Address(address) => format!("address:{address}"),
        };
        let mut take = self.take.prepare_invoke();
        take.key(self.redis.name(&format!("limit:{}:{caller}", class.as_str())));
        let window = quota.window_micros();
        take.arg(quota.step_micros()).arg(window);
        let (granted, debt): (i64, i64) = self.redis.script("limit", &take).await.ok()?;
        let standing = quota.standing(u64::try_from(debt).unwrap_or(0).saturating_mul(1_000), 0);
        Some(Standing { is_over: granted == 0, ..standing })
    }
}
