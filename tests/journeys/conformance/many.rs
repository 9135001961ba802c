//! What many entries in one request cost the database: as many statements as
//! few do, or it is said why not.

use serde_json::{Value, json};

use super::stage::{Stage, id};

/// So many entries, and so many.
pub const COUNTS: [usize; 2] = [2, 20];
/// Each is called so often, and the least counts: another may be in the way.
const TRIES: usize = 2;

/// A request with many entries.
pub struct Case {
    pub name: &'static str,
    /// Why it costs more with more of them, if it does.
    pub grows: Option<&'static str>,
    /// The ids of its requests, of each count.
    pub requests: [Vec<String>; 2],
}

/// What is called: its name, and why it grows.
const CASES: &[(&str, Option<&str>)] = &[
    ("update_tasks, of a channel", None),
    ("update_tasks, of no channel", None),
    ("update_tasks, which others wait for", None),
    ("update_tasks, to other assignees", None),
    ("update_tasks, from their assignees", None),
    ("update_tasks, to other channels and categories", None),
    ("change_task_dependencies", None),
    ("change_task_dependencies, of no channel", None),
    ("delete_task, with relations", None),
    ("restore_task, with relations", None),
    ("assign_task", None),
    ("change_channel_members", None),
];

/// Calls everything with few and with many entries.
pub async fn call_all(stage: &Stage) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, grows) in CASES {
        let mut requests = [Vec::new(), Vec::new()];
        for (requests, count) in requests.iter_mut().zip(COUNTS) {
            for _ in 0..TRIES {
                requests.push(call(stage, name, count).await);
            }
        }
        cases.push(Case { name, grows: *grows, requests });
    }
    cases
}

/// Calls it with so many entries; the id of the request.
async fn call(stage: &Stage, name: &str, count: usize) -> String {
    let ceo = stage.ceo();
    let (operation, how) = name.split_once(", ").unwrap_or((name, ""));
    let channel = (how != "of no channel" && operation != "assign_task").then_some(&stage.hall);
    let one = task(stage, channel).await;
    let path = format!("/api/tasks/{one}");
    let reply = match operation {
        "update_tasks" => ceo.post("/api/tasks/bulk", items(stage, how, count).await).await,
        "change_task_dependencies" => {
            let add = relations(&tasks(stage, channel, count).await, "blocks");
            ceo.post(&format!("{path}/dependencies"), add).await
        }
        "delete_task" | "restore_task" => {
            let add = relations(&tasks(stage, channel, count).await, "relates");
            ceo.post(&format!("{path}/dependencies"), add).await.expect(200);
            let deleted = ceo.delete(&path).await;
            if operation == "delete_task" {
                deleted
            } else {
                ceo.post(&format!("{path}/restore"), json!({})).await
            }
        }
        "assign_task" => {
            let people = people(stage, count).await;
            ceo.post(&format!("{path}/assign"), json!({ "assign": people })).await
        }
        _ => {
            let (room, people) = (stage.channel("private").await, people(stage, count).await);
            ceo.post(&format!("/api/channels/{room}/members"), json!({ "add": people })).await
        }
    };
    assert!(reply.status.is_success(), "{name}: {}", reply.text);
    reply.header("x-request-id").expect("an id").to_owned()
}

/// The edits of many tasks; what they name is another for each.
async fn items(stage: &Stage, how: &str, count: usize) -> Value {
    let people_alone = how.ends_with("assignees");
    let channel = (how != "of no channel" && !people_alone).then_some(&stage.hall);
    let ids = tasks(stage, channel, count).await;
    let mut edits = vec![json!({ "priority": "urgent", "tags": ["party"] }); count];
    match how {
        "which others wait for" => {
            for id in &ids {
                let waits = task(stage, channel).await;
                let add = relations(std::slice::from_ref(id), "blocks");
                stage
                    .ceo()
                    .post(&format!("/api/tasks/{waits}/dependencies"), add)
                    .await
                    .expect(200);
            }
            edits.fill(json!({ "status": "done" }));
        }
        "to other assignees" => {
            let people = people(stage, count).await;
            edits = people.iter().map(|person| json!({ "assignedTo": [person] })).collect();
        }
        "from their assignees" => {
            for (id, person) in ids.iter().zip(people(stage, count).await) {
                let assign = json!({ "assign": [person] });
                stage.ceo().post(&format!("/api/tasks/{id}/assign"), assign).await.expect(200);
            }
            edits.fill(json!({ "assignedTo": [] }));
        }
        "to other channels and categories" => {
            for edit in &mut edits {
                let (room, shelf) = (stage.channel("public").await, stage.category().await);
                *edit = json!({ "channelId": room, "categoryId": shelf });
            }
        }
        _ => {}
    }
    for (edit, id) in edits.iter_mut().zip(&ids) {
        (edit["id"], edit["version"]) = (json!(id), json!(1));
    }
    json!({ "items": edits })
}

fn relations(others: &[String], kind: &str) -> Value {
    let one = |id: &String| json!({ "taskId": id, "type": kind });
    json!({ "add": others.iter().map(one).collect::<Vec<_>>() })
}

async fn task(stage: &Stage, channel: Option<&String>) -> String {
    let draft = json!({ "title": "Carry the chairs", "channelId": channel });
    stage.made("/api/tasks", draft).await
}

async fn tasks(stage: &Stage, channel: Option<&String>, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(task(stage, channel).await);
    }
    all
}

async fn people(stage: &Stage, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        let invited = stage.invited().await;
        all.push(id(invited.get("user").unwrap_or(&invited)));
    }
    all
}
