//! A small project over HTTP: it grows out of a message, is edited in bulk and
//! by two at once, moves, is deleted by accident and comes back.

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, Reply, TestDatabase, read};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};

async fn patch(person: &Client, path: &str, body: Value) -> Reply {
    let request = person.request(Method::PATCH, path).json(&body);
    read(request.header("Content-Type", "application/merge-patch+json")).await.unwrap()
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

async fn said(person: &Client, channel: &str, content: &str) -> Value {
    let path = format!("/api/channels/{channel}/messages");
    person.post(&path, json!({ "content": content })).await.expect(201)
}

#[tokio::test]
async fn a_project_grows_out_of_a_message_and_survives_an_accident() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (manager, ann, bob) = (&company.manager, &company.ann, &company.bob);
    let launch = open_channel(manager, "launch", &[ann, bob]).await;

    let message = said(ann, &launch, "We need boards.\nMany.").await;
    let path = format!("/api/messages/{}/task", id(&message));
    let body = json!({ "assignedTo": [bob.user_id()], "priority": "high" });
    let made = ann.post_once(&path, &body, "boards").await.unwrap();
    let again = ann.post_once(&path, &body, "boards").await.unwrap();
    assert_eq!((made.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!((again.header("Idempotent-Replayed"), &again.text), (Some("true"), &made.text));
    let boards = made.body;
    assert_eq!(
        (&boards["title"], &boards["messageId"]),
        (&json!("We need boards."), &message["id"])
    );
    assert_eq!(boards["channelId"], launch.as_str());
    let refused = bob.post(&path, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "message.has_task"));

    let body = json!({ "title": "Order screws", "channelId": launch });
    let screws = ann.post("/api/tasks", body).await.expect(201);
    let items = json!({ "items": [
        { "id": boards["id"], "version": 1, "status": "in_progress", "tags": ["parts"] },
        { "id": screws["id"], "version": 1, "dueDate": "2026-12-01", "tags": ["parts"] },
    ] });
    let both = ann.post("/api/tasks/bulk", items.clone()).await.expect(200);
    assert_eq!(
        (&both["items"][0]["status"], &both["items"][1]["dueAllDay"]),
        (&json!("in_progress"), &json!(true))
    );
    let stale = ann.post("/api/tasks/bulk", items).await;
    assert_eq!((stale.status.as_u16(), stale.code()), (412, "resource.stale_version"));
    assert_eq!(stale.body["errors"][1]["pointer"], "#/items/1/version");
    assert_eq!(stale.body["current"]["version"], 2);
    let items = json!({ "items": [{ "id": screws["id"], "title": "x" }, { "id": screws["id"], "version": 0, "dueDate": "soon" }] });
    let missing = ann.post("/api/tasks/bulk", items).await;
    assert_eq!(missing.status.as_u16(), 422, "{}", missing.text);
    let items = json!({ "items": [{ "id": screws["id"], "title": "x" }] });
    let missing = ann.post("/api/tasks/bulk", items).await;
    assert_eq!(missing.expect(428)["errors"][0]["pointer"], "#/items/0/version");

    two_editors_of_one_task(ann, bob, id(&screws)).await;

    let found =
        bob.get("/api/tasks?search=order%20scr&tags=parts&status=todo,done").await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);

    let path = format!("/api/tasks/{}", id(&boards));
    let said = bob.post(&format!("{path}/comments"), json!({ "content": "Soon." })).await;
    let place = said.header("Location").unwrap().to_owned();
    let said = said.expect(201);
    let edited =
        patch(bob, &place, json!({ "content": "Later.", "version": said["version"] })).await;
    assert_eq!(edited.expect(200)["version"], 2);
    assert_eq!(patch(bob, &place, json!({ "content": "Never." })).await.status.as_u16(), 428);

    an_accident(&company, &path, &place).await;

    let own =
        patch(ann, &path, json!({ "channelId": null, "assignedTo": null, "version": 4 })).await;
    let own = own.expect(200);
    assert_eq!((&own["channelId"], &own["assignedTo"]), (&Value::Null, &json!([])));
    assert_eq!(bob.get(&path).await.status.as_u16(), 404);
    assert_eq!(
        patch(ann, &path, json!({ "title": null, "version": 5 })).await.status.as_u16(),
        422
    );
}

/// The second learns what it is now, and says again what they meant.
async fn two_editors_of_one_task(ann: &Client, bob: &Client, id: &str) {
    let path = format!("/api/tasks/{id}");
    ann.post(&format!("{path}/assign"), json!({ "assign": [bob.user_id()] })).await.expect(200);
    let (seen, same) = (ann.get(&path).await.expect(200), bob.get(&path).await.expect(200));
    let title = json!({ "title": "Order 400 screws", "version": seen["version"] });
    patch(ann, &path, title).await.expect(200);
    let late = patch(bob, &path, json!({ "priority": "urgent", "version": same["version"] })).await;
    let now = late.expect(412)["current"].clone();
    assert_eq!(now["title"], "Order 400 screws");
    let again = patch(bob, &path, json!({ "priority": "urgent", "version": now["version"] })).await;
    let done = again.expect(200);
    assert_eq!((&done["title"], &done["priority"]), (&json!("Order 400 screws"), &json!("urgent")));
}

/// Whoever may restore the task finds it in the trash, nobody else does.
async fn an_accident(company: &Company, path: &str, comment: &str) {
    let (ceo, ann, bob) = (&company.ceo, &company.ann, &company.bob);
    let id = path.rsplit('/').next().unwrap();
    ann.delete(path).await.expect(204);
    let trash = ann.get("/api/trash?type=task").await.expect(200);
    assert_eq!(
        (&trash["items"][0]["id"], &trash["items"][0]["type"]),
        (&json!(id), &json!("task"))
    );
    assert!(trash["items"][0]["expiresAt"].is_string());
    assert_eq!(bob.get("/api/trash").await.expect(200)["items"], json!([]));
    assert_eq!(ceo.get("/api/trash").await.expect(200)["items"], json!([]));
    ann.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(ann.get("/api/trash").await.expect(200)["items"], json!([]));
    assert_eq!(bob.get(comment).await.expect(200)["content"], "Later.");
}
