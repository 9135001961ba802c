//! One company at two nodes: whoever is at one hears, sees and loses what
//! happens at the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use sayso_kernel::Timestamp;
use sayso_testkit::{
    Client, Heard, ProcessSetup, Reply, Sockets, TestDatabase, TestRedis, judge, read, until,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::company::{connect, open_channel};

const SOON: Duration = Duration::from_secs(30);

pub async fn say(person: &Client, channel: &str, content: &str) {
    let path = format!("/api/channels/{channel}/messages");
    person.post(&path, json!({ "content": content })).await.expect(201);
}

/// From the write to the client, in milliseconds.
fn lateness(heard: &Heard) -> Option<i64> {
    let written: Timestamp = heard.payload["at"].as_str()?.parse().ok()?;
    (heard.event == "message.sent").then(|| heard.at - written.as_millisecond())
}

pub fn heard_messages(sockets: &Sockets, id: &str) -> Vec<Value> {
    let events = sockets.events(id).into_iter();
    events.filter(|event| event["type"] == "message.sent").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_two_nodes_hears_each_event_once_at_each_and_in_one_order() {
    let cluster = Cluster::found().await;
    let (ann, bob) = (&cluster.company.ann, &cluster.company.bob);
    let channel = open_channel(&cluster.company.ceo, "board", &[ann, bob]).await;
    let sockets = Sockets::start();
    connect(&sockets, "here", ann).await;
    connect(&sockets, "there", &cluster.there(ann)).await;

    let writers = [bob.clone(), cluster.there(bob)].map(|bob| {
        let channel = channel.clone();
        tokio::spawn(async move {
            for n in 0..30 {
                say(&bob, &channel, &n.to_string()).await;
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }

    for id in ["here", "there"] {
        until("all of it", SOON, async || (heard_messages(&sockets, id).len() >= 60).then_some(()))
            .await;
    }
    assert_eq!(heard_messages(&sockets, "here"), heard_messages(&sockets, "there"));
    assert_eq!(heard_messages(&sockets, "here").len(), 60);
    for id in ["here", "there"] {
        let mut late: Vec<i64> = sockets.heard(id).iter().filter_map(lateness).collect();
        late.sort_unstable();
        let (half, most) = (late[late.len() / 2], late[late.len() * 99 / 100]);
        eprintln!("{id}: written to heard p50 {half} ms, p99 {most} ms");
    }
    judge::assert_settled(cluster.database.db()).await;
    let ready = cluster.company.ceo.get("/health/ready").await.expect(200);
    assert_eq!((&ready["status"], &ready["checks"]["redis"]), (&json!("ready"), &json!("ok")));
}

/// How long after `done` the socket was closed.
async fn closed_after(sockets: &Sockets, id: &str, done: Instant, code: &str) -> Duration {
    let closed = sockets.until_heard(id, "session.closed").await;
    let took = done.elapsed();
    assert_eq!(closed.payload["code"], code, "{id}");
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_be_there_is_gone_from_every_node() {
    let cluster = Cluster::found().await;
    let company = &cluster.company;
    let sockets = Sockets::start();
    for (name, person) in [("ann", &company.ann), ("bob", &company.bob), ("mona", &company.manager)]
    {
        connect(&sockets, &format!("{name} here"), person).await;
        connect(&sockets, &format!("{name} there"), &cluster.there(person)).await;
    }

    let within = cluster.gone_within(&sockets, ["ann here", "ann there"]).await;
    company.ann.post("/api/auth/logout", json!({})).await.expect(204);
    let done = Instant::now();
    for id in ["ann here", "ann there"] {
        let took = closed_after(&sockets, id, done, "auth.session_revoked").await;
        eprintln!("revoked: {id} closed after {took:?}");
        assert!(took < within, "{id}: {took:?} of {within:?}");
    }
    let bob = format!("/api/users/{}/deactivate", company.bob.user_id());
    cluster.there(&company.ceo).post(&bob, json!({})).await.expect(200);
    let done = Instant::now();
    for id in ["bob here", "bob there"] {
        let closed = sockets.until_heard(id, "session.closed").await;
        let took = done.elapsed();
        eprintln!("deactivated: {id} closed after {took:?}");
        assert_eq!(closed.payload["reconnect"], false, "{}", closed.payload);
        assert!(took < within, "{id}: {took:?} of {within:?}");
    }
    let mona = format!("/api/users/{}", company.manager.user_id());
    let version = company.ceo.get(&mona).await.expect(200)["version"].clone();
    company.ceo.put(&mona, json!({ "role": "staff", "version": version })).await.expect(200);
    let done = Instant::now();
    for id in ["mona here", "mona there"] {
        let closed = sockets.until_heard(id, "session.closed").await;
        let took = done.elapsed();
        eprintln!("lowered: {id} closed after {took:?}");
        assert_eq!(closed.payload["reconnect"], true, "{}", closed.payload);
        assert!(took < within, "{id}: {took:?} of {within:?}");
    }
    // Nothing they ask for is done at either node any more.
    for person in [&company.ann, &cluster.there(&company.ann), &cluster.there(&company.bob)] {
        assert_eq!(person.get("/api/auth/me").await.status.as_u16(), 401);
    }
    let channel = json!({ "name": "mine", "kind": "private" });
    for person in [&company.manager, &cluster.there(&company.manager)] {
        person.post("/api/channels", channel.clone()).await.expect(403);
    }
}

/// The last that a socket heard of how a person can be reached.
fn status(sockets: &Sockets, id: &str, person: &Client) -> Option<String> {
    let heard = sockets.heard(id);
    let changed = heard.iter().filter(|heard| heard.event == "presence.changed");
    let mut mine = changed.filter(|heard| heard.payload["userId"] == person.user_id());
    mine.next_back().and_then(|heard| heard.payload["status"].as_str().map(str::to_owned))
}

async fn until_status(sockets: &Sockets, id: &str, person: &Client, wanted: &str) -> Duration {
    let started = Instant::now();
    until(&format!("{id} to hear {wanted}"), SOON, async || {
        (status(sockets, id, person).as_deref() == Some(wanted)).then_some(())
    })
    .await;
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_is_right_over_nodes_and_devices_and_a_killed_node_leaves_no_ghost() {
    let mut cluster = Cluster::found().await;
    let (ceo, ann, bob) = {
        let company = &cluster.company;
        (company.ceo.clone(), company.ann.clone(), company.bob.clone())
    };
    let channel = open_channel(&ceo, "board", &[&ann, &bob]).await;
    // Whoever comes in is told of to those who share a channel by then.
    cluster.settle().await;
    let sockets = Sockets::start();
    connect(&sockets, "ceo", &ceo).await;

    connect(&sockets, "ann there", &cluster.there(&ann)).await;
    until_status(&sockets, "ceo", &ann, "online").await;
    connect(&sockets, "bob there", &cluster.there(&bob)).await;
    connect(&sockets, "bob here", &bob).await;
    until_status(&sockets, "ceo", &bob, "online").await;
    sockets.emit("ann there", "presence.set", &json!({ "status": "busy" })).await;
    until_status(&sockets, "ceo", &ann, "busy").await;
    sockets.emit("ann there", "typing.start", &json!({ "channelId": channel })).await;
    let typing = sockets.until_heard("ceo", "typing.started").await;
    assert_eq!(typing.payload["userId"], ann.user_id());
    let seen = ceo.get(&format!("/api/users/{}", ann.user_id())).await.expect(200);
    assert_eq!(seen["presence"], "busy");

    cluster.second.kill9();
    let took = until_status(&sockets, "ceo", &ann, "offline").await;
    eprintln!("the people of a killed node were offline after {took:?}");

    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(status(&sockets, "ceo", &bob).as_deref(), Some("online"), "a device is here");
    let seen = ceo.get(&format!("/api/users/{}", ann.user_id())).await.expect(200);
    assert_eq!(seen["presence"], "offline");
}

/// A hundred writes a minute.
fn a_hundred(setup: ProcessSetup) -> ProcessSetup {
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
fn miscounted(replies: &[Reply], back: usize) -> Option<String> {
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
async fn two_hundred_at_once(cluster: &Cluster) -> (Vec<Reply>, usize) {
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

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_of_redis_nodes_hear_see_and_count_as_with_one_server() {
    // The keys are on the third, and the nodes are told of the other two.
    let ([first, second, mut third], database) =
        (TestRedis::cluster().await, TestDatabase::new().await);
    let both = |setup| a_hundred(setup).env("SAYSO_REDIS__PREFIX", "east");
    let elsewhere = |setup: ProcessSetup, _: &TestRedis| setup.env("REDIS_URL", second.url());
    let cluster = Cluster::on(database, first, both, elsewhere).await;
    assert_ne!(third.ask(&["DBSIZE"]).trim(), "0");
    let (ceo, bob) = (&cluster.company.ceo, &cluster.company.bob);
    let channel = open_channel(ceo, "board", &[bob]).await;
    cluster.settle().await;
    let sockets = Sockets::start();
    connect(&sockets, "here", ceo).await;

    connect(&sockets, "there", &cluster.there(bob)).await;
    until_status(&sockets, "here", bob, "online").await;
    say(ceo, &channel, "one").await;
    say(&cluster.there(bob), &channel, "two").await;
    let (replies, back) = two_hundred_at_once(&cluster).await;
    third.kill9();
    say(bob, &channel, "three").await;

    assert_eq!(miscounted(&replies, back), None);
    for id in ["here", "there"] {
        until("all of it", SOON, async || (heard_messages(&sockets, id).len() >= 3).then_some(()))
            .await;
    }
    assert_eq!(heard_messages(&sockets, "here"), heard_messages(&sockets, "there"));
    judge::assert_settled(cluster.database.db()).await;
}
