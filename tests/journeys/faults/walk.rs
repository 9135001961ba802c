//! A random walk: people come and go, write, change and withdraw, are let into
//! channels and removed, while nodes are killed and Redis is stopped, emptied
//! and killed. At rest every client holds what a fresh read shows.
//!
//! The walk is its seed and its length. Its plan stands in `target/walks` while
//! it goes on and stays there when it fails: `SAYSO_WALK=<seed>:<steps>` walks
//! that one again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sayso_config::process_environment;
use sayso_kernel::Random;
use sayso_testkit::{Client, Connect, Heard, ProcessSetup, Sockets, judge, until};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::crash::is_full;
use super::mutants::without_replay;
use crate::cluster::Cluster;
use crate::company::open_channel;
use crate::presence::assert_presence;
use crate::truth::Truth;

/// Steps of a walk.
const SHORT: usize = 60;
const LONG: usize = 600;
/// How long everybody may need to be at rest.
const AT_REST_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Step {
    Write,
    Edit,
    Withdraw,
    LetIn,
    Remove,
    Leave,
    Return,
    KillNode,
    KillRedis,
    EmptyRedis,
    HangRedis,
    Pause,
}

/// Most of what happens is work.
fn step(random: &Random) -> Step {
    match random.below(100) {
        0..40 => Step::Write,
        40..55 => Step::Edit,
        55..62 => Step::Withdraw,
        62..70 => Step::LetIn,
        70..78 => Step::Remove,
        78..84 => Step::Leave,
        84..90 => Step::Return,
        90..92 => Step::KillNode,
        92..94 => Step::KillRedis,
        94..96 => Step::EmptyRedis,
        96..97 => Step::HangRedis,
        _ => Step::Pause,
    }
}

struct Walk {
    cluster: Cluster,
    random: Random,
    sockets: Sockets,
    /// The sockets, and whose each is.
    clients: Vec<(String, Client)>,
    channels: Vec<String>,
    /// Messages that were written: their id and version.
    written: Vec<(String, i64)>,
    taken: Vec<Step>,
}

/// What a client holds: of each channel the messages it knows, as they are.
type Held = BTreeMap<String, BTreeMap<String, String>>;

impl Walk {
    async fn begin(seed: u64, build: impl Fn(ProcessSetup) -> ProcessSetup) -> Self {
        let cluster = Cluster::with(build, |setup, _| setup).await;
        let company = &cluster.company;
        let mut channels = Vec::new();
        for name in ["north", "south", "east"] {
            channels.push(open_channel(&company.ceo, name, &[&company.ann]).await);
        }
        Truth::of(&cluster.database.app_config()).await.settle().await;
        let sockets = Sockets::start();
        let clients = cluster.everybody();
        for (turn, (id, person)) in clients.iter().enumerate() {
            let transports: &[&str] = if turn % 4 == 1 { &["polling"] } else { &["websocket"] };
            let connect = Connect { id, person, transports, resume: None };
            sockets.connect_and_wait(&connect).await;
        }
        // Not the generator of the plan: a walk that is shorter goes the same way.
        let (random, taken) = (Random::seeded(!seed), Vec::new());
        Self { cluster, random, sockets, clients, channels, written: Vec::new(), taken }
    }

    fn any(&self, count: usize) -> usize {
        let count = u32::try_from(count.max(1)).unwrap();
        usize::try_from(self.random.below(count)).unwrap()
    }

    /// The CEO at either node.
    fn ceo(&self) -> Client {
        let ceo = &self.cluster.company.ceo;
        if self.any(2) == 0 { ceo.clone() } else { self.cluster.there(ceo) }
    }

    async fn take(&mut self, step: Step) {
        self.taken.push(step);
        let channel = self.channels[self.any(self.channels.len())].clone();
        match step {
            Step::Write => self.write(&channel).await,
            Step::Edit | Step::Withdraw => self.change(step).await,
            Step::LetIn | Step::Remove => self.admit(step, &channel).await,
            Step::Leave => self.sockets.leave(&self.clients[self.any(self.clients.len())].0),
            Step::Return => self.sockets.come_back(&self.clients[self.any(self.clients.len())].0),
            Step::KillNode if self.any(2) == 0 => self.cluster.company.server.restart().await,
            Step::KillNode => self.cluster.second.restart().await,
            Step::KillRedis => self.cluster.redis.start_again().await,
            Step::EmptyRedis => drop(self.cluster.redis.ask(&["FLUSHALL"])),
            Step::HangRedis => {
                self.cluster.redis.hang();
                sleep(Duration::from_millis(300)).await;
                self.cluster.redis.go_on();
            }
            Step::Pause => sleep(Duration::from_millis(100)).await,
        }
    }

    async fn write(&mut self, channel: &str) {
        let body = json!({ "content": format!("message {}", self.taken.len()) });
        let reply = self.ceo().post(&format!("/api/channels/{channel}/messages"), body).await;
        let message = reply.expect(201);
        let id = message["id"].as_str().unwrap().to_owned();
        self.written.push((id, message["version"].as_i64().unwrap()));
    }

    async fn change(&mut self, step: Step) {
        if self.written.is_empty() {
            return;
        }
        let at = self.any(self.written.len());
        let (id, version) = self.written[at].clone();
        let path = format!("/api/messages/{id}");
        if matches!(step, Step::Withdraw) {
            self.ceo().delete(&path).await.expect(204);
            self.written.remove(at);
            return;
        }
        let body = json!({ "content": format!("edit {}", self.taken.len()), "version": version });
        let changed = self.ceo().put(&path, body).await.expect(200);
        self.written[at].1 = changed["version"].as_i64().unwrap();
    }

    async fn admit(&mut self, step: Step, channel: &str) {
        let company = &self.cluster.company;
        let person = [&company.ann, &company.bob, &company.manager][self.any(3)].user_id();
        let body = match step {
            Step::LetIn => json!({ "add": [person] }),
            _ => json!({ "remove": [person] }),
        };
        // Somebody may be in already, or out.
        let reply = self.ceo().post(&format!("/api/channels/{channel}/members"), body).await;
        assert!(reply.status.as_u16() < 500, "{}", reply.text);
    }

    /// Everybody comes back, and hears the last there is.
    async fn come_to_rest(&mut self) -> Truth {
        let truth = Truth::of(&self.cluster.database.app_config()).await;
        for (id, _) in &self.clients {
            self.sockets.come_back(id);
        }
        truth.settle().await;
        // Everybody hears this one: it is the company's.
        let last = json!({ "name": "the end", "kind": "public" });
        self.ceo().post("/api/channels", last).await.expect(201);
        truth.settle().await;
        for (id, _) in &self.clients {
            until(&format!("{id} to hear the end"), AT_REST_WITHIN, async || {
                let heard = self.sockets.events(id).into_iter().rev();
                let mut heard = heard.map(|event| event["data"]["name"].clone());
                heard.any(|name| name == "the end").then_some(())
            })
            .await;
        }
        truth
    }

    /// Who holds something else than what is due to them.
    async fn judge(&self, truth: &Truth) -> Vec<String> {
        judge::assert_settled(self.cluster.database.db()).await;
        let (mut comings_back, mut astray) = (0, Vec::new());
        for (id, person) in &self.clients {
            let heard = self.sockets.heard(id);
            comings_back += heard.iter().filter(|it| it.event == "ready").count() - 1;
            let mut due = Held::new();
            for (stream, since) in truth.follows(person.user_id()).await {
                if let Some(channel) = stream.strip_prefix("channel:") {
                    due.insert(stream.clone(), truth.messages_since(channel, since).await);
                }
            }
            let held = held(id, &heard);
            if held == due {
                assert_shown(person, &held).await;
            } else {
                astray.push(format!("{id} holds {held:?} instead of {due:?}"));
            }
        }
        assert!(comings_back > 0, "nobody had to come back");
        let company = &self.cluster.company;
        let lookers = [company.ceo.clone(), self.cluster.there(&company.ceo)];
        let names: Vec<String> = self.clients.iter().map(|(id, _)| id.clone()).collect();
        assert_presence(company, &lookers, &self.sockets, &names).await;
        astray
    }
}

/// A fresh read over HTTP shows the same of everything that a client holds.
async fn assert_shown(person: &Client, held: &Held) {
    for (stream, messages) in held {
        let path = format!("/api/channels/{}/messages", &stream["channel:".len()..]);
        let (mut shown, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let page = person.get(&format!("{path}?limit=100{cursor}")).await.expect(200);
            for message in page["items"].as_array().unwrap() {
                shown.insert(message["id"].to_string(), message["content"].clone());
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        for (id, content) in messages {
            assert_eq!(shown.get(&json!(id).to_string()), Some(&json!(content)), "{stream}");
        }
    }
}

/// What a client holds that does what it is told, and nothing else.
fn held(id: &str, heard: &[Heard]) -> Held {
    let (mut held, mut cursor) = (Held::new(), 0);
    let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for one in heard {
        let Heard { event, payload, .. } = one;
        if one.is_event() {
            cursor = cursor.max(payload["position"].as_i64().unwrap());
        }
        match event.as_str() {
            "ready" => {
                let is_first = held.is_empty() && payload["recovered"] == false;
                assert!(is_first || payload["recovered"] == true, "{id}: {payload}");
                let mut told = BTreeMap::new();
                for stream in payload["streams"].as_array().unwrap() {
                    told.insert(of(&stream["stream"]), stream["from"].as_i64().unwrap());
                }
                held.retain(|stream, _| told.contains_key(stream));
                for (stream, from) in told.into_iter().filter(|it| it.0.starts_with("channel:")) {
                    let known = held.entry(stream).or_default();
                    // It was left and joined again: what was known may be old.
                    if from > cursor {
                        known.clear();
                    }
                }
                cursor = cursor.max(payload["position"].as_i64().unwrap());
            }
            "stream.joined" if of(&payload["stream"]).starts_with("channel:") => {
                held.insert(of(&payload["stream"]), BTreeMap::new());
            }
            "stream.left" => drop(held.remove(&of(&payload["stream"]))),
            "message.sent" | "message.edited" => {
                let known = held.entry(of(&payload["stream"])).or_default();
                let (message, text) = (of(&payload["data"]["id"]), of(&payload["data"]["content"]));
                // An edit of something from before one came is not one's own.
                if event == "message.sent" || known.contains_key(&message) {
                    known.insert(message, text);
                }
            }
            "message.deleted" => {
                let known = held.entry(of(&payload["stream"])).or_default();
                known.remove(&of(&payload["data"]["id"]));
            }
            _ => {}
        }
    }
    held
}

/// What a walk does. However short, it meets each fault.
fn plan(seed: u64, steps: usize) -> Vec<Step> {
    let random = Random::seeded(seed);
    let step = |n| match (n, step(&random)) {
        (15, _) => Step::Leave,
        (20, _) => Step::KillRedis,
        (30, _) => Step::EmptyRedis,
        (40, _) => Step::KillNode,
        (_, step) => step,
    };
    (0..steps).map(step).collect()
}

/// Where the plan of a walk stands.
fn saved(seed: u64, steps: usize) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/walks");
    Path::new(folder).join(format!("{seed}-{steps}.txt"))
}

/// Walks on nodes of this build. Answers who went astray.
async fn walk(
    (seed, steps): (u64, usize),
    build: impl Fn(ProcessSetup) -> ProcessSetup,
) -> Vec<String> {
    let planned = plan(seed, steps);
    let saved = saved(seed, steps);
    std::fs::create_dir_all(saved.parent().unwrap()).unwrap();
    let how = format!("SAYSO_WALK={seed}:{steps}\n{planned:?}\n");
    std::fs::write(&saved, how).unwrap();
    eprintln!("the plan of the walk is in {}", saved.display());

    let mut walk = Walk::begin(seed, build).await;
    for step in planned {
        walk.take(step).await;
    }
    let truth = walk.come_to_rest().await;
    let astray = walk.judge(&truth).await;
    if astray.is_empty() {
        std::fs::remove_file(&saved).unwrap();
    }
    astray
}

#[test]
fn a_plan_is_its_seed_and_a_shorter_one_begins_alike() {
    let steps = |seed, count| format!("{:?}", plan(seed, count));

    assert_eq!(steps(7, 60), steps(7, 60));
    assert_ne!(steps(7, 60), steps(8, 60));
    let short = steps(7, 60);
    assert!(steps(7, 600).starts_with(short.trim_end_matches(']')));
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_walk_leads_every_client_holds_what_a_fresh_read_shows() {
    let named = process_environment().find(|(name, _)| name == "SAYSO_WALK");
    if let Some((_, named)) = named {
        let (seed, steps) = named.split_once(':').expect("it is a seed and a number of steps");
        let named = (seed.parse().unwrap(), steps.parse().unwrap());
        assert_eq!(walk(named, |setup| setup).await, Vec::<String>::new());
        return;
    }
    let (seeds, steps) = if is_full() { (1..=6, LONG) } else { (1..=1, SHORT) };
    for seed in seeds {
        assert_eq!(walk((seed, steps), |setup| setup).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_nodes_that_do_not_replay_leads_clients_astray() {
    let astray = walk((2, SHORT), without_replay).await;

    assert!(!astray.is_empty());
    std::fs::remove_file(saved(2, SHORT)).unwrap();
}
