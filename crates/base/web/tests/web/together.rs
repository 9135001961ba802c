//! Limits of several nodes on one Redis.

use std::time::Duration;

use sayso_access::Role;
use sayso_redis::{Redis, RedisLimits};
use sayso_testkit::{TestCtx, TestRedis, until};
use sayso_web::{Class, Limiter, Quota, Quotas};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);

/// So long that nothing comes back while a test runs.
fn quota(amount: u32) -> Quota {
    Quota { amount, window: Duration::from_secs(36_000) }
}

fn quotas() -> Quotas {
    let (many, hundred) = (quota(1_000_000), quota(100));
    Quotas {
        read: hundred,
        write: hundred,
        search: hundred,
        login: hundred,
        proof: many,
        export: many,
        tries: many,
        tries_of_address: many,
        tries_of_email: many,
        tracked_max: 1_000,
    }
}

/// The limiter of a node.
async fn node(url: &str, prefix: &str) -> (Limiter, Redis) {
    let limits = RedisLimits { timeout: Duration::from_secs(2), prefix: prefix.to_owned() };
    let redis = Redis::new(url, limits).expect("a URL of Redis");
    tokio::spawn(redis.clone().keep(CancellationToken::new()));
    until("Redis", SOON, async || redis.is_up().then_some(())).await;
    (Limiter::on(quotas(), Some(redis.clone())), redis)
}

/// Asks so often at once, at each limiter in turn; answers how often it was
/// granted.
async fn granted(limiters: &[&Limiter], class: Class, count: usize) -> usize {
    let stage = TestCtx::new();
    let ctx = stage.acting(Role::Staff);
    let mut asked = JoinSet::new();
    for turn in 0..count {
        let (limiter, ctx) = (limiters[turn % limiters.len()].clone(), ctx.clone());
        asked.spawn(async move { limiter.take(class, &ctx).await.is_ok() });
    }
    asked.join_all().await.into_iter().filter(|granted| *granted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_two_nodes_are_granted_exactly_what_one_may_take() {
    let (url, prefix) = (TestRedis::shared_url(), TestRedis::own_prefix());
    let ((one, _), (two, _)) = (node(&url, &prefix).await, node(&url, &prefix).await);

    for class in [Class::Write, Class::Login, Class::Search] {
        assert_eq!(granted(&[&one, &two], class, 200).await, 100, "{class:?}");
        assert_eq!(granted(&[&one, &two], class, 10).await, 0, "{class:?}");
    }
    // Reads are counted by each node.
    assert_eq!(granted(&[&one, &two], Class::Read, 300).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_node_counts_for_itself() {
    let mut server = TestRedis::start(&[]).await;
    let prefix = TestRedis::own_prefix();
    let (one, redis) = node(&server.url(), &prefix).await;
    let (two, _) = node(&server.url(), &prefix).await;
    assert_eq!(granted(&[&one, &two], Class::Write, 50).await, 50);

    server.kill9();
    until("the loss to be noticed", SOON, async || (!redis.is_up()).then_some(())).await;
    assert_eq!(granted(&[&one], Class::Write, 300).await, 100);
    server.start_again().await;
    until("Redis", SOON, async || redis.is_up().then_some(())).await;

    // It was emptied: the limit begins anew, once.
    assert_eq!(granted(&[&one], Class::Write, 300).await, 100);
    assert_eq!(granted(&[&one], Class::Write, 300).await, 0);
}
