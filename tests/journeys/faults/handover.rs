//! Two nodes on one database and without Redis, and whoever leads is killed
//! again and again: the other one leads, and nobody misses anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::Random;
use sayso_testkit::{Client, Connect, Process, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::crash::{is_full, report};
use super::judge::Acked;
use super::storm::{Aftermath, Channels, KINDS, collect, connect, longest_absence};
use super::writer::{Memory, Writer};
use crate::clients::metric;
use crate::cluster::settle;
use crate::company::Company;
use crate::presence::assert_presence;

const SOON: Duration = Duration::from_secs(30);
/// After the death of the one that leads, a write is heard at the other within
/// this,
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// and so many times what it takes there while somebody leads.
const BUSY: u32 = 4;
const PAUSE: Duration = Duration::from_millis(80);

/// Two nodes of one company.
struct Pair {
    company: Company,
    second: Process,
}

impl Pair {
    async fn on(database: &TestDatabase) -> Self {
        let company = Company::found(ProcessSetup::on(database)).await;
        let second = Process::start(ProcessSetup::on(database)).await;
        Self { company, second }
    }

    /// A person at the first or the second node.
    fn at(&self, node: usize, person: &Client) -> Client {
        let url = [self.company.server.url(), self.second.url()];
        person.through(&url[node])
    }

    fn node(&mut self, node: usize) -> &mut Process {
        if node == 0 { &mut self.company.server } else { &mut self.second }
    }

    /// Everybody at both nodes, in turn.
    fn everybody(&self) -> Vec<(String, Client)> {
        let people = self.company.everybody();
        let at_both = people.iter().flat_map(|(name, person)| {
            [0, 1].map(|node| (format!("{name} at {node}"), self.at(node, person)))
        });
        at_both.collect()
    }

    /// Which node leads; there is one at most.
    async fn leader(&self) -> usize {
        until("a node to lead", SOON, async || self.leader_of(&[0, 1]).await).await
    }

    /// Which of these nodes, all of which are there, leads.
    async fn leader_of(&self, nodes: &[usize]) -> Option<usize> {
        for node in nodes {
            let ceo = self.at(*node, &self.company.ceo);
            if metric(&ceo, "sayso_sequencer_leading ").await == 1.0 {
                return Some(*node);
            }
        }
        None
    }
}

/// Who listens at each node, and what is written for them.
struct Ears {
    sockets: Sockets,
    channel: String,
    written: Vec<Acked>,
}

const EARS: [&str; 2] = ["ear at 0", "ear at 1"];

impl Ears {
    async fn open(pair: &Pair, channel: String) -> Self {
        let sockets = Sockets::start();
        for node in [0, 1] {
            let (id, person) = (EARS[node], &pair.at(node, &pair.company.ann));
            let connect = Connect { id, person, transports: &["websocket"], resume: None };
            sockets.connect_and_wait(&connect).await;
        }
        Self { sockets, channel, written: Vec::new() }
    }

    /// Writes at a node; answers how long it took until it was heard there.
    async fn heard_after(&mut self, pair: &Pair, node: usize) -> Duration {
        let (started, person) = (Instant::now(), pair.at(node, &pair.company.ceo));
        let content = format!("for the ears {}", self.written.len());
        let path = format!("/api/channels/{}/messages", self.channel);
        let sent = person.post(&path, json!({ "content": content })).await.expect(201);
        until("the event", SOON, async || {
            let heard = self.sockets.events(EARS[node]);
            heard.iter().any(|event| event["data"]["id"] == sent["id"]).then_some(())
        })
        .await;
        let took = started.elapsed();
        let id = sent["id"].as_str().unwrap().parse().unwrap();
        self.written.push(Acked { content, id });
        took
    }
}

/// Four writers, two at each node, one of them with keys.
fn write(
    people: &[(String, Client)],
    channels: &Channels,
    stop: &watch::Sender<Instant>,
) -> Vec<JoinHandle<Memory>> {
    let random = Random::seeded(14);
    let writer = |turn: usize| {
        let person = &people[turn * 3 % people.len()].1;
        Writer::new(turn, (person, channels), (turn < 2, PAUSE), &random)
    };
    (0..4).map(|turn| tokio::spawn(writer(turn).run_until(stop.subscribe()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leads_is_killed_and_the_other_leads_and_nobody_misses_anything() {
    let (rounds, count) = if is_full() { (40, 48) } else { (3, 8) };
    let database = TestDatabase::new().await;
    let config = database.app_config();
    let mut pair = Pair::on(&database).await;
    let channels = Channels::open(&pair.company).await;
    let ceo = pair.company.ceo.clone();
    settle(&config, &[0, 1].map(|node| pair.at(node, &ceo))).await;
    let sockets = Arc::new(Sockets::brief());
    let people = pair.everybody();
    let subscribers = connect(&people, &sockets, &KINDS, count).await;
    let mut ears = Ears::open(&pair, channels.of(&pair.company.ann).remove(0)).await;

    let started = Instant::now();
    let (stop, _) = watch::channel(started + Duration::from_secs(3600));
    let writers = write(&people, &channels, &stop);
    let (mut handovers, mut faults) = (Vec::new(), 0);
    for _ in 0..rounds {
        let leader = pair.leader().await;
        let usual = ears.heard_after(&pair, 1 - leader).await;
        faults += usize::from(pair.node(leader).kill9());
        let took = ears.heard_after(&pair, 1 - leader).await;
        assert!(took < HEARD_WITHIN + usual * BUSY, "heard after {took:?}, usual are {usual:?}");
        assert_eq!(pair.leader_of(&[1 - leader]).await, Some(1 - leader));
        handovers.push(took);
        pair.node(leader).restart().await;
    }
    stop.send_replace(Instant::now());
    let mut memory = Memory { acked: ears.written, ..Memory::default() };
    for writer in writers {
        memory.add(writer.await.unwrap());
    }

    // Valid by the processes that were ended; and nobody leaves by themselves
    // here, so that whoever comes back has lost their line to one of them.
    let names: Vec<String> = subscribers.iter().map(|one| one.name.clone()).collect();
    let evidence = collect(&config, &sockets, subscribers, memory, faults).await;
    let away = names.iter().map(|name| longest_absence(&sockets, name)).max();
    let aftermath =
        Aftermath { evidence, recoveries: handovers, slowest_return: away.unwrap_or_default() };
    let verdict = report("the leader (slowest handover)", started.elapsed(), &aftermath);
    assert!(verdict.is_clean(), "{verdict:#?}");
    // Without Redis each node knows of those alone who are at it.
    drop(ears.sockets);
    for node in [0, 1] {
        let is_here = |name: &&String| name.contains(&format!(" at {node} "));
        let here: Vec<String> = names.iter().filter(is_here).cloned().collect();
        assert_presence(&pair.company, &[pair.at(node, &ceo)], &sockets, &here).await;
    }
}
