//! The server dies at the two worst moments of a write: just before its
//! COMMIT, and just after it, when nobody has been answered or told yet.

use std::time::Duration;

use sayso_kernel::Timestamp;
use sayso_testkit::{Connect, ProcessSetup, Sockets, TestDatabase, judge, until};
use serde_json::json;

use super::mutants::mutant_bin;
use crate::company::{Company, open_channel};
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(30);
const SOCKETS: [&str; 3] = ["first", "second", "third"];
/// A socket that is back hears of a write within this,
const LATE_MAX: i64 = 1000;
/// and so many times what a write takes to it when nothing is broken.
const BUSY: i64 = 4;

/// How long after it could be heard a socket heard the message with this id,
/// in milliseconds: after it was written, or after the socket was back.
fn lateness(sockets: &Sockets, socket: &str, id: &str) -> Option<i64> {
    let heard = sockets.heard(socket);
    let place =
        heard.iter().position(|it| it.event == "message.sent" && it.payload["data"]["id"] == id)?;
    let written: Timestamp = heard[place].payload["at"].as_str()?.parse().ok()?;
    let back = heard[..place].iter().rev().find(|it| it.event == "ready")?.at;
    Some(heard[place].at - written.as_millisecond().max(back))
}

/// The latest of all sockets.
async fn latest(sockets: &Sockets, id: &str) -> i64 {
    let mut latest = 0;
    for socket in SOCKETS {
        let late = until("the event", SOON, async || lateness(sockets, socket, id)).await;
        latest = latest.max(late);
    }
    latest
}

/// Sends a message under a key to a server that dies at `point`, and again
/// after its restart. Answers how many messages were stored in between.
async fn send_and_die_at(point: &str) -> usize {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database).bin(mutant_bin())).await;
    let channel = open_channel(&company.ceo, "launch", &[&company.ann]).await;
    let path = format!("/api/channels/{channel}/messages");
    let truth = Truth::of(&database.app_config()).await;
    let sockets = Sockets::start();
    for id in SOCKETS {
        let (person, transports) = (&company.ann, &["websocket"][..]);
        sockets.connect_and_wait(&Connect { id, person, transports, resume: None }).await;
    }
    let before = company.ceo.post(&path, json!({ "content": "before" })).await.expect(201);
    let usual = latest(&sockets, before["id"].as_str().unwrap()).await;
    company.server.stop().await;
    company.server.set("SAYSO_FAIL_POINT", &format!("{point}:1"));
    company.server.restart().await;
    until_back(&sockets, 2).await;

    let body = json!({ "content": "once" });
    let answer = company.ceo.post_once(&path, &body, "a-key").await;
    assert!(answer.is_none(), "the server died before it could answer: {answer:?}");
    company.server.until_exited(Duration::from_secs(5)).await;
    let stored = truth.messages().await;
    let stored: Vec<_> = stored.iter().filter(|message| message.content == "once").collect();
    company.server.unset("SAYSO_FAIL_POINT");
    company.server.restart().await;
    until_back(&sockets, 3).await;
    let again = company.ceo.post_once(&path, &body, "a-key").await.unwrap();

    let is_replayed = again.header("idempotent-replayed") == Some("true");
    assert_eq!(is_replayed, !stored.is_empty());
    let id = again.expect(201)["id"].as_str().unwrap().to_owned();
    assert!(stored.iter().all(|message| message.id.to_string() == id));
    assert_eq!(truth.messages().await.len(), 2);
    judge::assert_settled(database.db()).await;
    let late = latest(&sockets, &id).await;
    eprintln!("{point}: heard after {late} ms, before anything broke after {usual} ms");
    assert!(late <= LATE_MAX + usual * BUSY, "the event came {late} ms late, usual are {usual}");
    for socket in SOCKETS {
        let events = sockets.events(socket);
        let sent: Vec<_> = events.iter().filter(|event| event["type"] == "message.sent").collect();
        assert_eq!(sent.len(), 2, "{socket}: {sent:?}");
    }
    stored.len()
}

/// All sockets have been let in so many times.
async fn until_back(sockets: &Sockets, times: usize) {
    for socket in SOCKETS {
        until("a socket to be back", SOON, async || {
            (sockets.count(socket, "ready") == times).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_after_commit_is_one_write_one_answer_and_one_event() {
    assert_eq!(send_and_die_at("after-commit").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_before_commit_is_no_write_until_it_is_sent_again() {
    assert_eq!(send_and_die_at("before-commit").await, 0);
}
