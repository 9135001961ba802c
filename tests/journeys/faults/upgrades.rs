//! Sockets that begin by polling and change over to a WebSocket while both sides
//! talk: nothing is lost, doubled or out of order on either way.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sayso_testkit::{
    Client, Connect, Heard, ProcessSetup, Proxy, Sockets, TestDatabase, Weather, assert_unbroken,
    until,
};
use serde_json::{Value, json};

use super::crash::is_full;
use crate::company::{Company, open_channel};
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(60);
/// Between two words of whoever talks beside.
const PAUSE: Duration = Duration::from_millis(5);
/// What each says after it has changed over, by twos.
const SAYS: usize = 3;

/// What one socket said and heard, and what is true.
#[derive(Clone, Debug, Default)]
struct Round {
    /// What it said, in order.
    said: Vec<String>,
    /// What was acknowledged, each time; in the order of the acknowledgements.
    acked: Vec<String>,
    /// Of whom it heard what, in order.
    heard: Vec<String>,
    /// What stands in the channel from where it began to where it left.
    stored: Vec<String>,
    /// Acknowledgements and events that came before the change.
    before: (usize, usize),
    /// The same after it.
    after: (usize, usize),
}

/// What is wrong, in words.
fn faults(round: &Round) -> Vec<&'static str> {
    let mine = |all: &[String]| -> Vec<String> {
        all.iter().filter(|text| round.said.contains(text)).cloned().collect()
    };
    let wrong = [
        (round.acked != round.said, "acknowledged is not what it said"),
        (mine(&round.stored) != round.said, "stored is not what it said"),
        (round.heard != round.stored, "heard is not what is stored"),
    ];
    wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, words)| words).collect()
}

/// Somebody else, who talks all the time.
async fn talk(who: Client, channel: String) {
    let path = format!("/api/channels/{channel}/messages");
    for count in 0.. {
        let body = json!({ "content": format!("talk {count}") });
        who.post(&path, body).await.expect(201);
        tokio::time::sleep(PAUSE).await;
    }
}

fn content(event: &Value) -> Option<String> {
    (event["type"] == "message.sent").then(|| event["data"]["content"].as_str())?.map(str::to_owned)
}

/// Acknowledgements and events among these.
fn counted(heard: &[Heard]) -> (usize, usize) {
    let acks = heard.iter().filter(|it| it.event.starts_with("ack ")).count();
    (acks, heard.iter().filter(|it| it.event == "message.sent").count())
}

/// Whether a socket has changed over: sometimes it has before it is let in.
fn has_changed(sockets: &Sockets, id: &str) -> bool {
    sockets.heard(id).iter().any(|it| match it.event.as_str() {
        "connect" => it.payload["transport"] == "websocket",
        event => event == "upgrade",
    })
}

/// Connects, and talks from the moment it may until some time after the change.
async fn change_over(sockets: &Sockets, id: &str, ann: &Client, channel: &str) -> Round {
    let transports = &["polling", "websocket"];
    sockets.connect(&Connect { id, person: ann, transports, resume: None });
    sockets.until_heard(id, "connect").await;
    let (mut said, mut answers) = (Vec::new(), Vec::new());
    let (mut left, given_up) = (SAYS, Instant::now() + SOON);
    while left > 0 {
        assert!(Instant::now() < given_up, "{id} does not change over");
        left -= usize::from(has_changed(sockets, id));
        let pair = [0, 1].map(|n| format!("{id} says {}", said.len() + n));
        let body = |content: &String| json!({ "channelId": channel, "content": content });
        let bodies = pair.each_ref().map(body);
        let sent = bodies.iter().map(|body| sockets.emit(id, "message.send", body));
        answers.extend(join_all(sent).await);
        said.extend(pair);
    }
    for answer in &answers {
        assert_eq!(answer["ok"], true, "{answer}");
    }
    let heard = sockets.heard(id);
    let acked = heard.iter().filter(|it| it.event.starts_with("ack "));
    let acked = acked.filter_map(|it| it.payload["data"]["content"].as_str());
    let acked = acked.map(str::to_owned).collect();
    let at = heard.iter().position(|it| it.event == "upgrade").unwrap_or(0);
    let (before, after) = (counted(&heard[..at]), counted(&heard[at..]));
    // It hears of all of it before it goes.
    let hears = async || {
        let events = sockets.events(id);
        let mut own = events.iter().filter_map(content);
        own.any(|content| Some(&content) == said.last()).then_some(())
    };
    until("its own last word", SOON, hears).await;
    sockets.disconnect(id);
    sockets.until_heard(id, "disconnect").await;
    Round { said, acked, before, after, ..Round::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_either_side_says_while_a_socket_changes_over_is_heard_once_and_in_order() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    let truth = Truth::of(&database.app_config()).await;
    truth.settle().await;
    let proxy = Proxy::before(&company.server.url()).await;
    let ann = company.ann.through(&proxy.url());
    let sockets = Sockets::start();
    let talking = tokio::spawn(talk(company.ceo.clone(), channel.clone()));

    // A change begins as much later as a socket needs to be let in, by clients
    // that have started.
    let mut needed = Duration::ZERO;
    for id in ["first", "second"] {
        let started = Instant::now();
        let (person, transports) = (&ann, &["polling"][..]);
        sockets.connect_and_wait(&Connect { id, person, transports, resume: None }).await;
        sockets.disconnect(id);
        needed = started.elapsed();
    }
    proxy.set(Weather::LateWebSockets(needed));
    let mut rounds = Vec::new();
    // One after the other.
    for n in 0..if is_full() { 100 } else { 8 } {
        rounds.push(change_over(&sockets, &n.to_string(), &ann, &channel).await);
    }
    talking.abort();
    truth.settle().await;

    let stored = truth.contents_by_position(&channel).await;
    for (n, round) in rounds.iter_mut().enumerate() {
        let id = n.to_string();
        assert_unbroken(&sockets, &id);
        assert_eq!(sockets.count(&id, "ready"), 1, "{id} lost its connection");
        round.heard = sockets.events(&id).iter().filter_map(content).collect();
        let ready = sockets.until_heard(&id, "ready").await.payload;
        let while_there = ready["position"].as_i64().unwrap() + 1..=sockets.last_position(&id);
        let due = stored.iter().filter(|(position, _)| while_there.contains(position));
        round.stored = due.map(|(_, content)| content.clone()).collect();
        assert_eq!(faults(round), [""; 0], "{round:#?}");
    }
    let sum = |of: fn(&Round) -> usize| rounds.iter().map(of).sum::<usize>();
    let before = (sum(|it| it.before.0), sum(|it| it.before.1));
    let after = (sum(|it| it.after.0), sum(|it| it.after.1));
    eprintln!("{before:?} acked and heard before a change, {after:?} after");
    let least = [before.0, before.1, after.0, after.1].into_iter().min().unwrap();
    assert!(least > 0, "a way was not used: {before:?} before, {after:?} after");
    assert!(proxy.fired() > 0, "nobody changed over");
}

#[test]
fn what_is_lost_doubled_or_out_of_order_on_either_way_is_convicted() {
    let texts = |all: &[&str]| -> Vec<String> { all.iter().map(|&it| it.to_owned()).collect() };
    let clean = Round {
        said: texts(&["a", "b"]),
        acked: texts(&["a", "b"]),
        heard: texts(&["a", "talk", "b"]),
        stored: texts(&["a", "talk", "b"]),
        ..Round::default()
    };
    assert_eq!(faults(&clean), [""; 0]);

    for spoiled in [
        Round { acked: texts(&["a"]), ..clean.clone() },
        Round { acked: texts(&["a", "b", "b"]), ..clean.clone() },
        Round { stored: texts(&["a", "talk", "b", "b"]), ..clean.clone() },
        Round { stored: texts(&["b", "talk", "a"]), ..clean.clone() },
        Round { heard: texts(&["a", "b"]), ..clean.clone() },
        Round { heard: texts(&["a", "talk", "talk", "b"]), ..clean.clone() },
        Round { heard: texts(&["talk", "a", "b"]), ..clean.clone() },
    ] {
        assert_ne!(faults(&spoiled), [""; 0], "{spoiled:?}");
    }
}
