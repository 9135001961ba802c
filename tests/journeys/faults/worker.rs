//! The server dies while it makes a notification: just before its COMMIT, and
//! just after it. Whoever is to be told is told once.

use std::time::Duration;

use sayso_testkit::{Connect, ProcessSetup, Sockets, TestDatabase, judge, until};
use serde_json::json;

use super::mutants::mutant_bin;
use crate::company::Company;

const SOON: Duration = Duration::from_secs(30);

/// Gives Bob a task on a server that dies at `point` of the write after it,
/// which is the worker's. Answers how many notifications were made before.
async fn assign_and_die_at(point: &str) -> i64 {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database).bin(mutant_bin())).await;
    let made = async || {
        let counted = "SELECT count(*) FROM notifications WHERE type = 'assigned'";
        database.superuser().await.query_one(counted, &[]).await.unwrap().get::<_, i64>(0)
    };
    let sockets = Sockets::start();
    let bob = Connect { id: "bob", person: &company.bob, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&bob).await;
    judge::assert_settled(database.db()).await;
    company.server.stop().await;
    company.server.set("SAYSO_FAIL_POINT", &format!("{point}:2"));
    company.server.restart().await;

    let task = json!({ "title": "Order the cake", "assignedTo": [company.bob.user_id()] });
    let task = company.ceo.post("/api/tasks", task).await.expect(201);
    company.server.until_exited(Duration::from_secs(10)).await;
    let before = made().await;
    company.server.unset("SAYSO_FAIL_POINT");
    company.server.restart().await;

    let told = async || {
        let told = company.bob.get("/api/notifications").await.expect(200);
        let told = told["items"].as_array().unwrap().clone();
        (!told.is_empty()).then_some(told)
    };
    let told = until("Bob to be told", SOON, told).await;
    assert_eq!(told[0]["resource"]["id"], task["id"], "{told:?}");
    let heard = async || {
        let events = sockets.events("bob");
        let told = events.iter().filter(|event| event["type"] == "notification.created");
        let told = told.count();
        (told > 0).then_some(told)
    };
    until("Bob's socket to hear it", SOON, heard).await;
    // The next is told after it, so that a second time would have come by now.
    let next = json!({ "title": "Eat the cake", "assignedTo": [company.bob.user_id()] });
    company.ceo.post("/api/tasks", next).await.expect(201);
    until("the next to be told", SOON, async || {
        (heard().await.unwrap_or_default() >= 2).then_some(())
    })
    .await;
    judge::assert_settled(database.db()).await;
    assert_eq!((made().await, heard().await), (2, Some(2)));
    before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_after_its_commit_has_told_everybody_once() {
    assert_eq!(assign_and_die_at("after-commit").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_before_its_commit_tells_everybody_later_and_once() {
    assert_eq!(assign_and_die_at("before-commit").await, 0);
}
