//! Two nodes with one Redis, clients of both libraries at each, and lines that
//! are cut in the middle of what they carry: nothing is lost, doubled or out of
//! order, at whichever node it was said.

use std::time::{Duration, Instant};

use sayso_kernel::Random;
use sayso_testkit::{Client, ProcessSetup, Proxy, Sockets, Weather, until};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::crash::is_full;
use super::judge::{Subscriber, Verdict, judge};
use super::mutants::without_replay;
use super::storm::{Channels, collect, connect};
use super::writer::{Memory, Writer};
use crate::cluster::Cluster;
use crate::presence::assert_presence;
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(80);
const JAVASCRIPT: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];
/// Over polling the client of Python does not notice an answer that is cut in
/// its middle, as its page in docs/events.md says.
const PYTHON: [&[&str]; 1] = [&["websocket"]];

/// The clients of one library.
struct Ears {
    sockets: Sockets,
    subscribers: Vec<Subscriber>,
}

impl Ears {
    fn names(&self) -> Vec<String> {
        self.subscribers.iter().map(|one| one.name.clone()).collect()
    }

    /// Whether each is connected, as far as it has said.
    fn are_here(&self) -> bool {
        self.names().iter().all(|name| {
            let heard = self.sockets.heard(name);
            let mut last = heard.iter().rev().map(|heard| heard.event.as_str());
            last.find(|event| ["ready", "disconnect"].contains(event)) == Some("ready")
        })
    }
}

struct Scene {
    cluster: Cluster,
    channels: Channels,
    /// The line to each node.
    lines: [Proxy; 2],
    /// Of JavaScript and of Python.
    ears: [Ears; 2],
}

impl Scene {
    async fn set(both: impl Fn(ProcessSetup) -> ProcessSetup) -> Self {
        let cluster = Cluster::with(both, |setup, _| setup).await;
        let channels = Channels::open(&cluster.company).await;
        Truth::of(&cluster.database.app_config()).await.settle().await;
        cluster.settle().await;
        let urls = [cluster.company.server.url(), cluster.second.url()];
        let lines = [Proxy::before(&urls[0]).await, Proxy::before(&urls[1]).await];
        let people: Vec<(String, Client)> = cluster
            .everybody()
            .into_iter()
            .enumerate()
            .map(|(n, (name, person))| (name, person.through(&lines[n % 2].url())))
            .collect();
        let (js, python) = (Sockets::brief(), Sockets::python());
        let of_js = connect(&people, &js, &JAVASCRIPT, if is_full() { 24 } else { 8 }).await;
        let of_python = connect(&people, &python, &PYTHON, if is_full() { 8 } else { 4 }).await;
        let js = Ears { sockets: js, subscribers: of_js };
        let python = Ears { sockets: python, subscribers: of_python };
        Self { cluster, channels, lines, ears: [js, python] }
    }

    /// Two at each node, every second with keys.
    fn write(&self, stop: &watch::Sender<Instant>) -> Vec<JoinHandle<Memory>> {
        let (people, random) = (self.cluster.everybody(), Random::seeded(15));
        let writer = |turn: usize| {
            let person = &people[turn * 3 % people.len()].1;
            Writer::new(turn, (person, &self.channels), (turn.is_multiple_of(2), PAUSE), &random)
        };
        (0..4).map(|turn| tokio::spawn(writer(turn).run_until(stop.subscribe()))).collect()
    }

    /// The line to one node after the other is cut somewhere, and whoever lost
    /// it comes back before the next: a client of Python whose handshake is cut
    /// may never try again.
    async fn cut(&self, rounds: usize) {
        let random = Random::seeded(16);
        for round in 0..rounds {
            let line = &self.lines[round % 2];
            let before = line.fired();
            line.set(Weather::CutAfter(200 + u64::from(random.below(8_000))));
            let is_cut = async || (line.fired() > before).then_some(());
            until(&format!("cut {round}"), SOON, is_cut).await;
            let are_back = async || self.ears.iter().all(Ears::are_here).then_some(());
            until("everybody to be back", SOON, are_back).await;
        }
    }

    async fn judged(self, rounds: usize) -> (Verdict, usize) {
        let (stop, _) = watch::channel(Instant::now() + Duration::from_secs(3600));
        let writers = self.write(&stop);
        self.cut(rounds).await;
        stop.send_replace(Instant::now());
        let mut memory = Memory::default();
        for writer in writers {
            memory.add(writer.await.unwrap());
        }
        let faults = self.lines.iter().map(|line| usize::try_from(line.fired()).unwrap()).sum();
        let Self { cluster, ears: [js, python], .. } = &self;
        let config = cluster.database.app_config();
        let mut evidence =
            collect(&config, &js.sockets, js.subscribers.clone(), memory, faults).await;
        let nothing = Memory::default();
        let of_python =
            collect(&config, &python.sockets, python.subscribers.clone(), nothing, faults).await;
        let came_back = of_python.subscribers.iter().map(|one| one.reconnects).sum();
        evidence.subscribers.extend(of_python.subscribers);
        let verdict = judge(&evidence);
        eprintln!(
            "{} cuts, {} acked, {} stored, {} received, {} reconnects, {came_back} of Python",
            verdict.faults, verdict.acked, verdict.stored, verdict.received, verdict.reconnects
        );
        // Those of Python go, and the others are seen or not by what is left.
        python.names().iter().for_each(|name| python.sockets.disconnect(name));
        let lookers = [cluster.company.ceo.clone(), cluster.there(&cluster.company.ceo)];
        assert_presence(&cluster.company, &lookers, &js.sockets, &js.names()).await;
        (verdict, came_back)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_to_two_nodes_are_cut_in_the_middle_and_no_client_of_either_library_loses_anything() {
    let scene = Scene::set(|setup| setup).await;

    let (verdict, of_python) = scene.judged(if is_full() { 120 } else { 12 }).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    assert!(of_python > 0, "no client of Python had to come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_replay_are_convicted_when_their_lines_are_cut() {
    let scene = Scene::set(without_replay).await;

    let (verdict, _) = scene.judged(16).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}
