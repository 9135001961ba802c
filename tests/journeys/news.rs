//! What a person is told of what concerns them, from the deed of another to the
//! reading on one device, of which the other devices hear.

use std::time::Duration;

use sayso_testkit::{Client, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD, connect, hire, open_channel};

const SOON: Duration = Duration::from_secs(30);

/// Waits until a socket has heard an event that `is_it`.
async fn heard(sockets: &Sockets, id: &str, kind: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    until(&format!("{id} hears {kind}"), SOON, async || {
        let all = sockets.events(id).into_iter();
        all.filter(|event| event["type"] == kind).find(|event| is_it(event))
    })
    .await
}

fn any(_: &Value) -> bool {
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_on_one_device_is_read_on_the_other_and_all_counts_agree() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ceo, phone) = (&company.ceo, &company.ann);
    let desk = Client::login(ceo.base(), "ann@example.com", PASSWORD).await;
    let channel = open_channel(ceo, "launch", &[phone]).await;
    let sockets = Sockets::start();
    connect(&sockets, "phone", phone).await;
    connect(&sockets, "desk", &desk).await;
    connect(&sockets, "bob", &company.bob).await;

    let say = async |content: &str| {
        let path = format!("/api/channels/{channel}/messages");
        ceo.post(&path, json!({ "content": content })).await.expect(201)
    };
    let first = say(&format!("<@{}>, the cake?", phone.user_id())).await;
    let last = say("@channel, please").await;
    for device in ["phone", "desk"] {
        for message in [&first, &last] {
            let is_of_it = |event: &Value| event["data"]["resource"]["id"] == message["id"];
            heard(&sockets, device, "notification.created", is_of_it).await;
        }
    }
    let unread = async |device: &Client| {
        let unread = device.get("/api/unread").await.expect(200);
        let count = device.get("/api/notifications/count").await.expect(200);
        assert_eq!(unread["notifications"], count["unread"]);
        [&unread["messages"], &unread["mentions"], &count["unread"]].map(|it| it.as_i64().unwrap())
    };
    assert_eq!(unread(&desk).await, [2, 2, 2]);

    let told = phone.get("/api/notifications?type=mentioned").await.expect(200);
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["title"], "Cleo mentioned you in #launch");
    let one = json!({ "ids": [items[0]["id"]] });
    let left = phone.post("/api/notifications/read", one).await.expect(200);
    assert_eq!(left["unread"], 1);
    for device in ["phone", "desk"] {
        let event = heard(&sockets, device, "notification.read", any).await;
        assert_eq!(event["data"]["ids"], json!([items[0]["id"]]));
        assert_eq!(event["data"]["unreadCount"], 1);
    }
    assert_eq!(unread(&desk).await, [2, 2, 1]);

    let body = json!({ "messageId": last["id"] });
    let read = phone.post(&format!("/api/channels/{channel}/read"), body).await.expect(200);
    assert_eq!(read["unreadCount"], 0);
    for device in ["phone", "desk"] {
        let event = heard(&sockets, device, "channel.read", any).await;
        let wanted = json!({ "channelId": channel, "userId": phone.user_id(), "unreadCount": 0,
                             "lastReadMessageId": last["id"], "mentionCount": 0 });
        assert_eq!(event["data"], wanted);
    }
    phone.post("/api/notifications/read", json!({})).await.expect(200);
    let is_the_rest = |event: &Value| event["data"]["ids"].is_null();
    let event = heard(&sockets, "desk", "notification.read", is_the_rest).await;
    assert_eq!(event["data"]["unreadCount"], 0);
    for device in [phone, &desk] {
        assert_eq!(unread(device).await, [0, 0, 0]);
        assert_eq!(device.get("/api/unread").await.expect(200)["channels"], json!([]));
    }
    assert_eq!(sockets.event_count("bob"), 0, "it is nothing to Bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_joins_a_public_channel_and_hears_of_their_first_task() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let ceo = &company.ceo;
    let body = json!({ "name": "plaza", "kind": "public" });
    let channel = ceo.post("/api/channels", body).await.expect(201)["id"].clone();
    let channel = channel.as_str().unwrap();
    let dora = hire(ceo, "Dora", "staff").await;
    let sockets = Sockets::start();
    connect(&sockets, "dora", &dora).await;

    let outside = dora.get(&format!("/api/channels/{channel}/messages")).await;
    assert_eq!((outside.status.as_u16(), outside.code()), (403, "channel.not_a_member"));
    let joined = dora.post(&format!("/api/channels/{channel}/join"), json!({})).await.expect(200);
    assert_eq!((&joined["myRole"], &joined["memberCount"]), (&json!("member"), &json!(2)));
    heard(&sockets, "dora", "channel.joined", |event| event["data"]["channelId"] == channel).await;

    let draft = json!({ "title": "Water the plants", "channelId": channel });
    let task = ceo.post("/api/tasks", draft).await.expect(201);
    let path = format!("/api/tasks/{}/assign", task["id"].as_str().unwrap());
    ceo.post(&path, json!({ "assign": [dora.user_id()] })).await.expect(200);
    let assigned = heard(&sockets, "dora", "task.assigned", any).await;
    assert_eq!(assigned["stream"], format!("channel:{channel}"));
    assert_eq!(assigned["data"]["id"], task["id"]);
    assert_eq!(assigned["change"]["assigned"], json!([dora.user_id()]));

    let told = heard(&sockets, "dora", "notification.created", any).await;
    assert_eq!(told["stream"], format!("user:{}", dora.user_id()));
    assert_eq!(told["data"]["title"], "Cleo assigned you a task");
    assert_eq!(told["data"]["resource"], json!({ "type": "task", "id": task["id"] }));
    let listed = dora.get("/api/notifications").await.expect(200);
    assert_eq!(listed["items"], json!([told["data"]]));
    let mine = dora.get(&format!("/api/tasks?assignedTo={}", dora.user_id())).await.expect(200);
    assert_eq!(mine["items"][0]["title"], "Water the plants");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_tasks_is_finished_in_order_and_each_that_can_go_on_tells_it() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ann, bob) = (&company.ann, &company.bob);
    let sockets = Sockets::start();
    connect(&sockets, "bob", bob).await;
    let mut chain = Vec::new();
    for title in ["dig", "plant", "harvest"] {
        let draft = json!({ "title": title, "assignedTo": [bob.user_id()] });
        let task = ann.post("/api/tasks", draft).await.expect(201);
        chain.push(task["id"].as_str().unwrap().to_owned());
    }
    for pair in chain.windows(2) {
        let add = json!({ "add": [{ "taskId": pair[0], "type": "blocks" }] });
        let path = format!("/api/tasks/{}/dependencies", pair[1]);
        assert_eq!(ann.post(&path, add).await.expect(200)["blocked"], true);
    }

    let early = json!({ "status": "done", "version": 1 });
    let early = bob.put(&format!("/api/tasks/{}", chain[2]), early).await;
    assert_eq!((early.status.as_u16(), early.code()), (409, "task.blocked"));
    for id in &chain {
        // A flip is no edit: the version that was read is still the one.
        let done = json!({ "status": "done", "version": 1 });
        let done = bob.put(&format!("/api/tasks/{id}"), done).await.expect(200);
        assert_eq!((&done["status"], &done["blocked"]), (&json!("done"), &json!(false)));
    }
    let last =
        |event: &Value| event["data"]["title"] == "harvest" && event["data"]["status"] == "done";
    heard(&sockets, "bob", "task.updated", last).await;

    let flips: Vec<(String, bool)> = sockets
        .events("bob")
        .iter()
        .filter(|event| event["type"] == "task.updated")
        .filter(|event| event["change"]["fields"].as_array().unwrap().contains(&json!("blocked")))
        .map(|event| {
            let task = &event["data"];
            (task["title"].as_str().unwrap().to_owned(), task["blocked"].as_bool().unwrap())
        })
        .collect();
    let expected = [("plant", true), ("harvest", true), ("plant", false), ("harvest", false)];
    assert_eq!(flips, expected.map(|(title, blocked)| (title.to_owned(), blocked)));
    // Bob did the flips back himself: Ann, who made them, is told of those.
    until("Ann to be told of both", SOON, async || {
        let told = ann.get("/api/notifications?type=unblocked").await.expect(200);
        (told["items"].as_array()?.len() == 2).then_some(())
    })
    .await;
    let told = bob.get("/api/notifications?type=blocked").await.expect(200);
    assert_eq!(told["items"].as_array().unwrap().len(), 2);
    let history = ann.get(&format!("/api/tasks/{}/history", chain[2])).await.expect(200);
    assert!(!history.to_string().contains("override"), "{history}");
}
