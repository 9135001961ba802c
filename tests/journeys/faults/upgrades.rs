//! Sockets that begin by polling and change over to a WebSocket, at each of two
//! nodes on one Redis, while both sides talk: nothing is lost, doubled or out of
//! order on either way.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sayso_testkit::{Client, Connect, Heard, Proxy, Sockets, Weather, assert_unbroken, until};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::crash::{is_full, report};
use super::judge::{Acked, Evidence, Subscriber, Verdict};
use super::storm::Aftermath;
use crate::cluster::Cluster;
use crate::company::open_channel;
use crate::team::logged;
use crate::truth::{Logged, Truth};

const SOON: Duration = Duration::from_secs(60);
/// Between two words of each who talks beside.
const PAUSE: Duration = Duration::from_millis(10);
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
    /// What it said, and as what it was acknowledged.
    answers: Vec<Acked>,
    /// The part of the log that it was there for.
    positions: (i64, i64),
}

impl Round {
    fn was_there(&self) -> RangeInclusive<i64> {
        self.positions.0 + 1..=self.positions.1
    }
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

/// An answer to somebody who wrote.
fn acked(content: &str, message: &Value) -> Acked {
    let id = message["id"].as_str().unwrap().parse().unwrap();
    Acked { content: content.to_owned(), id }
}

/// Somebody else, who talks until the end.
async fn talk(
    name: &str,
    who: Client,
    channel: &str,
    is_over: watch::Receiver<bool>,
) -> Vec<Acked> {
    let path = format!("/api/channels/{channel}/messages");
    let mut said = Vec::new();
    while !*is_over.borrow() {
        let content = format!("{name} talks {}", said.len());
        let message = who.post(&path, json!({ "content": content })).await.expect(201);
        said.push(acked(&content, &message));
        tokio::time::sleep(PAUSE).await;
    }
    said
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
    let answers = said.iter().zip(&answers);
    let answers = answers.map(|(content, answer)| acked(content, &answer["data"])).collect();
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
    let ready = sockets.until_heard(id, "ready").await.payload;
    let positions = (ready["position"].as_i64().unwrap(), sockets.last_position(id));
    Round { said, acked, before, after, answers, positions, ..Round::default() }
}

/// What was counted, for a judge to whom each socket has a stream of its own: the
/// part of the log that it was there for.
async fn evidence(
    cluster: &Cluster,
    (sockets, rounds): (&Sockets, &[Round]),
    (channel, acked): (&str, Vec<Acked>),
    faults: usize,
) -> Evidence {
    let truth = Truth::of(&cluster.database.app_config()).await;
    let stream = format!("channel:{channel}");
    let all: Vec<Logged> =
        truth.log().await.into_iter().filter(|event| event.stream == stream).collect();
    let (mut log, mut subscribers) = (Vec::new(), Vec::new());
    for (n, round) in rounds.iter().enumerate() {
        let name = n.to_string();
        let own = |event: &Logged| Logged { stream: name.clone(), ..event.clone() };
        let due = all.iter().filter(|event| round.was_there().contains(&event.position));
        log.extend(due.map(own));
        let heard: Vec<Logged> = sockets.events(&name).iter().map(logged).collect();
        subscribers.push(Subscriber {
            began: round.positions.0,
            streams: HashSet::from([name.clone()]),
            heard: heard.iter().filter(|event| event.stream == stream).map(own).collect(),
            reconnects: sockets.count(&name, "ready") - 1,
            restarted: 0,
            name,
        });
    }
    Evidence {
        acked,
        stored: truth.messages().await,
        without_event: truth.messages_without_one_event().await,
        log,
        subscribers,
        faults,
        wrong_log: sayso_testkit::judge::log(cluster.database.db()).await.unwrap(),
        ..Evidence::default()
    }
}

/// Sockets of Ann, one after the other and at each node in turn, which all change
/// over while the CEO talks at both nodes; what was said there besides, and how
/// often something was made to happen.
async fn changes(
    cluster: &Cluster,
    sockets: &Sockets,
    channel: &str,
) -> (Vec<Round>, Vec<Acked>, usize) {
    let urls = [cluster.company.server.url(), cluster.second.url()];
    let lines = [Proxy::before(&urls[0]).await, Proxy::before(&urls[1]).await];
    let anns = [0, 1].map(|node: usize| cluster.company.ann.through(&lines[node].url()));
    let ceo = &cluster.company.ceo;
    let (end, is_over) = watch::channel(false);
    let talking = async {
        let here = talk("here", ceo.clone(), channel, is_over.clone());
        let there = talk("there", cluster.there(ceo), channel, is_over.clone());
        let (here, there) = tokio::join!(here, there);
        [here, there].concat()
    };
    let changing = async {
        // A change begins as much later as a socket needs to be let in, by clients
        // that have started.
        let mut needed = Duration::ZERO;
        for id in ["first", "second"] {
            let started = Instant::now();
            let (person, transports) = (&anns[0], &["polling"][..]);
            sockets.connect_and_wait(&Connect { id, person, transports, resume: None }).await;
            sockets.disconnect(id);
            needed = started.elapsed();
        }
        lines.iter().for_each(|line| line.set(Weather::LateWebSockets(needed)));
        let mut rounds = Vec::new();
        for n in 0..if is_full() { 100 } else { 8 } {
            rounds.push(change_over(sockets, &n.to_string(), &anns[n % 2], channel).await);
        }
        end.send_replace(true);
        rounds
    };
    let (said, rounds) = tokio::join!(talking, changing);
    let fired = lines.iter().map(|line| usize::try_from(line.fired()).unwrap());
    assert!(fired.clone().all(|fired| fired > 0), "at one node nobody changed over");
    (rounds, said, fired.sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_either_side_says_while_a_socket_changes_over_is_heard_once_and_in_order() {
    let cluster = Cluster::found().await;
    let company = &cluster.company;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    cluster.settle().await;
    let (sockets, started) = (Sockets::start(), Instant::now());

    let (mut rounds, said, fired) = changes(&cluster, &sockets, &channel).await;

    let length = started.elapsed();
    let truth = Truth::of(&cluster.database.app_config()).await;
    truth.settle().await;
    let stored = truth.contents_by_position(&channel).await;
    for (n, round) in rounds.iter_mut().enumerate() {
        let id = n.to_string();
        assert_unbroken(&sockets, &id);
        assert_eq!(sockets.count(&id, "ready"), 1, "{id} lost its connection");
        round.heard = sockets.events(&id).iter().filter_map(content).collect();
        let while_there = round.was_there();
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
    let acked = rounds.iter().flat_map(|round| round.answers.clone()).chain(said).collect();
    let evidence =
        evidence(&cluster, (&sockets, &rounds[..]), (channel.as_str(), acked), fired).await;
    let slowest_return = Duration::ZERO;
    let aftermath = Aftermath { evidence, recoveries: Vec::new(), slowest_return };
    let verdict = report("sockets that change over", length, &aftermath);
    // Who changes over keeps the connection.
    assert_eq!(verdict.invalid, Some("nobody had to come back"));
    let verdict = Verdict { invalid: None, ..verdict };
    assert!(verdict.is_clean(), "{verdict:#?}");
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
