//! A working day: four people, four sockets, one channel for all of them and
//! one that is not.

use std::time::Duration;

use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, judge, until};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};
use crate::truth::{Logged, Truth};

/// Who connects how.
const TRANSPORTS: [&str; 4] = ["websocket", "polling", "websocket", "polling"];

#[tokio::test(flavor = "multi_thread")]
async fn four_people_hear_everything_of_theirs_once_and_in_order_and_nothing_else() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let sockets = Sockets::start();
    let mut began = Vec::new();
    for ((name, person), transport) in company.everybody().into_iter().zip(TRANSPORTS) {
        let connect = Connect { id: name, person, transports: &[transport], resume: None };
        let ready = sockets.connect_and_wait(&connect).await;
        assert_eq!(ready["recovered"], false, "{ready}");
        assert_eq!(ready["userId"], person.user_id());
        began.push(ready["position"].as_i64().unwrap());
    }

    let launch = work(&company, &sockets).await;

    let truth = Truth::of(&database.app_config()).await;
    judge::assert_settled(database.db()).await;
    let log = truth.log().await;
    for ((name, person), began) in company.everybody().into_iter().zip(began) {
        let follows = truth.follows(person.user_id()).await;
        let due: Vec<&Logged> = log
            .iter()
            .filter(|event| follows.get(&event.stream).is_some_and(|since| event.position > *since))
            .filter(|event| event.position > began)
            .collect();
        let heard = all_heard(&sockets, name, due.len()).await;
        assert_eq!(heard, due.into_iter().cloned().collect::<Vec<_>>(), "{name}");
        assert_told(&heard, &launch);
        assert_announced(&sockets, name, &launch);
    }
    assert!(sockets.count("ann", "disconnect") == 0, "{:?}", sockets.heard("ann"));
}

/// Messages from everybody, a task from its creation to its end, and beside it
/// a channel that the staff is not in. Answers the stream of all four.
async fn work(company: &Company, sockets: &Sockets) -> String {
    let Company { ceo, manager, ann, bob, .. } = company;
    let launch = open_channel(ceo, "launch", &[manager, ann, bob]).await;
    let secret = open_channel(ceo, "secret", &[manager]).await;
    for round in 1..=3 {
        for (name, person) in company.everybody() {
            say(person, &launch, &format!("{name} {round}")).await;
        }
        say(ceo, &secret, &format!("they do not know {round}")).await;
        let body = json!({ "channelId": launch, "content": format!("socket {round}"),
                           "clientId": format!("s{round}") });
        let ack = sockets.emit("bob", "message.send", &body).await;
        assert_eq!(ack["ok"], true, "{ack}");
        let again = sockets.emit("bob", "message.send", &body).await;
        assert_eq!(again["data"]["id"], ack["data"]["id"], "the clientId is a key");
    }
    finish_a_task(company, &launch).await;
    let task = json!({ "title": "Nobody else's", "channelId": secret });
    manager.post("/api/tasks", task).await.expect(201);
    // The last thing that everybody hears: whatever else a socket was wrongly
    // told has come before it.
    say(ceo, &launch, "good night").await;
    format!("channel:{launch}")
}

async fn say(person: &Client, channel: &str, content: &str) {
    let path = format!("/api/channels/{channel}/messages");
    person.post(&path, json!({ "content": content })).await.expect(201);
}

async fn finish_a_task(company: &Company, channel: &str) {
    let Company { manager, ann, bob, .. } = company;
    let draft = json!({ "title": "Ship it", "channelId": channel, "priority": "high" });
    let task = manager.post("/api/tasks", draft).await.expect(201);
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    let assign = json!({ "assign": [ann.user_id()] });
    let task = manager.post(&format!("{path}/assign"), assign).await.expect(200);
    assert_eq!(task["assignedTo"], json!([ann.user_id()]));
    let mut version = task["version"].clone();
    for status in ["in_progress", "review", "done"] {
        let edit = json!({ "status": status, "version": version });
        let task = ann.put(&path, edit).await.expect(200);
        assert_eq!(task["status"], status);
        version = task["version"].clone();
    }
    assert!(bob.get(&path).await.expect(200)["completedAt"].is_string());
}

/// Waits until a socket has heard `count` events.
async fn all_heard(sockets: &Sockets, name: &str, count: usize) -> Vec<Logged> {
    until(&format!("{count} events at {name}"), Duration::from_secs(10), async || {
        (sockets.events(name).len() >= count).then_some(())
    })
    .await;
    sockets.events(name).iter().map(logged).collect()
}

/// An event as a client has it, in the form in which the log has it.
pub fn logged(event: &Value) -> Logged {
    Logged {
        stream: event["stream"].as_str().unwrap().to_owned(),
        seq: event["seq"].as_i64().unwrap(),
        position: event["position"].as_i64().unwrap(),
        id: event["id"].as_str().unwrap().parse().unwrap(),
        kind: event["type"].as_str().unwrap().to_owned(),
    }
}

/// The day was a whole one.
fn assert_told(heard: &[Logged], launch: &str) {
    let count = |kind: &str| {
        heard.iter().filter(|event| event.kind == kind && event.stream == launch).count()
    };
    assert_eq!(count("message.sent"), 16);
    assert_eq!(count("task.created"), 1);
    assert_eq!(count("task.assigned"), 1);
    assert_eq!(count("task.updated"), 3);
}

/// The stream that began while connected was announced, and the first event
/// heard of it is the next one.
fn assert_announced(sockets: &Sockets, name: &str, launch: &str) {
    let heard = sockets.heard(name);
    let joined = heard
        .iter()
        .position(|heard| heard.event == "stream.joined" && heard.payload["stream"] == launch);
    let joined = joined.unwrap_or_else(|| panic!("{name} was not told of {launch}: {heard:?}"));
    let first = heard.iter().position(|heard| {
        heard.payload["seq"].is_i64()
            && heard.payload["position"].is_i64()
            && heard.payload["stream"] == launch
    });
    assert!(first.is_some_and(|first| joined < first), "{name}: announced too late");
    let next = &heard[first.unwrap()].payload["seq"];
    assert_eq!(next.as_i64(), heard[joined].payload["seq"].as_i64().map(|seq| seq + 1), "{name}");
}
