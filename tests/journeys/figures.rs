//! Figures of the door, measured at the real server by the clock on the wall:
//! they depend on what else the machine does. `scripts/figures` runs them with
//! an optimised build, and there what is promised by the clock is judged.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use sayso_kernel::Clock;
use sayso_testkit::{Client, Heard, ProcessSetup, Sockets, TestDatabase, read};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::company::{Company, connect};
use crate::silence::{Silence, strangers};

/// How soon another route is to be answered while many log in.
const SERVED_WITHIN: Duration = Duration::from_millis(100);
/// How soon a socket is to close whose session has ended.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);
const PASSWORD: &str = "correct horse battery staple";

/// How far the medians of refused logins may lie apart.
const APART_MAX: Duration = Duration::from_millis(5);

fn quantile(took: &mut [Duration], of_hundred: usize) -> Duration {
    took.sort_unstable();
    took[(took.len() * of_hundred / 100).min(took.len() - 1)]
}

async fn log_in(who: &Client, email: &str, password: &str) -> (u16, Duration) {
    let body = json!({ "email": email, "password": password });
    let request = who.request(Method::POST, "/api/auth/login").json(&body);
    let started = Instant::now();
    let reply = read(request).await.unwrap();
    (reply.status.as_u16(), started.elapsed())
}

/// Taken in turn, so that what else the machine does meets all alike.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_unknown_wrong_and_disabled_logins_take() {
    const ROUNDS: usize = 200;
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_AUTH__BCRYPT_COST", "8");
    let company = Company::found(setup).await;
    let path = format!("/api/users/{}/deactivate", company.bob.user_id());
    company.ceo.post(&path, Value::Null).await.expect(200);
    let cases = [
        ("unknown", "nobody@example.com", PASSWORD),
        ("wrong", "ann@example.com", "not the password at all"),
        ("disabled", "bob@example.com", PASSWORD),
    ];
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((_, email, password), took) in cases.iter().zip(&mut took) {
            let (status, time) = log_in(&company.ann, email, password).await;
            assert_eq!(status, 401);
            took.push(time);
        }
    }

    let mut medians = Vec::new();
    for ((name, ..), took) in cases.iter().zip(&mut took) {
        let (median, p99) = (quantile(took, 50), quantile(took, 99));
        eprintln!("login of {name}: median {median:.2?}, p99 {p99:.2?} of {ROUNDS}");
        medians.push(median);
    }
    let apart = *medians.iter().max().unwrap() - *medians.iter().min().unwrap();
    assert!(apart < APART_MAX, "the medians lie {apart:.2?} apart: {medians:.2?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_others_wait_while_two_hundred_log_in() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_AUTH__BCRYPT_COST", "12");
    let company = Company::found(setup).await;
    let ann = &company.ann;
    let logins = join_all((0..200).map(|_| log_in(ann, "nobody@example.com", PASSWORD)));
    let mut took = Vec::new();
    let questions = async {
        for _ in 0..200 {
            let started = Instant::now();
            ann.get("/api/auth/me").await.expect(200);
            took.push(started.elapsed());
        }
    };

    let (logins, ()) = tokio::join!(logins, questions);

    let busy = logins.iter().filter(|(status, _)| *status == 503).count();
    let (median, p99) = (quantile(&mut took, 50), quantile(&mut took, 99));
    eprintln!(
        "200 logins at once: {busy} told to wait; another route: median {median:.2?}, p99 {p99:.2?}"
    );
    assert!(p99 < SERVED_WITHIN, "{p99:?}");
}

/// From `started`, in milliseconds since 1970, until a client heard this.
fn until_heard(started: i64, heard: &Heard) -> Duration {
    Duration::from_millis(u64::try_from(heard.at - started).unwrap_or_default())
}

/// From the request that ends a session to the moment at which the client of its
/// socket hears of it, in another process on the same machine: at the node that
/// ended it, and at another one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_a_socket_outlives_its_session() {
    const ROUNDS: usize = 200;
    let cluster = Cluster::found().await;
    let url = cluster.company.server.url();
    let sockets = Sockets::start();
    for place in ["this node", "another node"] {
        let mut took = Vec::new();
        for round in 0..ROUNDS {
            let ann = Client::login(&url, "ann@example.com", PASSWORD).await;
            let there = if place == "this node" { ann.clone() } else { cluster.there(&ann) };
            let id = format!("{place} {round}");
            connect(&sockets, &id, &there).await;
            let started = Clock::System.now().as_millisecond();
            ann.post("/api/auth/logout", Value::Null).await.expect(204);
            let closed = sockets.until_heard(&id, "session.closed").await;
            took.push(until_heard(started, &closed));
        }
        let (median, p99) = (quantile(&mut took, 50), quantile(&mut took, 99));
        eprintln!(
            "revocation to socket closed at {place}: median {median:?}, p99 {p99:?} of {ROUNDS}"
        );
        assert!(p99 < CLOSED_WITHIN, "{p99:?}");
    }
}

/// The same in the worst moment: nobody writes the log, no node knows that yet,
/// and in the second company no node hears of another either.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_a_socket_outlives_its_session_while_nobody_writes_the_log() {
    const ROUNDS: usize = 20;
    let nodes = [
        ("that hear of each other", Cluster::found().await),
        ("that hear of nothing", strangers().await),
    ];
    for (which, cluster) in nodes {
        let (sockets, url) = (Sockets::start(), cluster.company.server.url());
        let mut took = [const { Vec::new() }; 2];
        for round in 0..ROUNDS {
            let ann = Client::login(&url, "ann@example.com", PASSWORD).await;
            let ids = [format!("here {round}"), format!("there {round}")];
            connect(&sockets, &ids[0], &ann).await;
            connect(&sockets, &ids[1], &cluster.there(&ann)).await;
            cluster.settle().await;
            let silence = Silence::begin(&cluster.database).await;
            let started = Clock::System.now().as_millisecond();
            ann.post("/api/auth/logout", Value::Null).await.expect(204);
            for (id, took) in ids.iter().zip(&mut took) {
                let closed = sockets.until_heard(id, "session.closed").await;
                took.push(until_heard(started, &closed));
            }
            drop(silence);
            cluster.settle().await;
        }
        for (place, took) in ["this node", "another node"].into_iter().zip(&mut took) {
            let (median, p99) = (quantile(took, 50), quantile(took, 99));
            let max = quantile(took, 100);
            eprintln!(
                "revocation in silence to socket closed at {place}, of nodes {which}: \
                 median {median:?}, p99 {p99:?}, longest {max:?} of {ROUNDS}"
            );
            assert!(max < CLOSED_WITHIN, "{max:?}");
        }
    }
}
