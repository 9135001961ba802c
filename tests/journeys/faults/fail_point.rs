//! The server dies at the two worst moments of a write: just before its
//! COMMIT, and just after it, when nobody has been answered or told yet.

use std::time::Duration;

use sayso_testkit::{Connect, ProcessSetup, Sockets, TestDatabase, judge, until};
use serde_json::json;

use super::mutants::mutant_bin;
use crate::company::{Company, open_channel};
use crate::truth::Truth;

/// Sends a message under a key to a server that dies at `point`, and again
/// after its restart. Answers how many messages were stored in between.
async fn send_and_die_at(point: &str) -> usize {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database).bin(mutant_bin())).await;
    let channel = open_channel(&company.ceo, "launch", &[&company.ann]).await;
    let truth = Truth::of(&database.app_config()).await;
    company.server.stop().await;
    company.server.set("SAYSO_FAIL_POINT", &format!("{point}:1"));
    company.server.restart().await;
    let sockets = Sockets::start();
    let (person, transports) = (&company.ann, &["websocket"][..]);
    let connect = Connect { id: "ann", person, transports, resume: None };
    sockets.connect_and_wait(&connect).await;

    let path = format!("/api/channels/{channel}/messages");
    let body = json!({ "content": "once" });
    let answer = company.ceo.post_once(&path, &body, "a-key").await;
    assert!(answer.is_none(), "the server died before it could answer: {answer:?}");
    company.server.until_exited(Duration::from_secs(5)).await;
    let stored = truth.messages().await;
    company.server.unset("SAYSO_FAIL_POINT");
    company.server.restart().await;
    let again = company.ceo.post_once(&path, &body, "a-key").await.unwrap();

    let is_replayed = again.header("idempotent-replayed") == Some("true");
    assert_eq!(is_replayed, !stored.is_empty());
    let id = again.expect(201)["id"].as_str().unwrap().to_owned();
    assert!(stored.iter().all(|message| message.id.to_string() == id));
    assert_eq!(truth.messages().await.len(), 1);
    judge::assert_settled(database.db()).await;
    let heard = until("the event", Duration::from_secs(5), async || {
        let events = sockets.events("ann");
        events.iter().any(|event| event["type"] == "message.sent").then_some(events)
    })
    .await;
    let heard: Vec<_> = heard.iter().filter(|event| event["type"] == "message.sent").collect();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["data"]["id"], id.as_str());
    stored.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_after_commit_is_one_write_one_answer_and_one_event() {
    assert_eq!(send_and_die_at("after-commit").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_before_commit_is_no_write_until_it_is_sent_again() {
    assert_eq!(send_and_die_at("before-commit").await, 0);
}
