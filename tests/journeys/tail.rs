//! `sayso events tail` and `sayso openapi`: what a server says, for a pipe.

use sayso_testkit::{ProcessSetup, TestDatabase};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_told_a_line_an_event_from_where_and_of_what_was_asked() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { server, ceo, .. } = &company;
    let channel = open_channel(ceo, "all hands", &[]).await;
    let path = format!("/api/channels/{channel}/messages");
    ceo.post(&path, json!({ "content": "hear, hear" })).await.expect(201);
    sayso_testkit::judge::assert_settled(database.db()).await;
    let tail = async |args: &[&str]| -> Vec<Value> {
        let args = [&["events", "tail", "--no-follow"], args].concat();
        let told = server.run(&args, "").await;
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };

    let all = tail(&["--from", "start"]).await;
    let some = tail(&["--from", "start", "--type", "message.*", "--type", "channel.created"]).await;
    let after = all[all.len() - 2]["position"].to_string();
    let last = tail(&["--from", &after]).await;
    let none = tail(&[]).await;

    let positions: Vec<i64> = all.iter().map(|one| one["position"].as_i64().unwrap()).collect();
    let count = i64::try_from(positions.len()).unwrap();
    assert_eq!(positions, (1..=count).collect::<Vec<_>>(), "without a hole");
    let kinds: Vec<&str> = some.iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["channel.created", "message.sent"]);
    assert_eq!(some[1]["data"]["content"], "hear, hear");
    assert_eq!(some[1]["streams"][0]["stream"], format!("channel:{channel}"));
    assert_eq!(last, all[all.len() - 1..]);
    assert_eq!(none, [] as [Value; 0]);
    let served = ceo.get("/openapi.json").await.expect(200);
    let printed = server.run(&["openapi"], "").await;
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), served);
}
