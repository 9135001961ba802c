//! Two nodes on one Redis, a line before each, and clients of both libraries
//! behind both lines. People write at both nodes, past the lines, so that what is
//! said at one is heard through the bad line of the other.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;
use sayso_db::tokio_postgres::Config;
use sayso_kernel::Random;
use sayso_testkit::{Client, ProcessSetup, Proxy, Sockets, Weather, until};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{IMPATIENT, SOON};
use crate::cluster::Cluster;
use crate::faults::crash::report;
use crate::faults::judge::{Acked, Evidence, Subscriber, Verdict, judge};
use crate::faults::mutants::without_replay;
use crate::faults::storm::{Aftermath, Channels, collect, connect, longest_absence};
use crate::faults::writer::{Memory, Writer};
use crate::presence::assert_presence;

/// Half of them at each node.
const WRITERS: usize = 4;
/// Writes of one writer come this far apart.
const PAUSE: Duration = Duration::from_millis(80);
/// Messages that are said at once,
pub const MUCH: usize = 10;
/// and the bytes of each.
pub const LONG: usize = 36_000;
const JAVASCRIPT: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];

/// So many of JavaScript and of Python.
pub type Counts = [usize; 2];

/// Who comes, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// Sockets of JavaScript, by every transport.
    pub js: usize,
    /// Sockets of Python,
    pub python: usize,
    /// and how they come. Over polling they do not notice an answer that is cut
    /// in its middle, as their page in docs/events.md says.
    pub python_by: &'a [&'a [&'a str]],
    /// Settings of both nodes.
    pub settings: &'a [(&'a str, &'a str)],
    /// Whether the nodes send nobody what they missed.
    pub is_broken: bool,
    /// Whether clients are as patient as their libraries make them.
    pub is_stock: bool,
}

impl Default for Stage<'_> {
    fn default() -> Self {
        Self {
            js: 6,
            python: 2,
            python_by: &[&["websocket"]],
            settings: &IMPATIENT,
            is_broken: false,
            is_stock: false,
        }
    }
}

/// The clients of one library.
pub struct Ears {
    pub sockets: Sockets,
    pub subscribers: Vec<Subscriber>,
}

impl Ears {
    pub fn names(&self) -> Vec<String> {
        self.subscribers.iter().map(|one| one.name.clone()).collect()
    }

    /// Those that are `here`, at the first node, or `there`.
    pub fn names_at(&self, place: &str) -> Vec<String> {
        let is_at = |name: &String| name.split(' ').nth(1) == Some(place);
        self.names().into_iter().filter(is_at).collect()
    }

    fn are_here(&self) -> bool {
        self.subscribers.iter().all(|one| self.sockets.is_here(&one.name))
    }

    fn losses(&self) -> usize {
        self.subscribers.iter().map(|one| self.sockets.losses(&one.name)).sum()
    }

    fn longest_absence(&self) -> Duration {
        let absences = self.subscribers.iter().map(|one| longest_absence(&self.sockets, &one.name));
        absences.max().unwrap_or_default()
    }

    async fn evidence(&self, config: &Config, memory: Memory, faults: usize) -> Evidence {
        collect(config, &self.sockets, self.subscribers.clone(), memory, faults).await
    }
}

/// Everybody, and what is between them and the nodes.
pub struct Scene {
    pub cluster: Cluster,
    /// The line to each node.
    pub lines: [Proxy; 2],
    pub js: Ears,
    python: Option<Ears>,
    channels: Channels,
    /// What was said beside the writers.
    said: Mutex<Vec<Acked>>,
    is_broken: bool,
}

impl Scene {
    pub async fn set(stage: &Stage<'_>) -> Self {
        let as_is = |sockets: Sockets| if stage.is_stock { sockets.stock() } else { sockets };
        // They start while the nodes do.
        let js = as_is(Sockets::brief());
        let python = (stage.python > 0).then(|| as_is(Sockets::brief_python()));
        let both = |setup: ProcessSetup| {
            let setup = setup.env("SAYSO_REALTIME__SOCKETS_PER_PERSON_MAX", "1000");
            let with = |setup: ProcessSetup, (name, value): &(&str, &str)| setup.env(name, *value);
            let setup = stage.settings.iter().fold(setup, with);
            if stage.is_broken { without_replay(setup) } else { setup }
        };
        let cluster = Cluster::with(both, |setup, _| setup).await;
        let channels = Channels::open(&cluster.company).await;
        cluster.settle().await;
        let urls = [cluster.company.server.url(), cluster.second.url()];
        let lines = [Proxy::before(&urls[0]).await, Proxy::before(&urls[1]).await];
        let people: Vec<(String, Client)> = cluster
            .everybody()
            .into_iter()
            .enumerate()
            .map(|(n, (name, person))| (name, person.through(&lines[n % 2].url())))
            .collect();
        let subscribers = connect(&people, &js, &JAVASCRIPT, stage.js).await;
        let js = Ears { sockets: js, subscribers };
        let python = match python {
            Some(sockets) => {
                let subscribers = connect(&people, &sockets, stage.python_by, stage.python).await;
                Some(Ears { sockets, subscribers })
            }
            None => None,
        };
        let (said, is_broken) = (Mutex::default(), stage.is_broken);
        Self { cluster, lines, js, python, channels, said, is_broken }
    }

    /// The clients of each library.
    pub fn ears(&self) -> impl Iterator<Item = &Ears> {
        std::iter::once(&self.js).chain(&self.python)
    }

    /// The CEO at each node.
    pub fn ceos(&self) -> [Client; 2] {
        let ceo = &self.cluster.company.ceo;
        [ceo.clone(), self.cluster.there(ceo)]
    }

    /// The same on both lines.
    pub fn weather(&self, weather: Weather) {
        self.lines.iter().for_each(|line| line.set(weather));
    }

    /// How often something was really broken.
    pub fn fired(&self) -> usize {
        self.lines.iter().map(|line| usize::try_from(line.fired()).unwrap()).sum()
    }

    fn count(&self, of: impl Fn(&Ears) -> usize) -> Counts {
        [of(&self.js), self.python.as_ref().map_or(0, of)]
    }

    /// How many sockets are `here`, at the first node, or `there`.
    pub fn at(&self, place: &str) -> Counts {
        self.count(|ears| ears.names_at(place).len())
    }

    /// How often all of them together have lost their connection.
    pub fn losses(&self) -> Counts {
        self.count(Ears::losses)
    }

    /// Who is certain to notice that both lines were cut, of JavaScript half: one
    /// that polls may have asked for nothing in that moment, and one that changes
    /// over to a WebSocket lives on by its other connection.
    pub fn most(&self) -> Counts {
        let [js, python] = self.count(|ears| ears.subscribers.len());
        [js / 2, python]
    }

    fn are_lost(&self, since: Counts, least: Counts) -> bool {
        let now = self.losses();
        (0..now.len()).all(|library| now[library] >= since[library] + least[library])
    }

    /// At least so many have lost their connection since there were so many losses.
    pub async fn until_lost(&self, since: Counts, least: Counts) {
        let are_lost = async || self.are_lost(since, least).then_some(());
        until("connections to be lost", SOON, are_lost).await;
    }

    /// The same, and everybody is here.
    pub async fn until_back(&self, since: Counts, least: Counts) {
        self.until_lost(since, least).await;
        self.until_here().await;
    }

    /// Everybody is here, as far as they have said.
    pub async fn until_here(&self) {
        let are_here = async || self.ears().all(Ears::are_here).then_some(());
        until("everybody to be here", SOON, are_here).await;
    }

    /// Says something in a channel that everybody follows, at each node in turn.
    pub async fn say(&self, turn: usize, content: String) {
        let [here, there] = self.ceos();
        let who = if turn.is_multiple_of(2) { here } else { there };
        let path = format!("/api/channels/{}/messages", self.channels.of(&who)[0]);
        let sent = who.post(&path, json!({ "content": content })).await;
        let id = sent.expect(201)["id"].as_str().unwrap().parse().unwrap();
        self.said.lock().push(Acked { content, id });
    }

    /// Says a lot there at once.
    pub async fn say_much(&self) {
        let (long, said) = ("🙂".repeat(LONG / 4), self.said.lock().len());
        let all = (0..MUCH).map(|n| self.say(n, format!("much {} {long}", said + n)));
        join_all(all).await;
    }

    /// People write while the faults happen; then it is counted, and looked who
    /// is there.
    pub async fn judged(&self, name: &str, seed: u64, weather: impl AsyncFnOnce(&Self)) -> Verdict {
        let verdict = self.counted(name, seed, weather).await;
        self.assert_presence().await;
        verdict
    }

    pub async fn counted(
        &self,
        name: &str,
        seed: u64,
        weather: impl AsyncFnOnce(&Self),
    ) -> Verdict {
        let started = Instant::now();
        let (stop, _) = watch::channel(started + Duration::from_secs(3600));
        let writers = self.write(seed, &stop);
        weather(self).await;
        self.weather(Weather::Fair);
        self.until_here().await;
        stop.send_replace(Instant::now());
        let mut memory = Memory::default();
        for writer in writers {
            memory.add(writer.await.unwrap());
        }
        // Also of a build that replays nothing everybody hears this one.
        self.say(0, "that was all".to_owned()).await;
        self.verdict(name, started, memory).await
    }

    /// Two at each node, one of them with keys.
    fn write(&self, seed: u64, stop: &watch::Sender<Instant>) -> Vec<JoinHandle<Memory>> {
        let (people, random) = (self.cluster.everybody(), Random::seeded(seed));
        let writer = |turn: usize| {
            let person = &people[turn * 3 % people.len()].1;
            let has_keys = turn < WRITERS / 2;
            Writer::new(turn, (person, &self.channels), (has_keys, PAUSE), &random)
        };
        (0..WRITERS).map(|turn| tokio::spawn(writer(turn).run_until(stop.subscribe()))).collect()
    }

    /// Counts what was acknowledged, stored and received.
    pub async fn verdict(&self, name: &str, started: Instant, mut memory: Memory) -> Verdict {
        memory.acked.append(&mut self.said.lock());
        let (length, faults) = (started.elapsed(), self.fired());
        let config = self.cluster.database.app_config();
        let mut evidence = self.js.evidence(&config, memory, faults).await;
        if let Some(python) = &self.python {
            let of_python = python.evidence(&config, Memory::default(), faults).await.subscribers;
            let came_back: usize = of_python.iter().map(|one| one.reconnects).sum();
            assert!(came_back > 0, "no client of Python had to come back");
            evidence.subscribers.extend(of_python);
        }
        // What is broken on purpose is no result.
        if self.is_broken {
            return judge(&evidence);
        }
        let slowest_return = self.ears().map(Ears::longest_absence).max().unwrap_or_default();
        report(name, length, &Aftermath { evidence, recoveries: Vec::new(), slowest_return })
    }

    pub async fn assert_presence(&self) {
        // Those of Python go, and the others are seen or not by what is left.
        if let Some(python) = &self.python {
            python.names().iter().for_each(|name| python.sockets.disconnect(name));
        }
        let Ears { sockets, .. } = &self.js;
        assert_presence(&self.cluster.company, &self.ceos(), sockets, &self.js.names()).await;
    }
}
