//! Each limit of a socket, at the real server: what is beyond it is counted
//! under its code.

use std::time::Duration;

use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::json;

use crate::clients::metric;
use crate::company::Company;

const SOON: Duration = Duration::from_secs(30);

async fn until_counted(who: &Client, name: &str, code: &str) {
    let name = format!("sayso_realtime_{name}_total{{{code}}}");
    until(&name, SOON, async || (metric(who, &name).await >= 1.0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_a_limit_is_counted_under_its_code() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_REALTIME__PAYLOAD_MAX_BYTES", "16384")
        .env("SAYSO_REALTIME__CONNECT_TIMEOUT_MS", "1000")
        .env("SAYSO_REALTIME__PING_INTERVAL_MS", "500")
        .env("SAYSO_REALTIME__PING_TIMEOUT_MS", "500")
        .env("SAYSO_REALTIME__SOCKETS_PER_PERSON_MAX", "2")
        .env("SAYSO_REALTIME__SOCKETS_MAX", "4")
        .env("SAYSO_REALTIME__EVENTS_IN_PER_SECOND", "10")
        .env("SAYSO_REALTIME__EVENTS_IN_BURST", "10");
    let company = Company::found(setup).await;
    let (ceo, ann) = (&company.ceo, &company.ann);
    let sockets = Sockets::start();
    let connect = |id, person, transports| Connect { id, person, transports, resume: None };

    // A packet that is too large.
    sockets.connect_and_wait(&connect("large", ceo, &["websocket"])).await;
    let large = json!({ "position": 0, "more": "x".repeat(20_000) });
    let emitted = sockets.emit("large", "events.ack", &large);
    tokio::select! {
        _ = emitted => panic!("it was answered"),
        _ = sockets.until_heard("large", "disconnect") => {}
    }
    until("it is counted", SOON, async || {
        let text = ceo.get("/metrics").await.text;
        let gone = text.lines().filter(|line| line.starts_with("sayso_realtime_gone_total"));
        let codes = ["socket.cut", "socket.bad_packet"];
        gone.into_iter().any(|line| codes.iter().any(|code| line.contains(code))).then_some(())
    })
    .await;
    sockets.disconnect("large");
    // More events than one may send.
    sockets.connect_and_wait(&connect("many", ceo, &["websocket"])).await;
    let nothing = json!({});
    for _ in 0..15 {
        sockets.emit("many", "no.such", &nothing).await;
    }
    until_counted(ceo, "in_refused", "as=\"answer\"").await;
    sockets.disconnect("many");
    // One socket too many.
    for id in ["one", "two"] {
        sockets.connect_and_wait(&connect(id, ann, &["websocket"])).await;
    }
    sockets.connect(&connect("three", ann, &["websocket"]));
    until_counted(ceo, "closed", "code=\"limits.sockets_per_person\"").await;
    sockets.disconnect("three");
    // A transport on which nobody says anything, until there is no room.
    let open = "/socket.io/?EIO=4&transport=polling";
    until("the node is full", SOON, async || {
        (ceo.get(open).await.status.as_u16() == 503).then_some(())
    })
    .await;
    until_counted(ceo, "refused", "code=\"limits.sockets_per_node\"").await;
    until_counted(ceo, "refused", "code=\"socket.no_hello\"").await;
    // One that does not answer.
    sockets.sleep();
    until_counted(ceo, "gone", "code=\"socket.silent\"").await;
    sockets.wake();
}
