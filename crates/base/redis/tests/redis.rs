//! The way to a real Redis, which is killed, stopped and emptied.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sayso_redis::{Fault, Heard, Redis, RedisLimits, cmd, listen};
use sayso_testkit::{TestRedis, until};
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);
/// How long a command may take here.
const TIMEOUT: Duration = Duration::from_millis(100);

fn way(url: &str) -> Redis {
    let limits = RedisLimits { timeout: TIMEOUT, prefix: TestRedis::own_prefix() };
    let redis = Redis::new(url, limits).unwrap();
    tokio::spawn(redis.clone().keep(CancellationToken::new()));
    redis
}

async fn until_up(redis: &Redis, is_up: bool) {
    until("the way to change", SOON, async || (redis.is_up() == is_up).then_some(())).await;
}

async fn ping(redis: &Redis) -> Result<String, Fault> {
    redis.command("ping", &cmd("PING")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_is_away_at_once_and_found_again_by_itself() {
    let mut server = TestRedis::start(&[]).await;
    let redis = way(&server.url());
    until_up(&redis, true).await;
    assert_eq!(ping(&redis).await.unwrap(), "PONG");

    server.kill9();
    assert!(matches!(ping(&redis).await, Err(Fault::Away)));
    until_up(&redis, false).await;
    server.start_again().await;

    until_up(&redis, true).await;
    assert_eq!(ping(&redis).await.unwrap(), "PONG");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_one_that_hangs_longer_than_a_command_may_take() {
    let server = TestRedis::start(&[]).await;
    let redis = way(&server.url());
    until_up(&redis, true).await;

    server.hang();
    let started = Instant::now();
    let first = ping(&redis).await;
    let waited = started.elapsed();
    let started = Instant::now();
    for _ in 0..1_000 {
        assert!(matches!(ping(&redis).await, Err(Fault::Away)));
    }
    let refused = started.elapsed();
    assert!(!redis.is_up());
    server.go_on();

    assert!(matches!(first, Err(Fault::Away)));
    assert!(waited >= TIMEOUT && waited < TIMEOUT * 5, "{waited:?}");
    assert!(refused < Duration::from_secs(1), "a thousand refusals took {refused:?}");
    until_up(&redis, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_refuses_is_no_reason_to_think_it_away() {
    let redis = way(&TestRedis::shared_url());
    until_up(&redis, true).await;

    let refused = redis.command::<String>("nonsense", &cmd("NONSENSE")).await;

    assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
    assert!(redis.is_up());
    assert!(redis.time_at(Instant::now()).is_some_and(|micros| micros > 1_700_000_000_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_what_is_said_and_comes_back_after_a_silence() {
    let server = TestRedis::start(&[]).await;
    let redis = way(&server.url());
    until_up(&redis, true).await;
    let (joined, said, lost) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let counts = [joined.clone(), said.clone(), lost.clone()];
    let tell = move |heard: Heard| {
        let place = match heard {
            Heard::Joined => 0,
            Heard::Said(bytes) => {
                assert_eq!(bytes, b"hello");
                1
            }
            Heard::Lost => 2,
        };
        counts[place].fetch_add(1, Ordering::SeqCst);
    };
    let stop = CancellationToken::new();
    tokio::spawn(listen(redis.clone(), "a channel".to_owned(), tell, stop.clone()));
    let count = |counted: &Arc<AtomicUsize>| counted.load(Ordering::SeqCst);
    until("the listener", SOON, async || (count(&joined) == 1).then_some(())).await;

    let mut publish = cmd("PUBLISH");
    publish.arg("a channel").arg("hello");
    assert_eq!(redis.command::<i64>("publish", &publish).await.unwrap(), 1);
    until("the word", SOON, async || (count(&said) == 1).then_some(())).await;
    server.hang();
    until("the silence to be noticed", SOON, async || (count(&lost) == 1).then_some(())).await;
    server.go_on();
    until("the listener again", SOON, async || (count(&joined) == 2).then_some(())).await;

    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_the_way_leads_to_the_server_that_has_the_keys() {
    let servers = TestRedis::cluster().await;

    // Whichever server is named: names that fall to each of the three.
    let mut holders = [0; 3];
    for _ in 0..12 {
        let redis = way(&servers[0].url());
        until_up(&redis, true).await;
        let name = redis.name("kept");
        let mut set = cmd("SET");
        set.arg(&name).arg("here");
        redis.command::<()>("set", &set).await.unwrap();
        let holder = servers.iter().position(|it| it.ask(&["GET", &name]).trim() == "here");
        holders[holder.unwrap()] += 1;
    }

    assert!(holders.iter().filter(|count| **count > 0).count() >= 2, "{holders:?}");
}
