//! A random walk: people come and go, write, change and withdraw, make tasks and
//! finish them, rename channels, are let into them and removed, while nodes are
//! killed with what they were asked on its way, and Redis is killed, stopped and
//! emptied. What is away stays away for some steps, and the others go on. At
//! rest every client holds what a fresh read shows.
//!
//! A walk is valid by the processes that were ended, the outages of Redis in which
//! a node said that it did without, what was written meanwhile, and whoever had to
//! come back.
//!
//! The walk is its seed and its length. Its plan stands in `target/walks` while
//! it goes on and stays there when it fails: `SAYSO_WALK=<seed>:<steps>` walks
//! that one again.

mod ears;
mod held;
mod plan;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_config::process_environment;
use sayso_kernel::Random;
use sayso_testkit::{Client, Process, ProcessSetup, Sockets, judge, read};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::ears::Ears;
use self::held::{assert_shown, due, held};
use self::plan::{Step, plan};
use super::crash::is_full;
use super::mutants::without_replay;
use super::redis::{empty, until_missed};
use super::report::Row;
use super::storm::KINDS;
use crate::cluster::Cluster;
use crate::presence::assert_presence;
use crate::truth::Truth;

/// Steps of a walk.
const SHORT: usize = 60;
const LONG: usize = 600;
/// What a node was asked and has not answered when it is killed.
const ON_ITS_WAY: usize = 4;
/// The places of what was written.
const CHANNELS: usize = 0;
const MESSAGES: usize = 1;
const TASKS: usize = 2;

/// What a walk has counted.
#[derive(Debug, Default)]
struct Count {
    faults: usize,
    acked: usize,
    /// Of these, while a node and while Redis was away.
    without_a_node: usize,
    without_redis: usize,
    comings_back: usize,
    received: usize,
}

struct Walk {
    cluster: Cluster,
    random: Random,
    /// Of JavaScript and of Python.
    ears: [Ears; 2],
    /// Channels, messages and tasks: where each is, and its version.
    written: [Vec<(String, i64)>; 3],
    taken: Vec<Step>,
    /// The node that nobody uses.
    away: Option<usize>,
    /// What Redis comes back by.
    redis_back_by: Option<Step>,
    count: Count,
}

/// Where a thing is that was made, and its version.
fn made(path: &str, thing: &Value) -> (String, i64) {
    (format!("{path}/{}", thing["id"].as_str().unwrap()), thing["version"].as_i64().unwrap())
}

impl Walk {
    async fn begin(seed: u64, build: impl Fn(ProcessSetup) -> ProcessSetup) -> Self {
        let cluster = Cluster::with(build, |setup, _| setup).await;
        let everybody = cluster.everybody();
        // Its driver cannot leave: these lose their nodes alone.
        let of_python = [&everybody[4], &everybody[1]];
        let of_python = of_python.map(|(id, who)| (format!("{id}, by Python"), who.clone()));
        let js = Ears::open(Sockets::start(), everybody, &KINDS).await;
        let python = Ears::open(Sockets::python(), of_python.into(), &[&["websocket"]]).await;
        // After the sockets, so that they know of everything by events alone.
        let mut channels = Vec::new();
        let Cluster { company, database, .. } = &cluster;
        for name in ["north", "south", "east"] {
            let members = [company.ann.user_id()];
            let body = json!({ "name": name, "kind": "private", "members": members });
            let channel = company.ceo.post("/api/channels", body).await.expect(201);
            channels.push(made("/api/channels", &channel));
        }
        Truth::of(&database.app_config()).await.settle().await;
        // Not the generator of the plan: a walk that is shorter goes the same way.
        let random = Random::seeded(!seed);
        let (ears, written) = ([js, python], [channels, Vec::new(), Vec::new()]);
        let (away, redis_back_by, count) = (None, None, Count::default());
        Self { cluster, random, ears, written, taken: Vec::new(), away, redis_back_by, count }
    }

    fn any(&self, count: usize) -> usize {
        let count = u32::try_from(count.max(1)).unwrap();
        usize::try_from(self.random.below(count)).unwrap()
    }

    fn node(&mut self, node: usize) -> &mut Process {
        if node == 0 { &mut self.cluster.company.server } else { &mut self.cluster.second }
    }

    fn ceo_at(&self, node: usize) -> Client {
        let ceo = &self.cluster.company.ceo;
        if node == 0 { ceo.clone() } else { self.cluster.there(ceo) }
    }

    /// The CEO at either node, or at the one that lives.
    fn ceo(&self) -> Client {
        self.ceo_at(self.away.map_or_else(|| self.any(2), |away| 1 - away))
    }

    async fn take(&mut self, step: Step) {
        self.taken.push(step);
        let n = self.taken.len();
        let name = |what: &str| format!("{what} {n}");
        match step {
            Step::Write => self.say(&name("message")).await,
            Step::Edit => self.edit(MESSAGES, json!({ "content": name("edit") })).await,
            Step::Withdraw => self.delete(MESSAGES).await,
            Step::Make => self.make_task(&name("task")).await,
            Step::Work if n.is_multiple_of(2) => {
                self.edit(TASKS, json!({ "title": name("work") })).await;
            }
            Step::Work => {
                let status = ["todo", "in_progress", "review", "done", "cancelled"][self.any(5)];
                self.edit(TASKS, json!({ "status": status })).await;
            }
            Step::Drop => self.delete(TASKS).await,
            Step::Rename => self.edit(CHANNELS, json!({ "name": name("room") })).await,
            Step::LetIn | Step::Remove => self.admit(step).await,
            Step::Leave => self.ears[0].sockets.leave(&self.somebody()),
            Step::Return => self.ears[0].sockets.come_back(&self.somebody()),
            Step::KillNode(node) => self.kill(node).await,
            Step::StartNode(node) => self.node(node).start_again(),
            Step::UseNode(node) => {
                self.node(node).until_ready().await;
                self.away = None;
            }
            Step::KillRedis => {
                assert!(self.cluster.redis.kill9(), "Redis had ended by itself");
                self.redis_back_by = Some(Step::StartRedis);
            }
            Step::HangRedis => {
                self.cluster.redis.hang();
                self.redis_back_by = Some(Step::WakeRedis);
            }
            Step::StartRedis | Step::WakeRedis => self.bring_redis_back().await,
            Step::EmptyRedis => self.count.faults += usize::from(empty(&self.cluster.redis)),
            Step::Pause => sleep(Duration::from_millis(100)).await,
        }
    }

    /// Where one of the channels is.
    fn channel(&self) -> String {
        let channels = &self.written[CHANNELS];
        channels[self.any(channels.len())].0.clone()
    }

    /// One of the clients that can leave.
    fn somebody(&self) -> String {
        let clients = &self.ears[0].clients;
        clients[self.any(clients.len())].0.clone()
    }

    /// Notes a write that was answered.
    fn done(&mut self) {
        self.count.acked += 1;
        self.count.without_a_node += usize::from(self.away.is_some());
        self.count.without_redis += usize::from(self.redis_back_by.is_some());
    }

    async fn say(&mut self, content: &str) {
        let path = format!("{}/messages", self.channel());
        let said = self.ceo().post(&path, json!({ "content": content })).await.expect(201);
        self.written[MESSAGES].push(made("/api/messages", &said));
        self.done();
    }

    async fn make_task(&mut self, title: &str) {
        let channel = self.channel();
        let id = &channel["/api/channels/".len()..];
        let body = json!({ "title": title, "channelId": id });
        let task = self.ceo().post("/api/tasks", body).await.expect(201);
        self.written[TASKS].push(made("/api/tasks", &task));
        self.done();
    }

    /// One of the channels, messages or tasks, and its place, if there is any.
    fn one(&self, of: usize) -> Option<(usize, (String, i64))> {
        let all = &self.written[of];
        let at = self.any(all.len());
        all.get(at).map(|one| (at, one.clone()))
    }

    async fn edit(&mut self, of: usize, mut body: Value) {
        let Some((at, (path, version))) = self.one(of) else { return };
        body["version"] = version.into();
        let edited = self.ceo().put(&path, body).await.expect(200);
        self.written[of][at].1 = edited["version"].as_i64().unwrap();
        self.done();
    }

    async fn delete(&mut self, of: usize) {
        let Some((at, (path, _))) = self.one(of) else { return };
        self.ceo().delete(&path).await.expect(204);
        self.written[of].remove(at);
        self.done();
    }

    async fn admit(&mut self, step: Step) {
        let company = &self.cluster.company;
        let person = [&company.ann, &company.bob, &company.manager][self.any(3)].user_id();
        let body = match step {
            Step::LetIn => json!({ "add": [person] }),
            _ => json!({ "remove": [person] }),
        };
        // Somebody may be in already, or out.
        let reply = self.ceo().post(&format!("{}/members", self.channel()), body).await;
        assert!(reply.status.as_u16() < 500, "{}", reply.text);
        if reply.status.is_success() {
            self.done();
        }
    }

    /// Kills a node while some of what it was asked is on its way. What became of
    /// that nobody knows but the database.
    async fn kill(&mut self, node: usize) {
        // A client of Python whose handshake is cut may never try again.
        self.ears[1].until_here().await;
        let (ceo, path) = (self.ceo_at(node), format!("{}/messages", self.channel()));
        let ask = |n: usize| {
            let content = format!("on its way {} {n}", self.taken.len());
            read(ceo.request(Method::POST, &path).json(&json!({ "content": content })))
        };
        let mut asked: JoinSet<_> = (0..ON_ITS_WAY).map(ask).collect();
        // It has answered one: it is at work on the others.
        asked.join_next().await.unwrap().unwrap().unwrap().expect(201);
        self.done();
        assert!(self.node(node).kill9(), "node {node} had ended by itself");
        asked.join_all().await;
        self.away = Some(node);
        self.count.faults += 1;
    }

    /// Redis is there again, once a node has missed it.
    async fn bring_redis_back(&mut self) {
        let Some(how) = self.redis_back_by.take() else { return };
        until_missed(&[self.ceo()]).await;
        self.count.faults += 1;
        match how {
            Step::WakeRedis => self.cluster.redis.go_on(),
            _ => self.cluster.redis.start_again().await,
        }
    }

    /// Everything and everybody comes back, and hears the last there is.
    async fn come_to_rest(&mut self) -> Truth {
        self.bring_redis_back().await;
        if let Some(away) = self.away.take() {
            let node = self.node(away);
            if node.pid().is_none() {
                node.start_again();
            }
            node.until_ready().await;
        }
        let js = &self.ears[0];
        js.names().iter().for_each(|id| js.sockets.come_back(id));
        for ears in &self.ears {
            ears.until_here().await;
        }
        let truth = Truth::of(&self.cluster.database.app_config()).await;
        truth.settle().await;
        // Everybody hears this one: it is the company's.
        let last = json!({ "name": "the end", "kind": "public" });
        self.ceo().post("/api/channels", last).await.expect(201);
        truth.settle().await;
        for ears in &self.ears {
            ears.until_heard(&truth).await;
        }
        truth
    }

    /// Who holds something else than what is due to them.
    async fn judge(&mut self, truth: &Truth) -> Vec<String> {
        judge::assert_settled(self.cluster.database.db()).await;
        let mut astray = Vec::new();
        for Ears { sockets, clients } in &self.ears {
            for (id, person) in clients {
                let heard = sockets.heard(id);
                self.count.comings_back += sockets.count(id, "ready") - 1;
                self.count.received += sockets.event_count(id);
                let (held, due) = (held(id, &heard), due(truth, person).await);
                if held == due {
                    assert_shown(person, &held).await;
                } else {
                    astray.push(format!("{id} holds {held:?} instead of {due:?}"));
                }
            }
        }
        let Count { faults, without_a_node, without_redis, comings_back, .. } = self.count;
        assert!(faults > 0, "nothing was broken");
        assert!(without_a_node > 0, "nothing was written while a node was away");
        assert!(without_redis > 0, "nothing was written while Redis was away");
        assert!(comings_back > 0, "nobody had to come back");
        // Those of Python go, and the others are seen or not by what is left.
        let [js, python] = &self.ears;
        python.names().iter().for_each(|id| python.sockets.disconnect(id));
        let lookers = [self.ceo_at(0), self.ceo_at(1)];
        assert_presence(&self.cluster.company, &lookers, &js.sockets, &js.names()).await;
        astray
    }
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
    let started = Instant::now();
    for step in planned {
        walk.take(step).await;
    }
    let truth = walk.come_to_rest().await;
    let length = started.elapsed();
    let astray = walk.judge(&truth).await;
    let row = Row {
        length,
        faults: walk.count.faults,
        acked: Some(walk.count.acked),
        received: Some(walk.count.received),
        reconnects: Some(walk.count.comings_back),
        ..Row::default()
    };
    eprintln!("{:?}", walk.count);
    if astray.is_empty() {
        row.write(&format!("a walk of {steps} steps, seed {seed}"));
        std::fs::remove_file(&saved).unwrap();
    }
    astray
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
