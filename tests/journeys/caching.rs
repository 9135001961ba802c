//! What is kept of what was read: never past the right to it, dropped by
//! whoever changes it, cleared by the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, TestDatabase, read, until};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::company::{Company, open_channel};
use crate::faults::mutant_bin;

const SOON: Duration = Duration::from_secs(30);
/// Rounds of each way of losing a right.
const ROUNDS: usize = 70;
/// The same where one leak is looked for: a node that is behind leaks nothing.
const ROUNDS_UNTIL_ONE: usize = 500;
/// Who reads at once.
const READERS: usize = 3;
/// What a node knows is good for so long without a look at the log (ADR 0014).
const FRESH_FOR: Duration = Duration::from_millis(750);

/// One who reads a task, and how they lose sight of it and get it back.
struct Way {
    name: &'static str,
    reader: Client,
    task: String,
    /// Who takes and gives.
    by: Client,
    path: String,
    taken: Value,
    given: Value,
}

impl Way {
    async fn act(&self, body: &Value) {
        if self.name != "line" {
            self.by.post(&self.path, body.clone()).await.expect(200);
            return;
        }
        let mut body = body.clone();
        body["version"] = self.by.get(&self.path).await.expect(200)["version"].clone();
        self.by.put(&self.path, body).await.expect(200);
    }
}

async fn new_task(by: &Client, body: Value) -> String {
    let task = by.post("/api/tasks", body).await.expect(201);
    format!("/api/tasks/{}", task["id"].as_str().unwrap())
}

/// By leaving a private channel, by being unassigned, by losing a report.
async fn ways(company: &Company) -> Vec<Way> {
    let Company { ceo, manager, ann, bob, .. } = company;
    let channel = open_channel(ceo, "inner circle", &[ann]).await;
    let within = new_task(ceo, json!({ "title": "within", "channelId": channel })).await;
    let assigned =
        new_task(ceo, json!({ "title": "assigned", "assignedTo": [ann.user_id()] })).await;
    let of_report = new_task(bob, json!({ "title": "of a report" })).await;
    let way = |name, reader: &Client, task, path, taken, given| {
        let (reader, by) = (reader.clone(), ceo.clone());
        Way { name, reader, task, by, path, taken, given }
    };
    let (id, mona) = (json!([ann.user_id()]), manager.user_id());
    let members = format!("/api/channels/{channel}/members");
    let assign = format!("{assigned}/assign");
    let bob = format!("/api/users/{}", bob.user_id());
    let line = way(
        "line",
        manager,
        of_report,
        bob,
        json!({ "managerId": null }),
        json!({ "managerId": mona }),
    );
    line.act(&line.given).await;
    vec![
        way("member", ann, within, members, json!({ "remove": id }), json!({ "add": id })),
        way("assignee", ann, assigned, assign, json!({ "unassign": id }), json!({ "assign": id })),
        line,
    ]
}

/// Those who read without a pause, and what they saw.
#[derive(Default)]
struct Seen {
    /// Whether the right is gone: written when that was answered and nobody
    /// who began before still reads.
    is_gone: RwLock<bool>,
    with_right: AtomicUsize,
    without: AtomicUsize,
    leaked: AtomicUsize,
    is_over: AtomicBool,
}

fn read_on(way: &Way, seen: &Arc<Seen>) -> Vec<JoinHandle<()>> {
    let readers = (0..READERS).map(|_| {
        let (reader, task, seen) = (way.reader.clone(), way.task.clone(), Arc::clone(seen));
        tokio::spawn(async move {
            while !seen.is_over.load(Ordering::SeqCst) {
                let is_gone = seen.is_gone.read().await;
                let status = reader.get(&task).await.status.as_u16();
                match (*is_gone, status) {
                    (true, 404) => seen.without.fetch_add(1, Ordering::SeqCst),
                    (true, _) => seen.leaked.fetch_add(1, Ordering::SeqCst),
                    (false, 200) => seen.with_right.fetch_add(1, Ordering::SeqCst),
                    (false, _) => 0,
                };
            }
        })
    });
    readers.collect()
}

/// Waits until so many more were counted.
async fn more(count: &AtomicUsize, other: &AtomicUsize) {
    let all = || count.load(Ordering::SeqCst) + other.load(Ordering::SeqCst);
    let before = all();
    until("reads", SOON, async || (all() >= before + 2 * READERS).then_some(())).await;
}

/// How many reads that began after the right was taken away, and that was
/// answered, showed the task: in so many rounds, or until there are `enough`.
async fn leaks(setup: ProcessSetup, rounds: usize, enough: usize) -> usize {
    let company = Company::found(setup.env("SAYSO_LIMITS__ENABLED", "false")).await;
    let mut leaked = 0;
    for way in ways(&company).await {
        let seen = Arc::new(Seen::default());
        let readers = read_on(&way, &seen);
        let hits = stat(&company.ceo, "task", "hitsL1").await;
        until("it to be kept", SOON, async || {
            (stat(&company.ceo, "task", "hitsL1").await > hits).then_some(())
        })
        .await;
        for _ in 0..rounds {
            if leaked + seen.leaked.load(Ordering::SeqCst) >= enough {
                break;
            }
            more(&seen.with_right, &seen.leaked).await;
            way.act(&way.taken).await;
            *seen.is_gone.write().await = true;
            more(&seen.without, &seen.leaked).await;
            *seen.is_gone.write().await = false;
            way.act(&way.given).await;
        }
        seen.is_over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        let [with, without, leaks] = [&seen.with_right, &seen.without, &seen.leaked]
            .map(|count| count.load(Ordering::SeqCst));
        eprintln!("{}: {with} reads with the right, {without} without, {leaks} leaks", way.name);
        leaked += leaks;
    }
    let stats = company.ceo.get("/api/cache/stats").await.expect(200);
    eprintln!("{}", stats["entities"][0]);
    leaked
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_that_begins_after_a_right_was_taken_away_shows_what_it_was_to() {
    let database = TestDatabase::new().await;

    assert_eq!(leaks(ProcessSetup::on(&database), ROUNDS, usize::MAX).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_keeps_what_it_should_drop_is_convicted_of_leaks() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).bin(mutant_bin());

    let setup = setup.env("SAYSO_MUTANT", "cache-keeps");

    assert!(leaks(setup, ROUNDS_UNTIL_ONE, 1).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_at_one_node_is_gone_at_the_other_as_soon_as_it_must() {
    let limits_off = |setup: ProcessSetup| setup.env("SAYSO_LIMITS__ENABLED", "false");
    let cluster = Cluster::with(limits_off, |setup, _| setup).await;
    for way in ways(&cluster.company).await {
        let there = cluster.there(&way.reader);
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            until("it to be seen", SOON, async || {
                (there.get(&way.task).await.status.as_u16() == 200).then_some(())
            })
            .await;
            way.act(&way.taken).await;
            let done = Instant::now();
            loop {
                let began = done.elapsed();
                if there.get(&way.task).await.status.as_u16() == 404 {
                    longest = longest.max(began);
                    break;
                }
                assert!(began < FRESH_FOR, "{}: still seen after {began:?}", way.name);
            }
            for _ in 0..5 {
                there.get(&way.task).await.expect(404);
            }
            way.act(&way.given).await;
        }
        eprintln!("{}: gone at the other node after {longest:?} at the most", way.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_reads_it_back_whoever_else_reads() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_LIMITS__ENABLED", "false");
    let company = Company::found(setup).await;
    let Company { ceo, ann, .. } = &company;
    let body = json!({ "title": "0", "assignedTo": [ann.user_id()] });
    let task = new_task(ceo, body).await;
    let other = new_task(ceo, json!({ "title": "other", "assignedTo": [ann.user_id()] })).await;
    let other_id = other.rsplit('/').next().unwrap();
    let depends = json!({ "add": [{ "taskId": other_id, "type": "relates" }] });
    ceo.post(&format!("{task}/dependencies"), depends).await.expect(200);

    for n in 1..=60 {
        let version = ceo.get(&task).await.expect(200)["version"].clone();
        let (title, about) = (format!("{n}"), format!("about {n}"));
        let (edit, _) = tokio::join!(
            ceo.put(&task, json!({ "title": title, "version": version })),
            ann.get(&task)
        );
        edit.expect(200);
        for who in [ceo, ann] {
            assert_eq!(who.get(&task).await.expect(200)["title"], title);
        }
        // What it shows of others, too.
        let version = ceo.get(&other).await.expect(200)["version"].clone();
        ceo.put(&other, json!({ "title": about, "version": version })).await.expect(200);
        assert_eq!(ann.get(&task).await.expect(200)["dependencies"][0]["title"], about);
        let me = format!("/api/users/{}", ann.user_id());
        let version = ann.get(&me).await.expect(200)["version"].clone();
        ann.put(&me, json!({ "statusText": title, "version": version })).await.expect(200);
        assert_eq!(ceo.get(&me).await.expect(200)["statusText"], title);
    }
}

/// A number of one entity in the statistics of a node.
async fn stat(ceo: &Client, entity: &str, field: &str) -> u64 {
    let stats = ceo.get("/api/cache/stats").await.expect(200);
    let all = stats["entities"].as_array().unwrap();
    all.iter().find(|one| one["entity"] == entity).unwrap()[field].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_seen_more_than_the_node_is_not_answered_from_memory() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let ceo = &company.ceo;
    let task = new_task(ceo, json!({ "title": "one" })).await;
    let first = ceo.get(&task).await;
    let position = first.header("sayso-position").unwrap();
    let (epoch, position) = position.split_once(':').unwrap();
    let ahead = format!("{epoch}:{}", position.parse::<i64>().unwrap() + 1_000_000);

    let before = stat(ceo, "task", "bypassed").await;
    let request = ceo.request(Method::GET, &task).header("sayso-min-position", ahead);
    let answer = read(request).await.unwrap();

    assert_eq!((answer.status.as_u16(), &answer.body["title"]), (200, &json!("one")));
    assert!(stat(ceo, "task", "bypassed").await > before);
    assert_eq!(answer.header("etag"), first.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_clears_what_is_kept_beside_a_running_server() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let ceo = &company.ceo;
    let task = new_task(ceo, json!({ "title": "one" })).await;
    until("it to be kept", SOON, async || {
        ceo.get(&task).await.expect(200);
        (stat(ceo, "task", "hitsL1").await > 0).then_some(())
    })
    .await;

    let said = company.server.run(&["cache", "clear"], "").await;

    assert_eq!(said.trim(), "the cache is cleared");
    until("it to be dropped", SOON, async || {
        let stats = ceo.get("/api/cache/stats").await.expect(200);
        (stats["entries"] == 0).then_some(())
    })
    .await;
    let audit = ceo.get("/api/audit?action=cache.cleared").await.expect(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
    assert_eq!(ceo.get(&task).await.expect(200)["title"], "one");
    let metrics = ceo.get("/metrics").await.text;
    for name in ["sayso_cache_hits_total", "sayso_cache_loads_total", "sayso_cache_entries"] {
        assert!(metrics.contains(name), "{name} is not told");
    }
    company.manager.get("/api/cache/stats").await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_keep_nothing_keeps_nothing() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_CACHE__ENABLED", "false");
    let company = Company::found(setup).await;
    let task = new_task(&company.ceo, json!({ "title": "one" })).await;
    for _ in 0..3 {
        company.ceo.get(&task).await.expect(200);
    }

    let stats = company.ceo.get("/api/cache/stats").await.expect(200);

    assert_eq!((&stats["state"], &stats["entries"]), (&json!("off"), &json!(0)));
    assert_eq!(stat(&company.ceo, "task", "loads").await, 0);
}
