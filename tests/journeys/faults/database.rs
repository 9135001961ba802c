//! The whole server on a database that is unsafe, exhausted, or hangs.

use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_testkit::{
    Client, Connect, Process, ProcessSetup, Reply, Sockets, TestPostgres, judge, read, until,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::crash::is_full;
use crate::company::{Company, open_channel};

/// Every request is answered within this time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);
/// What health may take at its slowest, on a machine with nothing else to do.
const HEALTH_P99: Duration = Duration::from_millis(100);
/// How long the database hangs in the full form; in the short one for as long as
/// requests of one moment take to be given up.
const HANGS_FOR: Duration = Duration::from_secs(20);
/// A fault ends, and all is well again within this time.
pub const HEALED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_what_it_confirmed_is_refused_in_one_line() {
    let postgres = TestPostgres::bare(&["fsync=off", "full_page_writes=off"]).await;
    let mut server = Process::begin(ProcessSetup::on_server(&postgres));

    let status = server.until_exited(HEALED_WITHIN).await;

    assert!(!status.success());
    let log = server.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("fsync=off")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("full_page_writes=off"), "{log}");
    assert!(told[0].contains("database.refuse_unsafe"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_what_it_confirmed_is_shouted_about_when_allowed() {
    let postgres = TestPostgres::bare(&["fsync=off"]).await;
    let setup = ProcessSetup::on_server(&postgres);
    let server = Process::start(setup.env("SAYSO_DATABASE__REFUSE_UNSAFE", "false")).await;

    let log = server.log();

    let shouted = log.lines().any(|line| line.contains("ERROR") && line.contains("fsync=off"));
    assert!(shouted, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_while_two_hundred_slow_writes_want_five_connections() {
    let postgres = TestPostgres::bare(&[]).await;
    let setup = ProcessSetup::on_server(&postgres)
        .env("SAYSO_DATABASE__POOL_MAX", "5")
        .env("SAYSO_DATABASE__POOL_WAITERS_MAX", "100");
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "all hands", &[]).await;
    let url = company.server.url();
    let quiet = health_p99(&url).await;

    // Whatever writes a fact waits for this lock.
    let holder = postgres.superuser().await;
    holder.batch_execute("BEGIN; LOCK TABLE outbox IN SHARE MODE").await.unwrap();
    let writes = posts(&company.ceo, &channel, 200);
    let busy = health_p99(&url).await;

    assert!(busy < HEALTH_P99.max(quiet * 3), "health took {busy:?} ({quiet:?} when quiet)");
    for (reply, took) in writes.join_all().await {
        assert_unavailable(&reply);
        assert!(took <= ANSWERED_WITHIN, "a write was answered after {took:?}");
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    until_written(&company.ceo, &channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_fails_requests_soon_and_keeps_sockets() {
    let mut postgres = TestPostgres::bare(&[]).await;
    let company = Company::found(ProcessSetup::on_server(&postgres)).await;
    let channel = open_channel(&company.ceo, "all hands", &[&company.ann]).await;
    let sockets = Sockets::start();
    let transports: &[&str] = if is_full() { &["websocket", "polling"] } else { &["websocket"] };
    for id in transports.iter().copied() {
        let connect = Connect { id, person: &company.ann, transports: &[id], resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    postgres.hang();
    let (began, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || (is_full() && began.elapsed() < HANGS_FOR) {
        assert_given_up_on(&company.ceo, &channel).await;
        rounds += 1;
    }
    postgres.go_on();
    eprintln!("it hung for {:?}, and was asked {rounds} times", began.elapsed());

    until_written(&company.ceo, &channel).await;
    let anonymous = Client::anonymous(&company.server.url());
    until("the server to be ready", HEALED_WITHIN, async || {
        anonymous.get("/health/ready").await.status.is_success().then_some(())
    })
    .await;
    for id in transports {
        until("the socket to hear of it", HEALED_WITHIN, async || {
            (sockets.count(id, "message.sent") > 0).then_some(())
        })
        .await;
        assert_eq!(sockets.count(id, "disconnect"), 0, "the socket by {id} was given up");
    }
    let limits = sayso_db::DbLimits::from(&sayso_config::Database::default());
    judge::assert_settled(&postgres.db(&limits)).await;
}

/// Twenty writes and twenty reads are refused in time; the process lives and
/// wants no requests.
async fn assert_given_up_on(person: &Client, channel: &str) {
    let anonymous = Client::anonymous(person.base());
    let writes = posts(person, channel, 20);
    let reads = gets(person, 20);
    anonymous.get("/health/live").await.expect(200);
    anonymous.get("/health/ready").await.expect(503);
    for (reply, took) in writes.join_all().await.into_iter().chain(reads.join_all().await) {
        assert_unavailable(&reply);
        assert!(took <= ANSWERED_WITHIN, "a request was answered after {took:?}");
    }
    anonymous.get("/health/live").await.expect(200);
}

/// Sends messages at once; answers each reply, and how long it took.
fn posts(person: &Client, channel: &str, count: usize) -> JoinSet<(Reply, Duration)> {
    let path = format!("/api/channels/{channel}/messages");
    let request = |turn| {
        person.request(Method::POST, &path).json(&json!({ "content": format!("post {turn}") }))
    };
    (0..count).map(|turn| timed(request(turn))).collect()
}

fn gets(person: &Client, count: usize) -> JoinSet<(Reply, Duration)> {
    (0..count).map(|_| timed(person.request(Method::GET, "/api/channels"))).collect()
}

async fn timed(request: reqwest::RequestBuilder) -> (Reply, Duration) {
    let started = Instant::now();
    (read(request).await.unwrap(), started.elapsed())
}

#[track_caller]
fn assert_unavailable(reply: &Reply) {
    assert_eq!(reply.status.as_u16(), 503, "answered: {}", reply.text);
    assert!(reply.header("Retry-After").is_some());
}

/// Writes until it is taken.
pub async fn until_written(person: &Client, channel: &str) {
    let path = format!("/api/channels/{channel}/messages");
    until("a write to be taken", HEALED_WITHIN, async || {
        let reply = person.post(&path, json!({ "content": "all is well" })).await;
        (reply.status.as_u16() == 201).then_some(())
    })
    .await;
}

/// The slowest but one of a hundred questions, asked for a second and a half.
async fn health_p99(url: &str) -> Duration {
    let client = Client::anonymous(url);
    let mut took = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        client.get("/health/ready").await.expect(200);
        took.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    took.sort_unstable();
    took[98]
}
