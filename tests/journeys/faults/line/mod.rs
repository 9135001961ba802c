//! The lines between the clients and two nodes are bad, while people write at
//! both: nothing is lost, doubled or out of order.
//!
//! The short form takes a few seconds each, `SAYSO_FAULTS=full` minutes.

mod cut;
mod reset;
pub mod scene;
#[cfg(target_os = "linux")]
mod unread;

use std::time::{Duration, Instant};

use sayso_testkit::{Sockets, Way, Weather, until};
use tokio::time::sleep;

use scene::{Scene, Stage};

use super::crash::is_full;
use crate::clients::metric;
use crate::company::connect;

const SOON: Duration = Duration::from_secs(60);
/// A silence of so long is noticed by either side, on a machine with nothing
/// else to do,
const PING: Duration = Duration::from_millis(500);
/// when that is asked for.
const IMPATIENT: [(&str, &str); 2] =
    [("SAYSO_REALTIME__PING_INTERVAL_MS", "500"), ("SAYSO_REALTIME__PING_TIMEOUT_MS", "500")];
/// How much later on a machine that has much to do.
const BUSY: Duration = Duration::from_secs(2);
/// Who sees by a fair line who is there, at each node.
const WATCHERS: [&str; 2] = ["watcher here", "watcher there"];

pub fn rounds(short: usize, full: usize) -> usize {
    if is_full() { full } else { short }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_up_by_a_partition_is_heard_once() {
    let scene = Scene::set(&Stage::default()).await;

    let verdict = scene
        .judged("lines that hold everything", 29, async |scene| {
            for round in 1..=rounds(2, 20) {
                // A little, which nobody notices; and until both sides give up.
                let silence = if round % 2 == 1 { PING / 2 } else { PING * 3 };
                scene.weather(Weather::Held(Way::Both));
                sleep(silence).await;
                scene.weather(Weather::Fair);
                sleep(PING).await;
                scene.until_here().await;
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

/// One line swallows everything, the other what goes down to the clients; the
/// next time it is the other way round. How long it took until their nodes had
/// noticed all who are behind them.
async fn swallow(scene: &Scene, round: usize) -> Duration {
    let (losses, started) = (scene.losses(), Instant::now());
    scene.lines[round % 2].set(Weather::Swallowed(Way::Both));
    scene.lines[(round + 1) % 2].set(Weather::Swallowed(Way::Down));
    for ceo in scene.ceos() {
        until("the dead to be noticed, all but the watcher", SOON, async || {
            (metric(&ceo, "sayso_realtime_sockets ").await == 1.0).then_some(())
        })
        .await;
    }
    let noticed = started.elapsed();
    scene.weather(Weather::Fair);
    scene.until_back(losses, [4, 0]).await;
    noticed
}

/// How somebody came and went, as a watcher was told.
fn flips(watchers: &Sockets, watcher: &str, person: &str) -> Vec<String> {
    let kinds = ["user.disconnected", "user.connected"];
    let heard = watchers.heard(watcher).into_iter();
    let of_person = heard.filter(|heard| heard.payload["userId"] == person);
    let all = of_person.map(|heard| heard.event).filter(|kind| kinds.contains(&kind.as_str()));
    // That they first came may be told a moment later.
    all.skip_while(|kind| kind == kinds[1]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_swallows_everything_is_noticed_and_presence_flips_once_at_most() {
    // A client of Python whose handshake is swallowed waits for minutes.
    let scene = Scene::set(&Stage { js: 8, python: 0, ..Stage::default() }).await;
    let watchers = Sockets::start();
    for (id, ceo) in WATCHERS.into_iter().zip(&scene.ceos()) {
        connect(&watchers, id, ceo).await;
    }
    let (count, mut slowest) = (rounds(1, 6), Duration::ZERO);

    let verdict = scene
        .counted("lines that swallow everything", 30, async |scene| {
            for round in 0..count {
                slowest = slowest.max(swallow(scene, round).await);
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    // A ping that is due by then, its answer, and what a busy machine needs.
    assert!(slowest < PING * 2 + BUSY, "the dead were noticed after {slowest:?}");
    let bob = scene.cluster.company.bob.user_id();
    for watcher in WATCHERS {
        until("bob to be told of as back", SOON, async || {
            flips(&watchers, watcher, bob).len().is_multiple_of(2).then_some(())
        })
        .await;
        let flips = flips(&watchers, watcher, bob);
        let times = flips.len() / 2;
        assert!(times <= count, "bob went {times} times in {count} rounds, for {watcher}");
        assert_eq!(flips, ["user.disconnected", "user.connected"].repeat(times), "{watcher}");
    }
    scene.assert_presence().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_and_upgrades_in_the_midst_of_events_keep_the_order() {
    let scene = Scene::set(&Stage::default()).await;

    let verdict = scene
        .judged("slow lines that are cut", 37, async |scene| {
            scene.weather(Weather::Delayed(Duration::from_millis(15)));
            for _ in 0..rounds(3, 60) {
                let losses = scene.losses();
                scene.lines.iter().for_each(|line| line.cut());
                scene.until_back(losses, [2, 2]).await;
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}
