//! All filters of the list of tasks at once.

use sayso_testkit::{Client, ProcessSetup, TestDatabase};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};

/// Makes tasks that all filters fit, but for what is said of each.
struct Maker {
    base: Value,
    blocker: String,
}

impl Maker {
    async fn make(&self, by: &Client, title: &str, differs: Value) -> Value {
        let mut draft = self.base.clone();
        draft["title"] = json!(format!("lantern: {title}"));
        let status = differs["status"].as_str().unwrap_or("in_progress").to_owned();
        let is_free = differs["blocked"] == false;
        for (field, value) in differs.as_object().unwrap() {
            if !matches!(&**field, "status" | "blocked") {
                draft[field] = value.clone();
            }
        }
        let made = by.post("/api/tasks", draft).await.expect(201);
        let path = format!("/api/tasks/{}", made["id"].as_str().unwrap());
        let kind = if is_free { "relates" } else { "blocks" };
        let add = json!({ "add": [{ "taskId": self.blocker, "type": kind }] });
        by.post(&format!("{path}/dependencies"), add).await.expect(200);
        by.put(&path, json!({ "status": status, "version": 1 })).await.expect(200)
    }
}

async fn titles(who: &Client, query: &str) -> Vec<String> {
    let page = who.get(&format!("/api/tasks?{query}")).await.expect(200);
    let items = page["items"].as_array().unwrap();
    for item in items {
        assert_eq!(item["dependencies"].as_array().map(Vec::len), Some(1), "{item}");
    }
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

/// What each decoy fails in, and how.
fn decoys(person: &Client, channel: &str, category: &str) -> [(&'static str, Value); 11] {
    [
        ("assignedTo", json!({ "assignedTo": [person.user_id()] })),
        ("status", json!({ "status": "review" })),
        ("priority", json!({ "priority": "urgent" })),
        ("dueFrom", json!({ "dueDate": "2019-12-31T23:59:59.999999Z" })),
        ("dueTo", json!({ "dueDate": "2020-02-01T00:00:00Z" })),
        ("channelId", json!({ "channelId": channel })),
        ("categoryId", json!({ "categoryId": category })),
        ("search", json!({ "title": "candle" })),
        ("tags", json!({ "tags": ["red", "round"] })),
        ("blocked", json!({ "blocked": false })),
        ("overdue", json!({ "dueDate": "2999-01-01T00:00:00Z" })),
    ]
}

async fn shelf(ceo: &Client, name: &str) -> String {
    let body = json!({ "name": name, "kind": "task" });
    let shelf = ceo.post("/api/categories", body).await.expect(201);
    shelf["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_filter_at_once_finds_the_one_that_fits_all_and_none_that_fails_in_one() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, manager, ann, bob, .. } = &company;
    let channel = open_channel(ceo, "launch", &[manager, ann, bob]).await;
    let other = open_channel(ceo, "other", &[manager, ann, bob]).await;
    let shelves = [shelf(ceo, "shelf").await, shelf(ceo, "drawer").await];
    let blocker = ann.post("/api/tasks", json!({ "title": "first", "channelId": channel })).await;
    let maker = Maker {
        base: json!({ "channelId": channel, "categoryId": shelves[0], "priority": "high",
                      "assignedTo": [ann.user_id()], "tags": ["red", "blue", "round"],
                      "dueDate": "2020-01-01T00:00:00Z" }),
        blocker: blocker.expect(201)["id"].as_str().unwrap().to_owned(),
    };

    maker.make(ann, "old", json!({})).await;
    let wanted = maker.make(ann, "fits", json!({})).await;
    let since = wanted["createdAt"].as_str().unwrap();
    for (title, differs) in decoys(bob, &other, &shelves[1]) {
        maker.make(ann, title, differs).await;
    }
    maker.make(manager, "createdBy", json!({})).await;

    let query = |due_to: &str| {
        format!(
            "assignedTo={}&status=in_progress&priority=high&dueFrom=2020-01-01T00:00:00Z\
             &dueTo={due_to}&channelId={channel}&categoryId={}&search=LANT&dependencies=true\
             &tags=red,blue&createdBy={}&overdue=true&blocked=true&updatedSince={since}&sort=title",
            ann.user_id(),
            shelves[0],
            ann.user_id(),
        )
    };
    for who in [ann, ceo] {
        assert_eq!(titles(who, &query("2020-02-01T00:00:00Z")).await, ["lantern: fits"]);
        // What ends before now holds nothing that is not overdue: asked further,
        // that alone keeps the one out that is not.
        let further = titles(who, &query("3000-01-01T00:00:00Z")).await;
        assert_eq!(further, ["lantern: dueTo", "lantern: fits"]);
    }
    // Without any of the filters, the decoy that fails in it is found as well.
    let full = query("2020-02-01T00:00:00Z");
    let names = [
        "assignedTo",
        "status",
        "priority",
        "dueFrom",
        "dueTo",
        "channelId",
        "categoryId",
        "search",
        "tags",
        "blocked",
        "createdBy",
        "updatedSince",
    ];
    for name in names {
        let parts = full.split('&').filter(|part| !part.starts_with(&format!("{name}=")));
        let mut expected = vec!["lantern: fits".to_owned()];
        expected.push(match name {
            "updatedSince" => "lantern: old".to_owned(),
            "search" => "candle".to_owned(),
            _ => format!("lantern: {name}"),
        });
        expected.sort_unstable();
        let found = titles(ann, &parts.collect::<Vec<_>>().join("&")).await;
        assert_eq!(found, expected, "without {name}");
    }
}
