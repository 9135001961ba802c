//! Redis is killed, emptied, stopped, cut off from one of two nodes and filled
//! up, while people at both nodes write and listen: nothing is lost, nothing
//! heard twice, and nobody is refused.
//!
//! Nobody's own line is cut here: what makes a run valid is that every blow was
//! felt, by Redis or by a node that says so, and that is what is counted. Some
//! clients leave and come back by themselves all the while, so that what they
//! missed is read again while Redis is broken; that alone proves nothing.
//!
//! The short forms take a few seconds; `SAYSO_FAULTS=full` two minutes each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::{Clock, Random, Timestamp};
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestRedis, until};
use tokio::time::sleep_until;

use super::crash::is_full;
use super::judge::{Verdict, judge};
use super::mutants::without_replay;
use super::report::Row;
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
/// A node has noticed by then that Redis is away, or there again.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

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
    let mut faults = 0;
    for (after, blow) in &plan {
        sleep_until((started + *after).into()).await;
        faults += usize::from(is_felt(*blow, &mut cluster, &way).await);
    }
    let mut memory = Memory::default();
    for writer in writers {
        memory.add(writer.await.unwrap());
    }
    for node in nodes(&cluster) {
        until_redis_is("ok", &node).await;
    }
    let (patience, slowest_write) = (memory.patience, memory.slowest);
    let config = cluster.database.app_config();
    let evidence = collect(&config, &sockets, subscribers, memory, faults).await;
    let lateness: Vec<_> = stayers.iter().flat_map(|name| lateness(&sockets, name)).collect();
    let first = begun + i64::try_from(blows[0].0).unwrap();
    let before = lateness.iter().filter(|(written, _)| *written < first);
    let usual = before.map(|(_, late)| *late).max().unwrap_or_default();
    let latest = lateness.iter().map(|(_, late)| *late).max().unwrap();
    assert_presence(&cluster.company, &nodes(&cluster), &sockets, &names).await;
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

/// Deals a blow and answers whether it was one: it is felt when this answers.
/// The others end what was begun.
async fn is_felt(blow: Blow, cluster: &mut Cluster, way: &Way) -> bool {
    let both = nodes(cluster);
    match blow {
        Blow::StartAgain => cluster.redis.start_again().await,
        Blow::GoOn => cluster.redis.go_on(),
        Blow::Mend => way.mend(),
        Blow::MakeRoom => allow(&cluster.redis, "0"),
        Blow::Empty => return empty(&cluster.redis),
        Blow::FillUp => {
            let before = refusals(&both).await;
            allow(&cluster.redis, "1");
            until("a node to be refused", NOTICED_WITHIN, async || {
                (refusals(&both).await > before).then_some(())
            })
            .await;
            return true;
        }
        Blow::Kill => {
            assert!(cluster.redis.kill9(), "Redis had ended by itself");
            until_missed(&both).await;
            return true;
        }
        Blow::Hang => {
            cluster.redis.hang();
            until_missed(&both).await;
            return true;
        }
        Blow::Cut => {
            way.cut().await;
            until_missed(&both[1..]).await;
            return true;
        }
    }
    false
}

/// The CEO at each node.
fn nodes(cluster: &Cluster) -> [Client; 2] {
    let ceo = &cluster.company.ceo;
    [ceo.clone(), cluster.there(ceo)]
}

/// Lets Redis hold so many bytes; 0 is as many as it likes.
fn allow(redis: &TestRedis, bytes: &str) {
    assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", bytes]).trim(), "OK");
}

/// Takes everything out of Redis; whether there was something in it.
pub fn empty(redis: &TestRedis) -> bool {
    let held = redis.ask(&["DBSIZE"]);
    assert_eq!(redis.ask(&["FLUSHALL"]).trim(), "OK");
    held.trim() != "0"
}

/// What Redis would not or could not do for these nodes so far.
async fn refusals(nodes: &[Client]) -> f64 {
    let mut all = 0.0;
    for node in nodes {
        let text = node.get("/metrics").await.text;
        let lines = text.lines().filter(|line| line.starts_with("sayso_redis_failures_total"));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        all += counts.sum::<f64>();
    }
    all
}

/// Waits until these nodes say that they do without Redis.
pub async fn until_missed(nodes: &[Client]) {
    for node in nodes {
        until_redis_is("down", node).await;
    }
}

async fn until_redis_is(how: &str, node: &Client) {
    until(&format!("Redis to be {how} for {}", node.base()), NOTICED_WITHIN, async || {
        let ready = node.get("/health/ready").await.expect(200);
        (ready["checks"]["redis"] == how).then_some(())
    })
    .await;
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

/// Here nothing is restarted and nobody is cut off: the row has the slowest
/// write and the latest event in those places.
fn report(name: &str, seen: &Seen) {
    let Seen { verdict, length, patience, slowest_write, usual, latest } = seen;
    eprintln!("{name}: the latest event came after {latest:?}, before anything broke {usual:?}");
    let row = Row {
        unanswered: Some(*patience),
        slowest_restart: Some(*slowest_write),
        longest_absence: Some(*latest),
        ..Row::of(verdict, *length)
    };
    row.write(name);
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
    let started = Instant::now();
    way.cut().await;
    until_missed(&[cluster.there(ceo)]).await;
    let connect = Connect { id: "ann", person: &there, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    way.mend();
    is_seen("online").await;
    way.cut().await;
    sockets.disconnect("ann");
    way.mend();

    is_seen("offline").await;
    let row = Row { length: started.elapsed(), faults: way.cuts(), ..Row::default() };
    row.write("a partition between nodes");
}
