//! What one person may do in a minute, counted over both nodes of a company.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use sayso_testkit::{ProcessSetup, Reply, Sockets, TestRedis, read, until};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::company::{connect, open_channel};

const SOON: Duration = Duration::from_secs(30);

/// A hundred writes a minute.
pub fn a_hundred(setup: ProcessSetup) -> ProcessSetup {
    setup
        .env("SAYSO_LIMITS__ENABLED", "true")
        .env("SAYSO_LIMITS__WRITE_PER_MINUTE", "100")
        .env("SAYSO_REDIS__TIMEOUT_MS", "5000")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_writes_at_two_nodes_get_what_one_person_may_take() {
    let mut cluster = Cluster::with(a_hundred, |setup, _| setup).await;
    let ann = cluster.company.ann.clone();
    let channel = open_channel(&cluster.company.ceo, "board", &[&ann]).await;
    let path = format!("/api/channels/{channel}/messages");
    // More at once and the database has no connections left for some of them.
    let at_once = Arc::new(Semaphore::new(16));
    let send = |turn: usize, cluster: &Cluster| {
        let person = if turn.is_multiple_of(2) { ann.clone() } else { cluster.there(&ann) };
        let body = json!({ "content": turn.to_string() });
        let request = person.request(Method::POST, &path).json(&body);
        let at_once = Arc::clone(&at_once);
        async move {
            let _place = at_once.acquire().await.unwrap();
            read(request).await.unwrap()
        }
    };

    let started = Instant::now();
    let replies: JoinSet<_> = (0..200).map(|turn| send(turn, &cluster)).collect();
    let replies = replies.join_all().await;
    let took = started.elapsed();

    let granted = replies.iter().filter(|reply| reply.status.as_u16() == 201).count();
    let refused = replies.iter().filter(|reply| reply.status.as_u16() == 429).count();
    // On a machine with much else to do the database may have no time for some.
    let away = replies.iter().filter(|reply| reply.status.as_u16() == 503).count();
    // One comes back every 600 ms.
    let back = usize::try_from(took.as_millis() / 600).unwrap();
    eprintln!("{granted} of 200 granted, {refused} refused, {away} put off in {took:?}");
    assert_eq!(granted + refused + away, 200);
    assert!((100 - away..=100 + back).contains(&granted), "{granted} granted in {took:?}");
    for reply in replies.iter().filter(|reply| reply.status.as_u16() == 429) {
        assert!(reply.header("retry-after").is_some());
        assert_eq!(reply.header("ratelimit-policy"), Some("\"write\";q=100;w=60"));
    }
    // A socket is no way around it.
    let sockets = Sockets::start();
    connect(&sockets, "ann", &ann).await;
    let mut refusal = Value::Null;
    for n in 0..20 {
        let message = json!({ "channelId": channel, "content": n.to_string() });
        refusal = sockets.emit("ann", "message.send", &message).await;
        if refusal["ok"] == false {
            break;
        }
    }
    assert_eq!(refusal["error"]["code"], "limits.too_many", "{refusal}");

    // Without Redis each node counts for itself, and nobody is shut out.
    cluster.redis.kill9();
    let there = cluster.there(&ann);
    until("the second node to do without", SOON, async || {
        let ready = there.get("/health/ready").await.expect(200);
        (ready["status"] == "degraded").then_some(())
    })
    .await;
    there.post(&path, json!({ "content": "alone" })).await.expect(201);
}

/// What somebody has left, as they were told.
fn left(reply: &Reply) -> usize {
    let told = reply.header("ratelimit").unwrap_or_else(|| panic!("{}", reply.text));
    let left = told.split(';').find_map(|piece| piece.strip_prefix("r="));
    left.and_then(|left| left.parse().ok()).unwrap_or_else(|| panic!("{told}"))
}

/// What is wrong with how these answers tell what is left of a hundred, while at
/// most `back` came back meanwhile: each number is told once, at whichever node,
/// and whoever is refused has nothing left.
pub fn miscounted(replies: &[Reply], back: usize) -> Option<String> {
    let (refused, granted): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.status.as_u16() == 429);
    let mut told: Vec<usize> = granted.iter().map(|reply| left(reply)).collect();
    told.sort_unstable();
    told.dedup();
    let is_whole = told == (0..100).collect::<Vec<_>>();
    let is_even = refused.iter().all(|reply| left(reply) == 0);
    let is_exact = (100..=100 + back).contains(&granted.len());
    let is_right = is_whole && is_even && is_exact;
    (!is_right).then(|| format!("{} granted, {back} came back, told {told:?}", granted.len()))
}

/// Two hundred at once, half of them at each node, of which nothing is asked but
/// whether they may: what is let in has a body that is none.
pub async fn two_hundred_at_once(cluster: &Cluster) -> (Vec<Reply>, usize) {
    let ann = &cluster.company.ann;
    let both = [ann.clone(), cluster.there(ann)];
    for person in &both {
        person.get("/api/auth/me").await.expect(200);
    }
    let ask = |turn: usize| {
        let request = both[turn % 2].request(Method::POST, "/api/channels");
        read(request.json(&json!({})))
    };
    let started = Instant::now();
    let replies = join_all((0..200).map(ask)).await;
    // One comes back every 600 ms.
    let back = usize::try_from(started.elapsed().as_millis() / 600).unwrap();
    let replies: Vec<Reply> = replies.into_iter().map(Result::unwrap).collect();
    for reply in &replies {
        assert!([422, 429].contains(&reply.status.as_u16()), "{}: {}", reply.status, reply.text);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"write\";q=100;w=60"));
        assert_eq!(reply.header("retry-after").is_some(), reply.status.as_u16() == 429);
    }
    (replies, back)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_at_once_at_two_nodes_a_hundred_are_let_in_and_each_is_told_what_is_left() {
    let cluster = Cluster::with(a_hundred, |setup, _| setup).await;

    let (replies, back) = two_hundred_at_once(&cluster).await;

    eprintln!("{back} came back meanwhile");
    assert_eq!(miscounted(&replies, back), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_count_each_for_itself_are_convicted_of_letting_in_too_many() {
    let alone = |setup: ProcessSetup, redis: &TestRedis| {
        setup.env("REDIS_URL", redis.url()).env("SAYSO_REDIS__PREFIX", "alone")
    };
    let cluster = Cluster::with(a_hundred, alone).await;

    let (replies, _) = two_hundred_at_once(&cluster).await;

    assert!(miscounted(&replies, 0).is_some());
}
