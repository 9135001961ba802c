//! Whatever can happen happens, and each kind of event that the AsyncAPI
//! document promises was heard; whether it fits its schema, the sockets say.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sayso_testkit::{Client, Connect, ProcessSetup, Schemas, Sockets, TestDatabase, judge, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD, hire, open_channel};
use crate::golden;

const SOON: Duration = Duration::from_secs(30);

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("it has an id")
}

/// Edits what is at `path`, whatever its version.
async fn edit(who: &Client, path: &str, mut patch: Value) {
    patch["version"] = who.get(path).await.expect(200)["version"].clone();
    who.put(path, patch).await.expect(200);
}

/// Deletes what is at `path`, and brings it back.
async fn delete_and_restore(who: &Client, path: &str) {
    who.delete(path).await.expect(204);
    who.post(&format!("{path}/restore"), json!({})).await.expect(200);
}

async fn people(company: &Company) {
    let ceo = &company.ceo;
    let dora = hire(ceo, "Dora", "staff").await;
    let moved = json!({ "password": PASSWORD, "email": "dora.b@example.com" });
    dora.post("/api/auth/email", moved).await.expect(200);
    let dora = dora.user_id();
    let path = format!("/api/users/{dora}");
    edit(ceo, &path, json!({ "name": "Dora B." })).await;
    ceo.post(&format!("{path}/deactivate"), json!({})).await.expect(200);
    ceo.post(&format!("{path}/reactivate"), json!({})).await.expect(200);
    delete_and_restore(ceo, &path).await;
    ceo.delete(&path).await.expect(204);
    company.server.run(&["user", "erase", dora, "--yes"], "").await;
}

async fn channels(company: &Company) {
    let (ceo, ann) = (&company.ceo, &company.ann);
    let body = json!({ "name": "Events", "kind": "channel", "color": "#00ff00" });
    let category = ceo.post("/api/categories", body).await.expect(201);
    let category = format!("/api/categories/{}", id(&category));
    edit(ceo, &category, json!({ "name": "Fairs" })).await;
    ceo.delete(&category).await.expect(204);

    // Ann sees it until it is made private.
    let body = json!({ "name": "open", "kind": "public" });
    let channel = ceo.post("/api/channels", body).await.expect(201);
    let path = format!("/api/channels/{}", id(&channel));
    edit(ceo, &path, json!({ "description": "For everybody" })).await;
    edit(ceo, &path, json!({ "kind": "private" })).await;
    let members = format!("{path}/members");
    ceo.post(&members, json!({ "add": [ann.user_id()] })).await.expect(200);
    ceo.post(&members, json!({ "remove": [ann.user_id()] })).await.expect(200);
    edit(ceo, &path, json!({ "archived": true })).await;
    delete_and_restore(ceo, &path).await;
}

async fn messages(company: &Company, channel: &str) {
    let (ceo, ann) = (&company.ceo, &company.ann);
    let path = format!("/api/channels/{channel}");
    let say = async |body: Value| ceo.post(&format!("{path}/messages"), body).await.expect(201);
    let message = say(json!({ "content": "Shall we?" })).await;
    let one = format!("/api/messages/{}", id(&message));
    edit(ceo, &one, json!({ "content": "Shall we go?" })).await;
    ann.post(&format!("{one}/reactions"), json!({ "add": ["👍"] })).await.expect(200);
    let answer = say(json!({ "content": "Yes", "threadId": message["id"] })).await;
    let read = json!({ "messageId": answer["id"] });
    ann.post(&format!("{one}/thread/read"), read).await.expect(200);
    ann.post(&format!("{path}/read"), json!({ "messageId": message["id"] })).await.expect(200);
    ann.post(&format!("{path}/mute"), json!({ "notificationLevel": "mentions" })).await.expect(200);
    delete_and_restore(ceo, &format!("/api/messages/{}", id(&answer))).await;
}

async fn tasks(company: &Company) {
    let (ceo, ann) = (&company.ceo, &company.ann);
    let task = ceo.post("/api/tasks", json!({ "title": "Book a stand" })).await.expect(201);
    let path = format!("/api/tasks/{}", id(&task));
    let assign = format!("{path}/assign");
    ceo.post(&assign, json!({ "assign": [ann.user_id()] })).await.expect(200);
    edit(ceo, &path, json!({ "title": "Book a large stand" })).await;
    let said = json!({ "content": "How large?" });
    let comment = ann.post(&format!("{path}/comments"), said).await.expect(201);
    let comment = format!("{path}/comments/{}", id(&comment));
    edit(ann, &comment, json!({ "content": "How large, really?" })).await;
    delete_and_restore(ann, &comment).await;
    delete_and_restore(ceo, &path).await;
    until("Ann to be told of it", SOON, async || {
        let told = ann.get("/api/notifications").await.expect(200);
        (!told["items"].as_array()?.is_empty()).then_some(())
    })
    .await;
    ann.post("/api/notifications/read", json!({})).await.expect(200);
    ceo.post(&assign, json!({ "unassign": [ann.user_id()] })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_is_heard_as_the_document_has_it() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let channel = open_channel(&company.ceo, "fair", &[&company.ann]).await;
    let served = company.ceo.get("/asyncapi.json").await;
    golden::compare("asyncapi.json", &(served.text + "\n"));
    let sockets = Sockets::start();
    for (id, person) in [("ceo", &company.ceo), ("ann", &company.ann)] {
        let connect = Connect { id, person, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    people(&company).await;
    channels(&company).await;
    messages(&company, &channel).await;
    tasks(&company).await;

    let promised = Schemas::golden().events();
    assert!(promised.len() > 30, "{promised:?}");
    let deadline = Instant::now() + SOON;
    loop {
        let heard = ["ceo", "ann"].into_iter().flat_map(|id| sockets.events(id));
        let heard: BTreeSet<String> =
            heard.filter_map(|event| event["type"].as_str().map(str::to_owned)).collect();
        let missing: Vec<&String> = promised.difference(&heard).collect();
        if missing.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "never heard: {missing:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sockets.take_unfit(), [""; 0]);
    judge::assert_settled(database.db()).await;
}
