//! One company at two nodes: whoever is at one hears, sees and loses what
//! happens at the other.

use std::time::{Duration, Instant};

use sayso_kernel::Timestamp;
use sayso_testkit::{
    Client, Connect, Heard, ProcessSetup, Sockets, TestDatabase, TestRedis, assert_unbroken, judge,
    until,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::allowance::{a_hundred, miscounted, two_hundred_at_once};
use crate::clients::{Libraries, libraries, of_every_kind};
use crate::cluster::Cluster;
use crate::company::{PASSWORD, connect, open_channel};

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
    go_on_elsewhere_after_what_was_acknowledged(&cluster, &channel).await;
    judge::assert_settled(cluster.database.db()).await;
    let ready = cluster.company.ceo.get("/health/ready").await.expect(200);
    assert_eq!((&ready["status"], &ready["checks"]["redis"]), (&json!("ready"), &json!("ok")));
}

/// Waits until a place that a session has acknowledged is kept where every node
/// finds it.
async fn until_kept(cluster: &Cluster, session: &Client, place: i64) {
    let database = cluster.database.app().await;
    let id: Uuid = session.login["sessionId"].as_str().unwrap().parse().unwrap();
    let sql = "SELECT 1 FROM socket_positions WHERE session_id = $1 AND position = $2";
    until("the place to be kept", SOON, async || {
        let kept = database.query(sql, &[&id, &place]).await.unwrap();
        (!kept.is_empty()).then_some(())
    })
    .await;
}

async fn all_have_heard(clients: &Libraries, messages: usize) {
    for (sockets, id, _) in of_every_kind(clients) {
        until(&format!("{messages} messages at {id}"), SOON, async || {
            (heard_messages(sockets, &id).len() >= messages).then_some(())
        })
        .await;
    }
}

/// Each kind of client acknowledges at one node, hears more, is gone while still
/// more happens, and goes on at the other node: after what it acknowledged.
async fn go_on_elsewhere_after_what_was_acknowledged(cluster: &Cluster, channel: &str) {
    let (ceo, clients) = (&cluster.company.ceo, libraries());
    let mut sessions = Vec::new();
    for (sockets, id, transport) in of_every_kind(&clients) {
        let session = Client::login(ceo.base(), "ann@example.com", PASSWORD).await;
        let (person, transports) = (&session, &[transport]);
        sockets.connect_and_wait(&Connect { id: &id, person, transports, resume: None }).await;
        sessions.push(session);
    }
    say(ceo, channel, "acknowledged").await;
    all_have_heard(&clients, 1).await;
    let mut places = Vec::new();
    for (sockets, id, _) in of_every_kind(&clients) {
        let place = sockets.last_position(&id);
        let answer = sockets.emit(&id, "events.ack", &json!({ "position": place })).await;
        assert_eq!(answer["data"]["position"], place, "{id}: {answer}");
        places.push(place);
    }
    say(&cluster.there(ceo), channel, "heard").await;
    all_have_heard(&clients, 2).await;
    for (sockets, id, _) in of_every_kind(&clients) {
        sockets.disconnect(&id);
    }
    say(ceo, channel, "missed").await;

    let kinds = of_every_kind(&clients).zip(sessions.iter().zip(places));
    for ((sockets, id, transport), (session, place)) in kinds {
        until_kept(cluster, session, place).await;
        let (id, person) = (format!("{id} there"), &cluster.there(session));
        let (transports, resume) = (&[transport], Some(json!("acked")));
        let connect = Connect { id: &id, person, transports, resume };
        let ready = sockets.connect_and_wait(&connect).await;
        let told = (&ready["recovered"], &ready["position"]);
        assert_eq!(told, (&json!(true), &json!(place)), "{id}: {ready}");
        until("what was not acknowledged", SOON, async || {
            (heard_messages(sockets, &id).len() >= 2).then_some(())
        })
        .await;
        let heard = heard_messages(sockets, &id).into_iter();
        let heard: Vec<Value> = heard.map(|event| event["data"]["content"].clone()).collect();
        assert_eq!(heard, ["heard", "missed"], "{id}");
        assert_unbroken(sockets, &id);
    }
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

/// Writes under a `clientId` each, and how they were answered the first time.
struct Once([(&'static str, Value, Value); 2]);

impl Once {
    async fn written(sockets: &Sockets, id: &str, channel: &str) -> Self {
        let write = async |event: &'static str, field: &str| {
            let data = json!({ "channelId": channel, field: "once", "clientId": event });
            let answer = sockets.emit(id, event, &data).await;
            assert_eq!(answer["ok"], true, "{answer}");
            (event, data, answer)
        };
        Self([write("message.send", "content").await, write("task.create", "title").await])
    }

    /// Asked for once more, each is answered as the first time.
    async fn is_answered_alike(&self, sockets: &Sockets, id: &str) {
        for (event, data, answer) in &self.0 {
            assert_eq!(sockets.emit(id, event, data).await, *answer, "{event} at {id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_and_what_was_written_once_are_right_over_nodes_also_when_one_is_killed() {
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
    let once = Once::written(&sockets, "bob there", &channel).await;
    once.is_answered_alike(&sockets, "bob here").await;

    cluster.second.kill9();
    let took = until_status(&sockets, "ceo", &ann, "offline").await;
    eprintln!("the people of a killed node were offline after {took:?}");

    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(status(&sockets, "ceo", &bob).as_deref(), Some("online"), "a device is here");
    let seen = ceo.get(&format!("/api/users/{}", ann.user_id())).await.expect(200);
    assert_eq!(seen["presence"], "offline");
    once.is_answered_alike(&sockets, "bob here").await;
    for path in [format!("/api/channels/{channel}/messages"), "/api/tasks".to_owned()] {
        let page = ceo.get(&path).await.expect(200);
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    }
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
