//! Redis: is it there, and does it keep what it must and nothing more?

use std::time::Duration;

use sayso_config::Settings;
use sayso_redis::{Redis, cmd};
use tokio_util::sync::CancellationToken;

use super::Finding;

/// How long it may take to be there.
const THERE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The oldest version that carries the line between nodes, a stream that is
/// trimmed by what is the oldest to stay (`XTRIM … MINID`).
const VERSION_MIN: (u32, u32) = (6, 2);
/// A command of an operator may take longer than one of a request.
const COMMAND_MS: u64 = 1_000;

pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let mut asked = settings.clone();
    asked.redis.timeout_ms = asked.redis.timeout_ms.max(COMMAND_MS);
    let redis = match crate::log::redis(&asked) {
        Ok(None) => return vec![Finding::ok("redis", "none: this node is alone")],
        Ok(Some(redis)) => redis,
        Err(error) => {
            return vec![Finding::fail("redis", format!("{error:#}"), "correct redis.url")];
        }
    };
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(redis.clone().keep(stop.clone()));
    let found = ask(&redis).await;
    stop.cancel();
    // It ends by itself now; a panic in it would have shown as an absence.
    let _ = keeping.await;
    found
}

async fn ask(redis: &Redis) -> Vec<Finding> {
    let there = tokio::time::timeout(THERE_WITHIN, async {
        while !redis.is_up() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    if there.await.is_err() {
        // Nothing is lost, and the node is ready all the same (`degraded`).
        let advice = "start it, or correct redis.url (address, password): until then nodes hear each \
                      other through the database, and limits are counted by each node";
        return vec![Finding::warn("redis", "it does not answer", advice)];
    }
    let info: Result<String, _> = redis.command("doctor.info", &cmd("INFO")).await;
    let Ok(info) = info else {
        let advice = "allow INFO to this user, to have it checked";
        return vec![Finding::warn("redis", "it answers, and does not tell of itself", advice)];
    };
    judge(&info)
}

fn judge(info: &str) -> Vec<Finding> {
    let value = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    let version = value("redis_version");
    let (policy, used) = (value("maxmemory_policy"), value("used_memory_human"));
    let found = format!("{version}, {used} used, {policy}");
    if value("role") == "slave" {
        return vec![Finding::fail("redis", "it is a replica", "name the primary in redis.url")];
    }
    if is_old(&version) {
        let advice = "Redis 6.2 or newer (or Valkey) is needed: this one refuses what trims the line \
                      between nodes";
        return vec![Finding::warn("redis", found, advice)];
    }
    if value("maxmemory") == "0" {
        let advice = "set maxmemory (deploy/redis.conf says 256mb), or it may take all there is";
        return vec![Finding::warn("redis", format!("{found}, no maxmemory"), advice)];
    }
    if policy == "noeviction" {
        let advice = "set maxmemory-policy volatile-ttl: full, it would refuse every write";
        return vec![Finding::warn("redis", found, advice)];
    }
    vec![Finding::ok("redis", found)]
}

/// Whether a version is known, and older than is needed.
fn is_old(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|found| found < VERSION_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn what_redis_says_of_itself_is_judged() {
        let tell = |version: &str, role: &str, max: &str, policy: &str| {
            let info = format!(
                "# Server\r\nredis_version:{version}\r\nrole:{role}\r\nused_memory_human:1M\r\n\
                 maxmemory:{max}\r\nmaxmemory_policy:{policy}\r\n"
            );
            judge(&info).remove(0).level
        };
        let say = |role: &str, max: &str, policy: &str| tell("7.0.15", role, max, policy);
        let version = |version: &str| tell(version, "master", "268435456", "volatile-ttl");

        assert_eq!(say("master", "268435456", "volatile-ttl"), Level::Ok);
        assert_eq!(say("master", "268435456", "noeviction"), Level::Warn);
        assert_eq!(say("master", "0", "volatile-ttl"), Level::Warn);
        assert_eq!(say("slave", "268435456", "volatile-ttl"), Level::Fail);
        assert_eq!(version("6.2.0"), Level::Ok);
        assert_eq!(version("10.0.1"), Level::Ok);
        assert_eq!(version("6.0.16"), Level::Warn);
        assert_eq!(version("5.0.7"), Level::Warn);
        assert_eq!(version("unstable"), Level::Ok, "what cannot be read is not judged");
    }
}
