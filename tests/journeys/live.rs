//! Writing and catching up over a socket, at a real server.

use std::collections::BTreeMap;
use std::time::Duration;

use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::company::{Company, connect, open_channel, program_of};

const SOON: Duration = Duration::from_secs(30);

/// Who was refused what how often, of what was asked of sockets.
async fn refused(ceo: &Client) -> Vec<(Value, String, i64, i64)> {
    let audit = ceo.get("/api/audit?action=access.refused&limit=100").await.expect(200);
    let entries = audit["items"].as_array().unwrap().iter();
    let of_sockets = entries.filter(|entry| entry["details"]["method"] == "SOCKET");
    let mut counts = BTreeMap::<_, i64>::new();
    for entry in of_sockets {
        let details = &entry["details"];
        assert!(entry["address"].is_string() && entry["requestId"].is_string(), "{entry}");
        assert_eq!(entry["via"], "socket", "{entry}");
        assert_eq!(entry["role"].is_string(), entry["actorId"].is_string(), "{entry}");
        let number = |name: &str| details[name].as_i64().unwrap();
        let who = entry["actorId"].as_str().unwrap_or_default().to_owned();
        let route = details["route"].as_str().unwrap().to_owned();
        *counts.entry((route, who, number("status"))).or_default() += number("count");
    }
    counts.into_iter().map(|((route, who, status), n)| (json!(who), route, status, n)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_socket_is_refused_stands_in_the_audit_as_what_http_refuses() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ceo, ann, bob) = (&company.ceo, &company.ann, &company.bob);
    let channel = open_channel(ceo, "board", &[ann]).await;
    let hall = json!({ "name": "hall", "kind": "public" });
    let hall = ceo.post("/api/channels", hall).await.expect(201)["id"].clone();
    let task = json!({ "title": "Order the venue", "channelId": hall });
    let task = ceo.post("/api/tasks", task).await.expect(201)["id"].clone();
    let program = program_of(ann, &["read"]).await;
    let sockets = Sockets::start();
    connect(&sockets, "bob", bob).await;

    // A program that is not for sockets, a token that is none, and nobody.
    for (id, token, code) in [
        ("program", program.login["accessToken"].clone(), "auth.scope_missing"),
        ("none", json!("no token"), "auth.token_invalid"),
        ("nobody", json!(""), "auth.token_missing"),
    ] {
        let mut person = program.clone();
        person.login["accessToken"] = token;
        let transports = &["websocket"];
        sockets.connect(&Connect { id, person: &person, transports, resume: None });
        assert_eq!(sockets.until_heard(id, "connect_error").await.payload, code);
    }
    let mut told = Vec::new();
    let hidden = json!({ "channelId": channel, "content": "let me in" });
    let forbidden = json!({ "taskId": task, "version": 1, "title": "Mine" });
    for (event, body, code) in [
        ("message.send", &hidden, "resource.not_found"),
        ("message.send", &hidden, "resource.not_found"),
        ("task.update", &forbidden, "access.forbidden"),
        ("no.such_event", &hidden, "socket.unknown_event"),
        ("message.send", &json!({}), "request.invalid"),
    ] {
        let answer = sockets.emit("bob", event, body).await;
        assert_eq!(answer["error"]["code"], code, "{event}: {answer}");
        told.push(answer["error"]["requestId"].clone());
    }

    let (ann, bob) = (json!(ann.user_id()), json!(bob.user_id()));
    let wanted = [
        (json!(""), "/socket.io/".to_owned(), 401, 1),
        (ann, "/socket.io/".to_owned(), 403, 1),
        (bob.clone(), "message.send".to_owned(), 404, 2),
        (bob, "task.update".to_owned(), 403, 1),
    ];
    let mut found = Vec::new();
    until("all of it in the audit", SOON, async || {
        found = refused(ceo).await;
        (found.len() >= wanted.len()).then_some(())
    })
    .await;
    assert_eq!(found, wanted);
    // By what the client was told it is found.
    let audit = ceo.get("/api/audit?action=access.refused&limit=100").await.expect(200);
    let entries = audit["items"].as_array().unwrap();
    for request_id in [&told[0], &told[2]] {
        assert!(entries.iter().any(|entry| entry["requestId"] == *request_id), "{request_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_over_a_socket_is_written_once_and_refused_as_over_http() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    let sockets = Sockets::start();
    connect(&sockets, "ann", &company.ann).await;
    connect(&sockets, "bob", &company.bob).await;

    let send = json!({ "channelId": channel, "content": "hello", "clientId": "m1" });
    let sent = sockets.emit("ann", "message.send", &send).await;
    assert_eq!(sent, sockets.emit("ann", "message.send", &send).await);
    let edit = json!({ "messageId": sent["data"]["id"], "version": 1, "content": "hello all",
                       "clientId": "e1" });
    let edited = sockets.emit("ann", "message.edit", &edit).await;
    assert_eq!(edited, sockets.emit("ann", "message.edit", &edit).await);
    let create = json!({ "title": "Order the venue", "channelId": channel, "clientId": "t1" });
    let created = sockets.emit("ann", "task.create", &create).await;
    assert_eq!(created, sockets.emit("ann", "task.create", &create).await);
    let update = json!({ "taskId": created["data"]["id"], "version": 1, "status": "done" });
    let updated = sockets.emit("ann", "task.update", &update).await;

    let read = json!({ "channelId": channel, "messageId": sent["data"]["id"] });
    let read = sockets.emit("ann", "channel.read", &read).await;

    assert_eq!(read["data"]["lastReadMessageId"], sent["data"]["id"]);
    assert_eq!(edited["data"]["content"], "hello all");
    assert_eq!(updated["data"]["status"], "done");
    let other = json!({ "title": "Another", "channelId": channel, "clientId": "t1" });
    let refusals = [
        ("ann", "task.update", update.clone(), "resource.stale_version"),
        ("ann", "task.create", other, "idempotency.mismatch"),
        ("ann", "task.create", json!({ "clientId": "x".repeat(65) }), "request.invalid"),
        ("bob", "message.send", send, "resource.not_found"),
        ("bob", "task.update", update, "resource.not_found"),
        ("bob", "typing.start", json!({ "channelId": channel }), "resource.not_found"),
        ("bob", "nonsense", json!({}), "socket.unknown_event"),
    ];
    for (id, event, body, code) in refusals {
        let answer = sockets.emit(id, event, &body).await;
        assert_eq!(answer["ok"], false, "{event}");
        assert_eq!(answer["error"]["code"], code, "{event}: {answer}");
        assert_eq!(answer["temporary"], false, "{event}");
    }
    // A message ends the typing that led to it.
    connect(&sockets, "ceo", &company.ceo).await;
    sockets.emit("ann", "typing.start", &json!({ "channelId": channel })).await;
    sockets.until_heard("ceo", "typing.started").await;
    let more = json!({ "channelId": channel, "content": "more" });
    sockets.emit("ann", "message.send", &more).await;
    sockets.until_heard("ceo", "typing.stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_over_http_is_what_a_socket_heard() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let sockets = Sockets::start();
    let ready = connect(&sockets, "ann", &company.ann).await;
    let (epoch, from) = (ready["epoch"].as_str().unwrap(), ready["position"].as_i64().unwrap());
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    for n in 0..5 {
        let path = format!("/api/channels/{channel}/messages");
        company.ceo.post(&path, json!({ "content": n.to_string() })).await.expect(201);
    }
    let sent = || sockets.events("ann").iter().filter(|it| it["type"] == "message.sent").count();
    until("all is heard", SOON, async || (sent() == 5).then_some(())).await;

    let (mut items, mut after) = (Vec::new(), from);
    loop {
        let path = format!("/api/events?epoch={epoch}&after={after}&limit=3");
        let part = company.ann.get(&path).await.expect(200);
        items.extend(part["items"].as_array().unwrap().clone());
        after = part["position"].as_i64().unwrap();
        if part["position"] == part["head"] {
            break;
        }
    }
    assert_eq!(items, sockets.events("ann"));

    let now = company.ann.get("/api/events").await.expect(200);
    assert_eq!((&now["items"], &now["epoch"]), (&json!([]), &json!(epoch)));
    let ahead = format!("/api/events?epoch={epoch}&after=1000000");
    for (path, reason) in [("/api/events?epoch=another&after=0", "epoch"), (&ahead, "ahead")] {
        let reply = company.ann.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (410, "events.resync_required"));
        assert_eq!(reply.body["reason"], reason);
        assert_eq!(reply.body["current"]["epoch"], epoch);
    }
    for query in ["after=3", "epoch=a", "epoch=a&after=-1", "epoch=a&after=0&limit=201", "x=1"] {
        let reply = company.ann.get(&format!("/api/events?{query}")).await;
        assert_eq!(reply.status.as_u16(), 422, "{query}: {}", reply.text);
    }
    let nobody = Client::anonymous(company.ann.base());
    assert_eq!(nobody.get("/api/events").await.status.as_u16(), 401);
}
