//! The line between the clients and the server is bad, while people write:
//! nothing is lost, doubled or out of order.
//!
//! The short form takes a few seconds each, `SAYSO_FAULTS=full` minutes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;
use sayso_kernel::Random;
use sayso_testkit::{
    Client, Connect, ProcessSetup, Proxy, Sockets, TestDatabase, Way, Weather, until,
};
use serde_json::json;
use tokio::time::sleep;

use super::crash::is_full;
use super::judge::{Acked, Subscriber, Verdict, judge};
use super::mutants::mutant_bin;
use super::storm::{Channels, Keys, collect, connect, write};
use super::writer::Memory;
use crate::clients::metric;
use crate::company::Company;
use crate::presence::assert_presence;
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(60);
/// A silence of so long is noticed by either side, on a machine with nothing
/// else to do.
const PING: Duration = Duration::from_millis(500);
/// How much later on a machine that has much to do.
const BUSY: Duration = Duration::from_secs(2);
const EVERY_KIND: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];
const WRITERS: usize = 3;
/// Messages of 36 kB at once.
const MUCH: usize = 10;

/// Everybody's clients behind one line.
struct Scene {
    company: Company,
    database: TestDatabase,
    proxy: Proxy,
    sockets: Arc<Sockets>,
    channels: Channels,
    subscribers: Vec<Subscriber>,
    /// What was said beside the writers.
    said: Mutex<Vec<Acked>>,
}

impl Scene {
    /// With silence noticed after [`PING`].
    async fn new(sockets: usize, mutant: Option<&str>) -> Self {
        let ping = PING.as_millis().to_string();
        let every = [
            ("SAYSO_REALTIME__PING_INTERVAL_MS", ping.as_str()),
            ("SAYSO_REALTIME__PING_TIMEOUT_MS", ping.as_str()),
        ];
        Self::with(sockets, mutant, &every).await
    }

    async fn with(sockets: usize, mutant: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        let mut setup =
            ProcessSetup::on(&database).env("SAYSO_REALTIME__SOCKETS_PER_PERSON_MAX", "1000");
        for (name, value) in settings {
            setup = setup.env(name, *value);
        }
        if mutant.is_some() {
            setup = setup.bin(mutant_bin());
        }
        let mut company = Company::found(setup).await;
        let channels = Channels::open(&company).await;
        if let Some(mutant) = mutant {
            company.server.stop().await;
            company.server.set("SAYSO_MUTANT", mutant);
            company.server.restart().await;
        }
        Truth::of(&database.app_config()).await.settle().await;
        let proxy = Proxy::before(&company.server.url()).await;
        let people = company.everybody().map(|(name, who)| (name, who.through(&proxy.url())));
        let drivers = Arc::new(Sockets::brief());
        let subscribers = connect(&people, &drivers, &EVERY_KIND, sockets).await;
        let said = Mutex::default();
        Self { company, database, proxy, sockets: drivers, channels, subscribers, said }
    }

    fn names(&self) -> Vec<String> {
        self.subscribers.iter().map(|one| one.name.clone()).collect()
    }

    /// How often all of them together lost their connection.
    fn losses(&self) -> usize {
        self.names().iter().map(|name| self.sockets.count(name, "disconnect")).sum()
    }

    /// At least so many have lost their connection since there were `losses`,
    /// and everybody is here. Not all must have: one that polls may have asked
    /// for nothing in that moment, and one that changes over to a WebSocket
    /// lives on by its other connection.
    async fn until_back(&self, losses: usize, at_least: usize) {
        until("everybody to be back", SOON, async || {
            let is_here = |name: &String| {
                let heard = self.sockets.heard(name);
                let mut last = heard.iter().rev().map(|heard| heard.event.as_str());
                last.find(|event| ["ready", "disconnect"].contains(event)) == Some("ready")
            };
            let is_lost = self.losses() >= losses + at_least;
            (is_lost && self.names().iter().all(is_here)).then_some(())
        })
        .await;
    }

    /// Says a lot at once in a channel that everybody follows.
    async fn say_much(&self) {
        let (long, said) = ("🙂".repeat(9_000), self.said.lock().len());
        let all = (0..MUCH).map(|n| self.say(format!("much {} {long}", said + n)));
        join_all(all).await;
    }

    async fn say(&self, content: String) {
        let path = format!("/api/channels/{}/messages", self.channels.of(&self.company.ceo)[0]);
        let sent = self.company.ceo.post(&path, json!({ "content": content })).await;
        let id = sent.expect(201)["id"].as_str().unwrap().parse().unwrap();
        self.said.lock().push(Acked { content, id });
    }

    /// The faults happen while people write; then it is counted, and looked who
    /// is there.
    async fn judged(self, seed: u64, weather: impl AsyncFnOnce(&Self)) -> Verdict {
        let verdict = self.counted(seed, weather).await;
        self.assert_presence().await;
        verdict
    }

    async fn assert_presence(&self) {
        let lookers = [self.company.ceo.clone()];
        assert_presence(&self.company, &lookers, &self.sockets, &self.names()).await;
    }

    async fn counted(&self, seed: u64, weather: impl AsyncFnOnce(&Self)) -> Verdict {
        let random = Random::seeded(seed);
        // Writers stop when the weather has passed; this is only an end.
        let end = Instant::now() + if is_full() { SOON * 3 } else { Duration::from_secs(4) };
        let writers =
            write(&self.company, &self.channels, (WRITERS, Keys::EverySecond), &random, end);
        weather(self).await;
        self.proxy.set(Weather::Fair);
        let mut memory =
            Memory { acked: std::mem::take(&mut *self.said.lock()), ..Memory::default() };
        for writer in writers {
            memory.add(writer.await.unwrap());
        }
        let faults = usize::try_from(self.proxy.fired()).unwrap();
        let Self { database, sockets, subscribers, .. } = self;
        let (config, subscribers) = (database.app_config(), subscribers.clone());
        let verdict = judge(&collect(&config, sockets, subscribers, memory, faults).await);
        eprintln!(
            "{} faults, {} acked, {} stored, {} received, {} reconnects",
            verdict.faults, verdict.acked, verdict.stored, verdict.received, verdict.reconnects
        );
        verdict
    }
}

fn rounds(short: usize, full: usize) -> usize {
    if is_full() { full } else { short }
}

/// Cuts connections in the middle of what they carry, again and again.
async fn cut_in_the_middle(scene: &Scene) {
    let random = Random::seeded(27);
    for round in 0..rounds(8, 200) {
        let before = scene.proxy.fired();
        scene.proxy.set(Weather::CutAfter(200 + u64::from(random.below(8_000))));
        until(&format!("cut {round}"), SOON, async || (scene.proxy.fired() > before).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_polls_that_are_cut_in_the_middle_lose_nothing() {
    let scene = Scene::new(6, None).await;

    let verdict = scene.judged(27, cut_in_the_middle).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_does_not_replay_is_convicted_behind_a_bad_line() {
    let scene = Scene::new(6, Some("no-replay")).await;

    let verdict = scene
        .judged(28, async |scene| {
            for _ in 0..4 {
                // While they come back somebody certainly says something.
                scene.proxy.reset();
                scene.proxy.set(Weather::Held(Way::Both));
                sleep(PING / 2).await;
                scene.proxy.set(Weather::Fair);
                sleep(PING).await;
            }
        })
        .await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_up_by_a_partition_is_heard_once() {
    let scene = Scene::new(6, None).await;

    let verdict = scene
        .judged(29, async |scene| {
            for round in 1..=rounds(2, 20) {
                // A little, which nobody notices; and until both sides give up.
                let silence = if round % 2 == 1 { PING / 2 } else { PING * 3 };
                scene.proxy.set(Weather::Held(Way::Both));
                sleep(silence).await;
                scene.proxy.set(Weather::Fair);
                sleep(PING).await;
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_swallows_everything_is_noticed_and_presence_flips_once_at_most() {
    let scene = Scene::new(8, None).await;
    let watcher = Sockets::start();
    let (person, transports) = (&scene.company.ceo, &["websocket"][..]);
    watcher.connect_and_wait(&Connect { id: "watcher", person, transports, resume: None }).await;
    let url = scene.company.server.url();
    let bob = scene.company.bob.user_id().to_owned();
    let mut noticed = Duration::ZERO;

    let verdict = scene
        .counted(30, async |scene| {
            let ceo = Client::login(&url, "ceo@example.com", crate::company::PASSWORD).await;
            let losses = scene.losses();
            scene.proxy.set(Weather::Swallowed(Way::Both));
            let started = Instant::now();
            until("the dead to be noticed, all but the watcher", SOON, async || {
                (metric(&ceo, "sayso_realtime_sockets ").await == 1.0).then_some(())
            })
            .await;
            noticed = started.elapsed();
            scene.proxy.set(Weather::Fair);
            scene.until_back(losses, 4).await;
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    // A ping that is due by then, its answer, and what a busy machine needs.
    assert!(noticed < PING * 2 + BUSY, "the dead were noticed after {noticed:?}");
    let told = |kind: &str| -> usize {
        let heard = watcher.heard("watcher").into_iter().filter(|heard| heard.event == kind);
        heard.filter(|heard| heard.payload["userId"] == bob.as_str()).count()
    };
    let (gone, back) = (told("user.disconnected"), told("user.connected"));
    assert!(gone <= 1 && back == gone, "Bob went {gone} times and came {back} times");
    scene.assert_presence().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_and_upgrades_in_the_midst_of_events_keep_the_order() {
    let scene = Scene::new(6, None).await;

    let verdict = scene
        .judged(37, async |scene| {
            scene.proxy.set(Weather::Delayed(Duration::from_millis(15)));
            for _ in 0..rounds(3, 60) {
                let losses = scene.losses();
                scene.proxy.cut();
                scene.until_back(losses, 2).await;
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

/// Silence is not what sends anybody away.
const PATIENT: [(&str, &str); 2] =
    [("SAYSO_REALTIME__PING_INTERVAL_MS", "60000"), ("SAYSO_REALTIME__PING_TIMEOUT_MS", "120000")];

/// Nothing is taken until the server has given them up, and then again.
async fn read_nothing(scene: &Scene) {
    let slow = r#"sayso_realtime_closed_total{code="session.slow_reader"}"#;
    for round in 0..rounds(1, 10) {
        let (losses, before) = (scene.losses(), metric(&scene.company.ceo, slow).await);
        scene.proxy.set(Weather::Stalled(Way::Down));
        // Until the buffers of both ends are full.
        until("somebody to be given up", SOON * 3, async || {
            scene.say_much().await;
            (metric(&scene.company.ceo, slow).await >= before + 2.0).then_some(())
        })
        .await;
        scene.proxy.set(Weather::Fair);
        scene.until_back(losses, 2).await;
        // Also of a build that replays nothing everybody hears this one.
        scene.say(format!("that was round {round}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_and_is_given_up_for_it_misses_nothing() {
    let scene = Scene::with(4, None, &PATIENT).await;

    let verdict = scene.judged(24, read_nothing).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_does_not_replay_is_convicted_by_who_does_not_read() {
    let scene = Scene::with(4, Some("no-replay"), &PATIENT).await;

    let verdict = scene.judged(24, read_nothing).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_reset_at_once_while_people_write_miss_nothing() {
    let count = rounds(40, 400);
    let scene = Scene::with(count, None, &[]).await;

    let verdict = scene
        .judged(25, async |scene| {
            for _ in 0..rounds(2, 10) {
                let losses = scene.losses();
                scene.proxy.reset();
                scene.until_back(losses, count / 2).await;
            }
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    assert!(verdict.reconnects >= count / 2, "{}", verdict.reconnects);
}

/// How often the server has sent each statement to its database so far.
async fn statements(who: &Client) -> HashMap<String, f64> {
    let text = who.get("/metrics").await.text;
    let counts = text.lines().filter(|line| line.starts_with("sayso_db_statement_seconds_count"));
    let pairs = counts.filter_map(|line| line.rsplit_once(' '));
    pairs.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_reset_at_once_are_back_soon_and_cost_few_statements() {
    let count = rounds(60, 1_000);
    // Silence is noticed as late as it is by default: a thousand clients in one
    // process do not answer each within half a second while all come back.
    let scene = Scene::with(count, None, &[]).await;
    let ceo = scene.company.ceo.clone();

    let started = Instant::now();
    let before = statements(&ceo).await;
    let losses = scene.losses();
    scene.proxy.reset();
    scene.until_back(losses, count / 2).await;
    let took = started.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let sockets = (scene.losses() - losses) as f64;
    let since = statements(&ceo).await.into_iter().map(|(name, now)| {
        let each = (now - before.get(&name).unwrap_or(&0.0)) / sockets;
        (name, each)
    });
    // What the server does by itself it does not do for every socket.
    let per_socket: Vec<(String, f64)> = since.filter(|(_, each)| *each > 0.8).collect();
    let each: f64 = per_socket.iter().map(|(_, each)| each).sum();

    eprintln!("{count} sockets were back after {took:?}, at {per_socket:?} statements each");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(each <= 3.1, "{per_socket:?}");
    assert!(scene.proxy.fired() >= u64::try_from(count / 2).unwrap());
}
