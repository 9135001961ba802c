//! Who was away for long, a node or a client, comes back in few statements.

use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::clients::metric;
use crate::cluster::settle;
use crate::company::{Company, connect};

const SOON: Duration = Duration::from_secs(30);
/// Tasks that are changed in one request, and how often: a fact each.
const TASKS: usize = 100;
const ROUNDS: usize = 20;
/// Events that one statement has to bring.
const AT_ONCE: usize = 200;

/// How often this node has sent a statement to the database.
async fn sent(node: &Client, name: &str) -> f64 {
    metric(node, &format!("sayso_db_statement_seconds_count{{statement=\"{name}\"}} ")).await
}

async fn change_all(ceo: &Client, tasks: &[Value], round: usize) {
    let title = format!("Changed {round} times");
    let change = |task: &Value| json!({ "id": task["id"], "version": round, "title": title });
    let items: Vec<Value> = tasks.iter().map(change).collect();
    ceo.post("/api/tasks/bulk", json!({ "items": items })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_and_a_client_that_were_away_for_long_read_two_hundred_events_at_once() {
    let database = TestDatabase::new().await;
    // What lies further back than this is not in the memory of a node.
    let setup = || ProcessSetup::on(&database).env("SAYSO_REALTIME__RING_LEN", "100");
    let company = Company::found(setup()).await;
    let second = Process::start(setup()).await;
    let (ceo, sockets) = (&company.ceo, Sockets::start());
    let there = ceo.through(&second.url());
    let mut tasks = Vec::new();
    for n in 0..TASKS {
        let task = json!({ "title": format!("Task {n}") });
        tasks.push(ceo.post("/api/tasks", task).await.expect(201));
    }
    settle(&database.app_config(), &[ceo.clone(), there.clone()]).await;
    connect(&sockets, "client", ceo).await;
    let before = sent(&there, "log.after").await;

    sockets.leave("client");
    second.hang();
    for round in 1..=ROUNDS {
        change_all(ceo, &tasks, round).await;
    }
    settle(&database.app_config(), std::slice::from_ref(ceo)).await;
    second.go_on();
    settle(&database.app_config(), std::slice::from_ref(&there)).await;
    let of_node = sent(&there, "log.after").await - before;
    let before = sent(ceo, "log.replay").await;
    sockets.come_back("client");
    until("the client to have all of it", SOON, async || {
        (sockets.event_count("client") == TASKS * ROUNDS).then_some(())
    })
    .await;
    let of_client = sent(ceo, "log.replay").await - before;

    let positions: Vec<i64> =
        sockets.events("client").iter().map(|event| event["position"].as_i64().unwrap()).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "each once and in order");
    let most = f64::from(u32::try_from(TASKS * ROUNDS / AT_ONCE).unwrap());
    assert!((1.0..=most).contains(&of_node), "{of_node} statements of the node");
    // And one that finds nothing more.
    assert!((1.0..=most + 1.0).contains(&of_client), "{of_client} statements of the client");
}
