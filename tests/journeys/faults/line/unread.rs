//! Clients that do not read what they are sent: they are given up, the node keeps
//! little for them, others notice nothing, and when they read again they have
//! missed nothing.

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use sayso_kernel::{Clock, Timestamp};
use sayso_testkit::{Client, Connect, Heard, Sockets, Way, Weather, until};
use tokio::time::sleep;

use super::scene::{Ears, LONG, MUCH, Scene, Stage};
use super::{SOON, rounds};
use crate::bounds::peak;
use crate::clients::metric;
use crate::faults::is_full;
use crate::faults::judge::Verdict;
use crate::faults::writer::Memory;

/// Silence is not what sends anybody away.
const PATIENT: [(&str, &str); 2] =
    [("SAYSO_REALTIME__PING_INTERVAL_MS", "60000"), ("SAYSO_REALTIME__PING_TIMEOUT_MS", "120000")];
/// The same at nodes that keep little of what was said for anybody else: the last
/// [`RING`] events, and next to nothing of what was read.
const LEAN: [(&str, &str); 4] = [
    PATIENT[0],
    PATIENT[1],
    ("SAYSO_REALTIME__RING_LEN", "96"),
    ("SAYSO_CACHE__L1_BYTES_MAX", "1048576"),
];
const RING: usize = 96;
/// Between two times at which much is said. A second of it, after which whoever
/// reads nothing is given up, is less than the node keeps anyway.
const PAUSE: Duration = Duration::from_millis(100);
/// Packets that may wait for somebody.
const WAITING: usize = 128;
/// What somebody who does not read may cost the node: what waits for them, long as
/// it is here, and little else.
const COSTS_MAX: usize = WAITING * LONG + (2 << 20);
/// What is said at least while they do not read, in the full form.
const SAID: usize = 10 << 20;
/// Of a hundred messages ninety-nine reach whoever reads within this, in
/// milliseconds,
const LATE_MAX: i64 = 2_000;
/// and so many times what it takes on this machine while everybody reads.
const BUSY: i64 = 4;
/// At the node of those who do not read, and not behind their line.
const QUICK: [(&str, &str); 2] = [("quick websocket", "websocket"), ("quick polling", "polling")];
const GIVEN_UP: &str = r#"sayso_realtime_closed_total{code="session.slow_reader"}"#;

/// One time at which some did not read.
struct Stall {
    /// By how much the node grew.
    grown: usize,
    /// When was said what everybody read at once, and when what some did not, in
    /// milliseconds since 1970.
    read: Range<i64>,
    unread: Range<i64>,
}

fn now() -> i64 {
    Clock::System.now().as_millisecond()
}

/// Forgets the most memory that a process has had: from here on it is what it has.
fn forget_peak(pid: i32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// Those behind the line to the second node take nothing until it has given up
/// all of them, and then again.
async fn stall(scene: &Scene, second: &Client) -> Stall {
    let pid = scene.cluster.second.pid().unwrap();
    let (fair, slow) = (now(), scene.at("there"));
    forget_peak(pid);
    // From then on whatever is kept for everybody takes the place of something.
    for _ in 0..RING.div_ceil(MUCH) {
        scene.say_much().await;
    }
    let (before, losses) = (peak(pid), scene.losses());
    let given_up = metric(second, GIVEN_UP).await;
    let all = given_up + f64::from(u32::try_from(slow.iter().sum::<usize>()).unwrap());
    let (stalled, least) = (now(), if is_full() { SAID } else { 0 });
    scene.lines[1].set(Weather::Stalled(Way::Down));
    let mut said = 0;
    // Until the buffers of both ends are full.
    until("all who do not read to be given up", SOON * 3, async || {
        scene.say_much().await;
        said += MUCH * LONG;
        sleep(PAUSE).await;
        (said >= least && metric(second, GIVEN_UP).await >= all).then_some(())
    })
    .await;
    let (grown, ended) = (peak(pid).saturating_sub(before), now());
    eprintln!("grown by {} KiB while {} KiB were said", grown >> 10, said >> 10);
    scene.lines[1].set(Weather::Fair);
    scene.until_back(losses, slow).await;
    Stall { grown, read: fair..stalled, unread: stalled..ended }
}

/// When each message was written, and how much later it was heard, in milliseconds.
fn lateness(heard: impl Iterator<Item = Heard>) -> Vec<(i64, i64)> {
    let late = |heard: Heard| {
        let written: Timestamp = heard.payload["at"].as_str()?.parse().ok()?;
        let written = written.as_millisecond();
        Some((written, heard.at - written))
    };
    heard.filter(|heard| heard.event == "message.sent").filter_map(late).collect()
}

/// How late ninety-nine of a hundred were heard at the most, of those written then.
fn p99<'a>(late: &[(i64, i64)], written: impl Iterator<Item = &'a Range<i64>> + Clone) -> i64 {
    let is_meant = |at: &i64| written.clone().any(|range| range.contains(at));
    let of_then = late.iter().filter(|(at, _)| is_meant(at));
    let mut all: Vec<i64> = of_then.map(|(_, late)| *late).collect();
    all.sort_unstable();
    all.get(all.len() * 99 / 100).copied().unwrap_or_default()
}

/// Everybody has read on to this place: who is still behind when the line stalls
/// again is behind for longer each time.
async fn caught_up(scene: &Scene, position: i64) {
    until("everybody to have read on", SOON * 2, async || {
        let has_read = |ears: &Ears, name: &String| ears.sockets.last_position(name) >= position;
        let has_all = |ears: &Ears| ears.names().iter().all(|name| has_read(ears, name));
        scene.ears().all(has_all).then_some(())
    })
    .await;
}

/// What was seen of a node and its clients while some did not read.
struct Seen {
    verdict: Verdict,
    /// By how much the node grew, and how much it may.
    grown: usize,
    allowed: usize,
    /// How late the others heard while everybody read, and while some did not; and
    /// how late those did. In milliseconds.
    usual: i64,
    quick: i64,
    slow: i64,
}

async fn read_nothing(name: &str, stage: &Stage<'_>) -> Seen {
    let scene = Scene::set(stage).await;
    let ([_, second], started) = (scene.ceos(), Instant::now());
    let js: &Sockets = &scene.js.sockets;
    for (id, transport) in QUICK {
        let transports = &[transport];
        js.connect_and_wait(&Connect { id, person: &second, transports, resume: None }).await;
    }

    let mut stalls = Vec::new();
    for round in 0..rounds(1, 10) {
        stalls.push(stall(&scene, &second).await);
        // Also of a build that replays nothing everybody hears this one.
        scene.say(round, format!("that was round {round}")).await;
        caught_up(&scene, js.last_position(QUICK[0].0)).await;
    }

    let verdict = scene.verdict(name, started, Memory::default()).await;
    let heard_at = |place: &str| -> Vec<Heard> {
        let all = scene.ears().flat_map(|ears| {
            ears.names_at(place).into_iter().flat_map(move |name| ears.sockets.heard(&name))
        });
        all.collect()
    };
    let beside = QUICK.into_iter().flat_map(|(id, _)| js.heard(id));
    let others = lateness(heard_at("here").into_iter().chain(beside));
    let (read, unread) = (stalls.iter().map(|it| &it.read), stalls.iter().map(|it| &it.unread));
    let seen = Seen {
        verdict,
        grown: stalls.iter().map(|stall| stall.grown).max().unwrap(),
        allowed: COSTS_MAX * scene.at("there").iter().sum::<usize>(),
        usual: p99(&others, read),
        quick: p99(&others, unread.clone()),
        slow: p99(&lateness(heard_at("there").into_iter()), unread),
    };
    // Whoever polls gets so much in so many answers that a busy machine may be too
    // slow for them.
    assert_eq!(js.losses(QUICK[0].0), 0, "{} lost its connection", QUICK[0].0);
    for (id, _) in QUICK {
        js.disconnect(id);
    }
    scene.assert_presence().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_and_is_given_up_for_it_misses_nothing_and_others_notice_nothing() {
    let stage = Stage { js: 4, settings: &LEAN, ..Stage::default() };

    let seen = read_nothing("clients that do not read", &stage).await;

    let Seen { verdict, grown, allowed, usual, quick, slow } = seen;
    eprintln!("others heard after {quick} ms, {usual} ms are usual, and {slow} ms those");
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert!(grown <= allowed, "the node grew by {grown} of {allowed} bytes");
    assert!(quick < LATE_MAX + usual * BUSY, "{quick} ms, usual are {usual}");
    // The same question finds those who did not read.
    assert!(slow > quick, "{slow} ms, and others {quick}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_replays_nothing_is_convicted_by_who_does_not_read() {
    let stage = Stage { js: 4, settings: &PATIENT, is_broken: true, ..Stage::default() };

    let Seen { verdict, .. } = read_nothing("no replay", &stage).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}
