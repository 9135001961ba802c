//! A channel goes and comes back with everything in it.

use std::collections::BTreeMap;
use std::time::Duration;

use sayso_testkit::{Client, ProcessSetup, TestDatabase, until};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};

fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// Everything that is read of a channel and of what stands in it, by path. What
/// counts its deletion and return is left out.
async fn everything(who: &Client, paths: &[String]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for path in paths {
        let mut answer = who.get(path).await.expect(200);
        if path.starts_with("/api/channels/") && answer["memberCount"].is_i64() {
            for field in ["version", "revision", "updatedAt"] {
                answer.as_object_mut().unwrap().remove(field);
            }
        }
        all.insert(path.clone(), answer);
    }
    all
}

/// Fills the channel with talk and work; all that can be read of it.
async fn fill(company: &Company, channel: &str, outside: &str) -> Vec<String> {
    let (ceo, ann, bob) = (&company.ceo, &company.ann, &company.bob);
    let path = format!("/api/channels/{channel}");
    let say = async |who: &Client, body: Value| {
        id(&who.post(&format!("{path}/messages"), body).await.expect(201))
    };
    let head = say(ceo, json!({ "content": format!("Shall we, <@{}>?", ann.user_id()) })).await;
    let answer = say(ann, json!({ "content": "Yes", "threadId": head })).await;
    let gone = say(bob, json!({ "content": "Nonsense" })).await;
    bob.delete(&format!("/api/messages/{gone}")).await.expect(204);
    let edit = json!({ "content": "Shall we go?", "version": 1 });
    ceo.put(&format!("/api/messages/{head}"), edit).await.expect(200);
    for (who, emoji) in [(ann, "👍"), (bob, "👍"), (bob, "🎉")] {
        let add = json!({ "add": [emoji] });
        who.post(&format!("/api/messages/{head}/reactions"), add).await.expect(200);
    }
    ann.post(&format!("{path}/read"), json!({ "messageId": head })).await.expect(200);
    say(bob, json!({ "content": "When?" })).await;
    let made = ann.post(&format!("/api/messages/{answer}/task"), json!({})).await.expect(201);
    let (task, mut others) = (id(&made), Vec::new());
    for title in ["one", "two"] {
        let draft = json!({ "title": title, "channelId": channel, "tags": ["fair"],
                            "assignedTo": [ann.user_id(), bob.user_id()], "dueDate": "2030-01-01" });
        others.push(id(&ceo.post("/api/tasks", draft).await.expect(201)));
    }
    let relations = json!({ "add": [{ "taskId": others[0], "type": "blocks" },
                                    { "taskId": others[1], "type": "duplicates" },
                                    { "taskId": outside, "type": "relates" }] });
    ann.post(&format!("/api/tasks/{task}/dependencies"), relations).await.expect(200);
    let comments = format!("/api/tasks/{task}/comments");
    bob.post(&comments, json!({ "content": "Where?" })).await.expect(201);
    // A mention, two tasks, a comment.
    until("Ann to be told of all", Duration::from_secs(30), async || {
        let count = ann.get("/api/notifications/count").await.expect(200);
        (count["unread"] == 4).then_some(())
    })
    .await;

    let mut paths = vec![
        path.clone(),
        format!("{path}/members?limit=100"),
        format!("{path}/messages?threads=true&limit=100"),
        format!("/api/messages/{head}/thread"),
        format!("/api/messages/{head}/history"),
        format!("/api/messages/{answer}"),
        format!("/api/tasks?channelId={channel}&dependencies=true&sort=title"),
        format!("/api/tasks/{outside}"),
        comments,
        format!("/api/tasks/{task}/history"),
        "/api/unread".to_owned(),
    ];
    paths.extend([&task, &others[0], &others[1]].map(|id| format!("/api/tasks/{id}")));
    paths
}

#[tokio::test]
async fn a_channel_comes_back_from_the_trash_with_all_that_was_said_and_planned_in_it() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ceo, ann) = (&company.ceo, &company.ann);
    let channel = open_channel(ceo, "launch", &[ann, &company.bob]).await;
    let outside = id(&ann.post("/api/tasks", json!({ "title": "outside" })).await.expect(201));
    let paths = fill(&company, &channel, &outside).await;
    let before = everything(ann, &paths).await;
    let unread = &before["/api/unread"];
    assert_eq!(before[&format!("/api/tasks/{outside}")]["dependents"][0]["type"], "relates");

    ceo.delete(&format!("/api/channels/{channel}")).await.expect(204);
    for path in &paths {
        let reply = ann.get(path).await;
        let is_of_all = path.contains('?') && !path.contains(&format!("/{channel}/"));
        match reply.status.as_u16() {
            // A list of all, and what stands elsewhere, has nothing of it.
            200 if is_of_all || path.contains(&outside) || path == "/api/unread" => {
                assert!(!reply.text.contains(&channel), "{path}: {}", reply.text);
            }
            status => assert_eq!(status, 404, "{path}: {}", reply.text),
        }
    }
    let alone = ann.get(&format!("/api/tasks/{outside}")).await.expect(200);
    assert_eq!(alone["dependents"], json!([]));
    let name = json!({ "content": "hello?" });
    let late = ann.post(&format!("/api/channels/{channel}/messages"), name).await;
    assert_eq!(late.status.as_u16(), 404);
    let refused = ann.post(&format!("/api/channels/{channel}/restore"), json!({})).await;
    assert!(matches!(refused.status.as_u16(), 403 | 404), "{}", refused.text);

    ceo.post(&format!("/api/channels/{channel}/restore"), json!({})).await.expect(200);
    let after = everything(ann, &paths).await;
    for (path, value) in &before {
        assert_eq!(&after[path], value, "{path}");
    }
    assert_eq!(unread["channels"].as_array().map(Vec::len), Some(1), "{unread}");
    let on = json!({ "content": "on" });
    ann.post(&format!("/api/channels/{channel}/messages"), on).await.expect(201);
}
