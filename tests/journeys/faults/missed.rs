//! Very many who all missed much and come back at once, by both libraries and to
//! two nodes: each is sent all of it, and the nodes stay small.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sayso_testkit::{Way, Weather, until};

use super::line::rounds;
use super::line::scene::{Scene, Stage};
use super::writer::Memory;
use crate::bounds::peak;

/// Messages that were missed by each.
const MISSED: usize = 500;
/// So many are said at once.
const AT_ONCE: usize = 20;
/// By when all have them: one process is very many clients.
const SOON: Duration = Duration::from_secs(240);
/// By how much a node may grow, whoever comes back, and for each who does.
const GROWS_MAX: usize = 32 << 20;
const EACH_MAX: usize = 256 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn who_all_missed_five_hundred_messages_come_back_at_once_and_the_nodes_stay_small() {
    let (js, python) = (rounds(45, 1_250), rounds(4, 20));
    // By polling: its library refuses an answer that holds more than 16 packets.
    let stage = Stage { js, python, python_by: &[&["polling"]], settings: &[], ..Stage::default() };
    let scene = Scene::set(&stage).await;
    let (losses, [most, _]) = (scene.losses(), scene.most());
    scene.weather(Weather::Held(Way::Both));
    scene.lines.iter().for_each(|line| line.reset());
    // What Python uses for HTTP asks once more before it says that a line is lost,
    // and that is held up as well.
    scene.until_lost(losses, [most, 0]).await;
    for round in 0..MISSED / AT_ONCE {
        join_all((0..AT_ONCE).map(|n| scene.say(n, format!("{round}.{n}")))).await;
    }
    scene.cluster.settle().await;
    let nodes = [&scene.cluster.company.server, &scene.cluster.second];
    let before = nodes.map(|node| peak(node.pid().unwrap()));

    let started = Instant::now();
    scene.weather(Weather::Fair);
    scene.until_lost(losses, [most, 1]).await;
    for ears in scene.ears() {
        for name in ears.names() {
            let has_all = async || (ears.sockets.event_count(&name) >= MISSED).then_some(());
            until(&format!("{name} to have all"), SOON, has_all).await;
        }
    }
    let verdict = scene.verdict("all missed 500 messages", started, Memory::default()).await;

    let after = nodes.map(|node| peak(node.pid().unwrap()));
    let grown = [after[0].saturating_sub(before[0]), after[1].saturating_sub(before[1])];
    eprintln!("grown by {:?} KiB while all read what they had missed", grown.map(|it| it >> 10));
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.received, MISSED * (js + python));
    // Half of them are at each node.
    let most = GROWS_MAX + EACH_MAX * (js + python) / 2;
    assert!(grown.iter().all(|grown| *grown < most), "{grown:?} of {most}");
}
