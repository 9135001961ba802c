//! Work that hangs together, over HTTP: categories, tasks that wait for each
//! other, what is said about them, and the way through the trash.

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, TestDatabase, read};
use serde_json::{Value, json};

use crate::company::Company;

async fn task(person: &Client, body: Value) -> String {
    let made = person.post("/api/tasks", body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn finish(person: &Client, id: &str, extra: Value) -> sayso_testkit::Reply {
    let now = person.get(&format!("/api/tasks/{id}")).await.expect(200);
    let mut body = json!({ "status": "done", "version": now["version"] });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    person.put(&format!("/api/tasks/{id}"), body).await
}

#[tokio::test]
async fn tasks_wait_are_sorted_are_talked_about_go_and_come_back() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ceo, ann) = (&company.ceo, &company.ann);

    let category = json!({ "name": "Fair", "kind": "task", "color": "#A0B0C0" });
    let category = ceo.post("/api/categories", category).await.expect(201);
    assert_eq!(category["color"], "#a0b0c0");
    let category = category["id"].as_str().unwrap();
    let refused = ann.post("/api/categories", json!({ "name": "Mine", "kind": "task" })).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "access.forbidden"));

    let build = task(ann, json!({ "title": "Build the stand", "categoryId": category })).await;
    let open = task(ann, json!({ "title": "Open the doors" })).await;
    let page = ann.get(&format!("/api/tasks?categoryId={category}")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let wrong = ann.post("/api/tasks", json!({ "title": "x", "categoryId": build })).await;
    assert_eq!(wrong.expect(422)["errors"][0]["code"], "category.unknown");

    let path = format!("/api/tasks/{open}/dependencies");
    let add = json!({ "add": [{ "taskId": build, "type": "blocks" }] });
    let waiting = ann.post(&path, add).await.expect(200);
    assert_eq!(waiting["blocked"], true);
    assert_eq!(waiting["dependencies"][0]["title"], "Build the stand");
    let back = json!({ "add": [{ "taskId": open, "type": "blocks" }] });
    let circle = ann.post(&format!("/api/tasks/{build}/dependencies"), back).await;
    assert_eq!((circle.status.as_u16(), circle.code()), (409, "task.dependency_circle"));
    assert_eq!(circle.body["current"]["path"].as_array().unwrap().len(), 3);

    let early = finish(ann, &open, json!({})).await;
    assert_eq!((early.status.as_u16(), early.code()), (409, "task.blocked"));
    assert_eq!(early.body["current"]["blockers"][0]["id"], build.as_str());

    let said = json!({ "content": "The carpenter is ill." });
    ann.post(&format!("/api/tasks/{build}/comments"), said).await.expect(201);
    ann.delete(&format!("/api/tasks/{build}")).await.expect(204);
    assert_eq!(ann.get(&format!("/api/tasks/{build}")).await.status.as_u16(), 404);
    let free = ann.get(&format!("/api/tasks/{open}")).await.expect(200);
    assert_eq!((&free["blocked"], &free["dependencies"]), (&json!(false), &json!([])));

    let restored = ann.post(&format!("/api/tasks/{build}/restore"), json!({})).await.expect(200);
    assert_eq!(restored["dependents"][0]["taskId"], open.as_str());
    let comments = ann.get(&format!("/api/tasks/{build}/comments")).await.expect(200);
    assert_eq!(comments["items"][0]["content"], "The carpenter is ill.");
    let stale = ann.request(Method::DELETE, &format!("/api/tasks/{build}"));
    let stale = read(stale.header("If-Match", "\"1-x\"")).await.unwrap();
    assert_eq!(stale.status.as_u16(), 412);

    let reason = json!({ "override": { "reason": "The doors open without a stand" } });
    let done = finish(ann, &open, reason).await.expect(200);
    assert_eq!((&done["status"], &done["blocked"]), (&json!("done"), &json!(false)));
    let history = ann.get(&format!("/api/tasks/{open}/history")).await.expect(200);
    assert_eq!(history["items"][0]["changes"][0]["after"], "done");
}
