//! Everybody's connection is reset at once: all come back soon, miss nothing, and
//! cost the database little.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sayso_testkit::{Way, Weather};
use tokio::time::sleep;

use super::rounds;
use super::scene::{Scene, Stage};
use crate::faults::is_full;
use crate::faults::writer::Memory;

/// Everybody is back by then.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Statements that one who comes back may cost, all of them together.
const STATEMENTS_MAX: f64 = 3.1;
/// For so long it is counted what the nodes do by themselves.
const IDLE: Duration = Duration::from_secs(1);
/// Messages that nobody hears before they are back.
const MISSED: usize = 5;

/// Again and again, each time when everybody is back.
async fn reset_all(scene: &Scene) {
    for _ in 0..rounds(2, 10) {
        let losses = scene.losses();
        scene.lines.iter().for_each(|line| line.reset());
        scene.until_back(losses, scene.most()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_reset_at_once_while_people_write_miss_nothing() {
    // With many more, what four people write as fast as they can is more than the
    // one process of all these clients can read.
    let (js, python) = (rounds(40, 120), rounds(2, 8));
    let scene = Scene::set(&Stage { js, python, settings: &[], ..Stage::default() }).await;

    let verdict = scene.judged("all reset while people write", 25, reset_all).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    assert!(verdict.reconnects >= js / 2, "{}", verdict.reconnects);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_does_not_replay_is_convicted_when_all_are_reset() {
    let stage = Stage { js: 12, settings: &[], is_broken: true, ..Stage::default() };
    let scene = Scene::set(&stage).await;

    let verdict = scene.judged("all reset, no replay", 28, reset_all).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}

/// What nodes have counted so far.
#[derive(Debug, Default)]
struct Counted {
    /// How often they have sent each statement to their database.
    statements: HashMap<String, f64>,
    /// Requests that they have answered with a 5xx.
    failed: f64,
}

impl Counted {
    /// At both nodes.
    async fn at(scene: &Scene) -> Self {
        let mut counted = Self::default();
        for ceo in scene.ceos() {
            counted.add(&ceo.get("/metrics").await.text);
        }
        counted
    }

    fn add(&mut self, metrics: &str) {
        for (name, count) in metrics.lines().filter_map(|line| line.rsplit_once(' ')) {
            let Ok(count) = count.parse::<f64>() else { continue };
            if name.starts_with("sayso_db_statement_seconds_count") {
                *self.statements.entry(name.to_owned()).or_default() += count;
            }
            if name.starts_with("sayso_http_request_micros_count") && name.contains(r#"status="5"#)
            {
                self.failed += count;
            }
        }
    }

    /// Each statement, and how often it was sent since `before`.
    fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'a String, f64)> {
        let sent = move |(name, now): (&'a String, &f64)| {
            (name, now - before.statements.get(name).copied().unwrap_or_default())
        };
        self.statements.iter().map(sent)
    }

    /// How often statements were sent since `before`, however often each was.
    fn sum_since(&self, before: &Self) -> f64 {
        self.since(before).map(|(_, sent)| sent).sum()
    }
}

/// Statements a second that the nodes send when nobody does anything.
async fn idle(scene: &Scene) -> f64 {
    let (before, started) = (Counted::at(scene).await, Instant::now());
    sleep(IDLE).await;
    Counted::at(scene).await.sum_since(&before) / started.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_reset_at_once_are_back_soon_and_cost_few_statements() {
    // Silence is noticed as late as it is by default: a thousand clients in one
    // process do not answer each within half a second while all come back. Those
    // of the full form are as patient as whoever installs them has them.
    let (js, python) = (rounds(60, 1_000), rounds(4, 20));
    let stage = Stage { js, python, settings: &[], is_stock: is_full(), ..Stage::default() };
    let scene = Scene::set(&stage).await;
    let idle = idle(&scene).await;
    scene.weather(Weather::Held(Way::Down));
    for n in 0..MISSED {
        scene.say(n, format!("missed {n}")).await;
    }
    scene.cluster.settle().await;

    let before = Counted::at(&scene).await;
    let (losses, started) = (scene.losses(), Instant::now());
    scene.lines.iter().for_each(|line| line.reset());
    scene.until_lost(losses, scene.most()).await;
    scene.weather(Weather::Fair);
    scene.until_back(losses, scene.most()).await;
    let took = started.elapsed();
    let after = Counted::at(&scene).await;

    let lost: usize = scene.losses().iter().sum::<usize>() - losses.iter().sum::<usize>();
    let sockets = f64::from(u32::try_from(lost).unwrap());
    let by_itself = idle * took.as_secs_f64();
    let each = (after.sum_since(&before) - by_itself) / sockets;
    let most: Vec<_> = after.since(&before).filter(|(_, sent)| *sent > sockets / 10.0).collect();
    eprintln!(
        "{lost} sockets were back after {took:?}, at {each:.2} statements each; {by_itself:.0} \
         are the nodes' own, and of all these are the most: {most:?}"
    );
    let verdict = scene.verdict("all reset at once", started, Memory::default()).await;
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(verdict.received, MISSED * (js + python));
    assert!(took < BACK_WITHIN, "{took:?}");
    assert!(each <= STATEMENTS_MAX, "{each}: {most:?}");
    assert_eq!(after.failed - before.failed, 0.0, "requests were answered with a 5xx");
    assert!(scene.fired() >= js / 2);
}

#[test]
fn statements_that_not_every_socket_costs_are_counted_and_so_is_a_5xx() {
    let metrics = |times: u32, refused: u32| {
        let name = "sayso_db_statement_seconds_count{statement=";
        let rows = (0..5).map(|n| format!("{name}\"{n}\"}} {}\n", 100 + times));
        let route = r#"sayso_http_request_micros_count{method="GET",route="/socket.io/",status="#;
        let answers = format!("{route}\"200\"}} {times}\n{route}\"503\"}} {refused}\n");
        rows.chain([answers]).collect::<String>()
    };
    let (mut before, mut after) = (Counted::default(), Counted::default());
    before.add(&metrics(0, 2));
    after.add(&metrics(7, 3));

    // Five at seven for ten sockets.
    let each = after.sum_since(&before) / 10.0;

    assert!(each > STATEMENTS_MAX, "{each}");
    assert!(after.failed > before.failed, "{after:?}");
}
