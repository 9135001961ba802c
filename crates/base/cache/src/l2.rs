//! L2: what one node has read, for the others, in Redis.
//!
//! An entry is a hash of two fields: `p`, the position of the log at which the
//! value was read, and `v`, the value. A change leaves a gravestone, `p` alone.
//! Scripts see to it that nothing older takes the place of something newer;
//! whoever reads looks at `p` all the same, so a gravestone that was lost with
//! Redis lets nobody read what was buried.

use std::time::Duration;

use sayso_redis::{Fault, Redis, Script, cmd};

use crate::shelf::Key;

/// Changes with the form of the values.
const FORM: u32 = 1;

/// `KEYS[1]`, position, milliseconds it is kept, value. What is no entry of
/// ours gives way.
const PUT: &str = "
local held = redis.pcall('HGET', KEYS[1], 'p')
if type(held) == 'table' then redis.call('DEL', KEYS[1]) held = false end
held = held and tonumber(held)
if held and held > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'p', ARGV[1], 'v', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1";

/// `KEYS[1]`, position, milliseconds it is kept.
const BURY: &str = "
local held = redis.pcall('HGET', KEYS[1], 'p')
if type(held) == 'table' then redis.call('DEL', KEYS[1]) held = false end
held = held and tonumber(held)
if held and held >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'p', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1";

/// How a value is written for others and read again.
#[derive(Debug)]
pub struct Codec<T> {
    /// Writes it.
    pub encode: fn(&T) -> Vec<u8>,
    /// Reads it; `None` for what is none.
    pub decode: fn(&[u8]) -> Option<T>,
}

/// An entry as it was found.
pub(crate) struct Kept {
    pub(crate) position: i64,
    pub(crate) value: Vec<u8>,
}

/// The way to L2.
#[derive(Clone)]
pub(crate) struct L2 {
    redis: Redis,
    put: Script,
    bury: Script,
}

impl std::fmt::Debug for L2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("L2")
    }
}

impl L2 {
    pub(crate) fn new(redis: Redis) -> Self {
        Self { redis, put: Script::new(PUT), bury: Script::new(BURY) }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.redis.is_up()
    }

    /// The name of an entry in a history.
    pub(crate) fn name(&self, epoch: &str, key: &Key) -> String {
        self.redis.name(&format!("cache:{FORM}:{epoch}:{}:{}", key.entity.name(), key.id))
    }

    /// What is kept under a name; `None` where that is nothing, or no entry.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Kept>, Fault> {
        let mut command = cmd("HMGET");
        command.arg(name).arg("p").arg("v");
        type Fields = (Option<Vec<u8>>, Option<Vec<u8>>);
        let (position, value): Fields = self.redis.command("cache.get", &command).await?;
        let position = position.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        Ok(position.zip(value).map(|(position, value)| Kept { position, value }))
    }

    /// Keeps a value that was read at `position`; `false` when something newer
    /// is there.
    pub(crate) async fn put(
        &self,
        name: &str,
        position: i64,
        kept_for: Duration,
        value: &[u8],
    ) -> Result<bool, Fault> {
        let mut script = self.put.prepare_invoke();
        script.key(name).arg(position).arg(millis(kept_for)).arg(value);
        self.redis.script("cache.put", &script).await
    }

    /// Buries what was read before `position`.
    pub(crate) async fn bury(
        &self,
        name: &str,
        position: i64,
        kept_for: Duration,
    ) -> Result<bool, Fault> {
        let mut script = self.bury.prepare_invoke();
        script.key(name).arg(position).arg(millis(kept_for));
        self.redis.script("cache.bury", &script).await
    }
}

fn millis(kept_for: Duration) -> u64 {
    u64::try_from(kept_for.as_millis()).unwrap_or(u64::MAX).max(1)
}
