//! Redis is killed, emptied, stopped, cut off from one of two nodes and filled
//! up, while people at both nodes write and listen: nothing is lost, nothing
//! heard twice, and nobody is refused.
//!
//! The short forms take a few seconds; `SAYSO_FAULTS=full` two minutes each.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::{Clock, Random, Timestamp};
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestRedis, until};
use tokio::time::{sleep, sleep_until};

use super::crash::is_full;
use super::judge::{Verdict, judge};
use super::mutants::without_replay;
use super::storm::{Channels, KINDS, collect, connect, leave_in_turn};
use super::way::Way;
use super::writer::{Memory, Writer};
use crate::cluster::Cluster;
use crate::presence::assert_presence;
use crate::truth::Truth;

/// Writes of one writer come this far apart.
const PAUSE: Duration = Duration::from_millis(80);
/// An event reaches whoever is connected within this, also without Redis,
const LATE_MAX: Duration = Duration::from_secs(1);
/// and so many times what it takes on this machine when nothing is broken.
const BUSY: u32 = 4;
/// A node is whole again by then.
const HEALED_WITHIN: Duration = Duration::from_secs(15);

/// What is done to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Kill,
    StartAgain,
    Empty,
    Hang,
    GoOn,
    Cut,
    Mend,
    FillUp,
    MakeRoom,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Deals the same blows again and again until the end.
fn plan(blows: &[(u64, Blow)]) -> (Vec<(Duration, Blow)>, Duration) {
    let last = blows.iter().map(|(at, _)| *at).max().unwrap_or(0);
    let round = last + 2_000;
    let rounds = if is_full() { 120_000_u64.div_ceil(round) } else { 1 };
    let all = (0..rounds)
        .flat_map(|turn| blows.iter().map(move |(at, blow)| (millis(turn * round + at), *blow)));
    (all.collect(), millis(rounds * round))
}

/// What was seen besides what the judge counts.
struct Seen {
    verdict: Verdict,
    length: Duration,
    patience: usize,
    slowest_write: Duration,
    /// The latest event while nothing was broken yet, and the latest of all.
    usual: Duration,
    latest: Duration,
}

async fn storm(blows: &[(u64, Blow)], build: impl Fn(ProcessSetup) -> ProcessSetup) -> Seen {
    let (plan, length) = plan(blows);
    let limits = |setup: ProcessSetup| {
        build(setup)
            .env("SAYSO_LIMITS__ENABLED", "true")
            .env("SAYSO_LIMITS__WRITE_PER_MINUTE", "1000000")
            .env("SAYSO_LIMITS__READ_PER_MINUTE", "1000000")
    };
    let (database, redis) = Cluster::stores().await;
    let way = Way::to(redis.port()).await;
    let by_way =
        |setup: ProcessSetup, redis: &TestRedis| setup.env("REDIS_URL", redis.url_at(way.port()));
    let mut cluster = Cluster::on(database, redis, limits, by_way).await;
    let channels = Channels::open(&cluster.company).await;
    let truth = Truth::of(&cluster.database.app_config()).await;
    truth.settle().await;
    let people = cluster.everybody();
    let count = if is_full() { 48 } else { 8 };
    let sockets = Arc::new(Sockets::brief());
    let subscribers = connect(&people, &sockets, &KINDS, count).await;

    let (started, begun) = (Instant::now(), Clock::System.now().as_millisecond());
    let end = started + length;
    let writers = write(&people, &channels, end);
    let names: Vec<String> = subscribers.iter().map(|one| one.name.clone()).collect();
    // The others stay, so that what they hear comes live.
    let (leavers, stayers) = names.split_at(count / 2);
    tokio::spawn(leave_in_turn(Arc::clone(&sockets), leavers.to_vec(), end));
    for (after, blow) in &plan {
        sleep_until((started + *after).into()).await;
        deal(*blow, &mut cluster, &way).await;
    }
    let mut memory = Memory::default();
    for writer in writers {
        memory.add(writer.await.unwrap());
    }
    until_healed(&cluster).await;
    let (patience, slowest_write) = (memory.patience, memory.slowest);
    let config = cluster.database.app_config();
    let evidence = collect(&config, &sockets, subscribers, memory, plan.len()).await;
    let lateness: Vec<_> = stayers.iter().flat_map(|name| lateness(&sockets, name)).collect();
    let first = begun + i64::try_from(blows[0].0).unwrap();
    let before = lateness.iter().filter(|(written, _)| *written < first);
    let usual = before.map(|(_, late)| *late).max().unwrap_or_default();
    let latest = lateness.iter().map(|(_, late)| *late).max().unwrap();
    let ceo = &cluster.company.ceo;
    let lookers = [ceo.clone(), cluster.there(ceo)];
    assert_presence(&cluster.company, &lookers, &sockets, &names).await;
    let verdict = judge(&evidence);
    Seen { verdict, length, patience, slowest_write, usual, latest }
}

/// Four writers, two at each node.
fn write(
    people: &[(String, Client)],
    channels: &Channels,
    end: Instant,
) -> Vec<tokio::task::JoinHandle<Memory>> {
    let random = Random::seeded(12);
    (0..4)
        .map(|turn| {
            let person = &people[turn * 3 % people.len()].1;
            let writer =
                Writer::new(turn, (person, channels), (turn.is_multiple_of(2), PAUSE), &random);
            tokio::spawn(writer.run(end))
        })
        .collect()
}

async fn deal(blow: Blow, cluster: &mut Cluster, way: &Way) {
    let redis = &mut cluster.redis;
    let set = |value: &str| {
        assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", value]).trim(), "OK");
    };
    match blow {
        Blow::FillUp => set("1"),
        Blow::MakeRoom => set("0"),
        Blow::Empty => assert_eq!(redis.ask(&["FLUSHALL"]).trim(), "OK"),
        Blow::Hang => redis.hang(),
        Blow::GoOn => redis.go_on(),
        Blow::Cut => way.cut(),
        Blow::Mend => way.mend(),
        Blow::Kill => redis.kill9(),
        Blow::StartAgain => redis.start_again().await,
    }
}

/// Waits until both nodes have their Redis again.
async fn until_healed(cluster: &Cluster) {
    let ceo = &cluster.company.ceo;
    for person in [ceo.clone(), cluster.there(ceo)] {
        until("a node to be whole again", HEALED_WITHIN, async || {
            let ready = person.get("/health/ready").await.expect(200);
            (ready["checks"]["redis"] == "ok").then_some(())
        })
        .await;
    }
}

/// When something was written, and how long after that a socket heard of it
/// that was there all the time.
fn lateness(sockets: &Sockets, name: &str) -> Vec<(i64, Duration)> {
    let heard = sockets.heard(name);
    assert_eq!(heard.iter().filter(|it| it.event == "ready").count(), 1, "{name} was cut");
    let live = heard.iter().filter(|it| it.event == "message.sent");
    let late = live.filter_map(|it| {
        let written: Timestamp = it.payload["at"].as_str()?.parse().ok()?;
        let written = written.as_millisecond();
        Some((written, Duration::from_millis(u64::try_from(it.at - written).ok()?)))
    });
    late.collect()
}

/// `make faults` collects the lines of the full forms in `docs/testing.md`.
fn report(name: &str, seen: &Seen) {
    let Seen { verdict, length, patience, slowest_write, usual, latest } = seen;
    eprintln!("{name}: the latest event came after {latest:?}, before anything broke {usual:?}");
    let line = format!(
        "| {name} | {} s | {} | {} | {patience} | {} | {} | {} | {} | {} | {:.2} s | {:.2} s |",
        length.as_secs(),
        verdict.faults,
        verdict.acked,
        verdict.stored,
        verdict.received,
        verdict.reconnects,
        verdict.lost_writes + verdict.lost_events,
        verdict.doubled_writes + verdict.doubled_events + verdict.disordered,
        slowest_write.as_secs_f64(),
        latest.as_secs_f64(),
    );
    eprintln!("{line}");
    if is_full() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults"));
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name.replace(' ', "-")), line + "\n").unwrap();
    }
}

async fn assert_unharmed(name: &str, blows: &[(u64, Blow)]) {
    let seen = storm(blows, |setup| setup).await;
    report(name, &seen);
    assert!(seen.verdict.is_clean(), "{:#?}", seen.verdict);
    assert_eq!(seen.patience, 0, "somebody was asked for patience");
    let allowed = LATE_MAX + seen.usual * BUSY;
    assert!(seen.slowest_write < allowed, "a write took {:?}", seen.slowest_write);
    assert!(seen.latest < allowed, "an event came after {:?}", seen.latest);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_and_started_again() {
    use Blow::{Kill, StartAgain};
    let blows = [(800, Kill), (2_200, StartAgain), (3_500, Kill), (4_000, StartAgain)];

    assert_unharmed("redis killed", &blows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_replay_are_convicted_while_redis_is_killed() {
    let seen = storm(&[(800, Blow::Kill), (2_200, Blow::StartAgain)], without_replay).await;

    assert!(seen.verdict.lost_events > 0, "{:#?}", seen.verdict);
    assert_eq!(seen.verdict.lost_writes, 0, "{:#?}", seen.verdict);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied() {
    let blows = [800, 1_400, 2_000, 3_000].map(|at| (at, Blow::Empty));

    assert_unharmed("redis emptied", &blows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_hangs() {
    let hangs = if is_full() { 10_000 } else { 2_500 };
    let blows = [(800, Blow::Hang), (800 + hangs, Blow::GoOn)];

    assert_unharmed("redis hangs", &blows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_is_cut_off_from_redis() {
    let cut = if is_full() { 8_000 } else { 2_500 };
    let blows = [(800, Blow::Cut), (800 + cut, Blow::Mend)];

    assert_unharmed("one node without redis", &blows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_full() {
    let blows = [(800, Blow::FillUp), (3_000, Blow::MakeRoom)];

    assert_unharmed("redis full", &blows).await;
}

/// The line between nodes is mended, and everybody knows again who is there.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_partition_both_nodes_agree_on_who_is_there() {
    let (database, redis) = Cluster::stores().await;
    let way = Way::to(redis.port()).await;
    let second =
        |setup: ProcessSetup, redis: &TestRedis| setup.env("REDIS_URL", redis.url_at(way.port()));
    let cluster = Cluster::on(database, redis, |setup| setup, second).await;
    let (ceo, ann) = (&cluster.company.ceo, &cluster.company.ann);
    let sockets = Sockets::start();
    let there = cluster.there(ann);
    let path = format!("/api/users/{}", ann.user_id());
    let is_seen = async |as_what: &str| {
        until(&format!("ann to be {as_what} at both nodes"), Duration::from_secs(30), async || {
            let here = ceo.get(&path).await.expect(200)["presence"].clone();
            let beyond = cluster.there(ceo).get(&path).await.expect(200)["presence"].clone();
            (here == as_what && beyond == as_what).then_some(())
        })
        .await;
    };
    way.cut();
    sleep(Duration::from_millis(500)).await;
    let connect = Connect { id: "ann", person: &there, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    way.mend();
    is_seen("online").await;
    way.cut();
    sockets.disconnect("ann");
    way.mend();

    is_seen("offline").await;
}
