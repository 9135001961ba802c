//! What a server tells of a request in its log: who came, how it was answered,
//! and of what was sent no more than its form.

use std::time::Duration;

use sayso_testkit::{Client, ProcessSetup, TestDatabase, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD};

/// A line is written when its request is answered, and then has to be read.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// The line of the log that tells `what` of the request that was answered with
/// this id.
async fn line(company: &Company, what: &str, id: &str) -> Value {
    until(&format!("the line {what:?} of {id}"), TOLD_WITHIN, async || {
        let log = company.server.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        // On a busy machine any request may be a slow one, and is told as that.
        let is_it = |line: &Value| line["message"].as_str().is_some_and(|it| it.ends_with(what));
        lines.find(|line| line["request_id"] == id && is_it(line))
    })
    .await
}

async fn ask(who: &Client, path: &str) -> String {
    who.get(path).await.headers["x-request-id"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_names_who_came_and_a_body_is_told_without_what_was_written() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_LOG__FORMAT", "json")
        .env("SAYSO_LOG__FILTER", "info,sayso_web::access_log=debug,sayso_web::body=debug");
    let company = Company::found(setup).await;
    let Company { ceo, ann, .. } = &company;
    let seen: sayso_kernel::Timestamp =
        ann.login["user"]["createdAt"].as_str().unwrap().parse().unwrap();
    let ends = (seen + Duration::from_secs(86_400)).to_string();
    let body = json!({ "password": PASSWORD, "name": "CI", "scopes": ["read"], "expiresAt": ends });
    let made = ann.post("/api/tokens", body).await.expect(201);
    let mut program = ann.clone();
    program.login = json!({ "accessToken": made["token"] });
    let eve = json!({ "email": "eve@example.com", "name": "Eve", "role": "staff",
                      "password": PASSWORD, "metadata": { "shoe": "hunter2" } });
    let hired = ceo.post("/api/users", eve).await;
    let hired_id = hired.headers["x-request-id"].to_str().unwrap().to_owned();
    hired.expect(201);
    let wrong = ceo.post("/api/users", json!({ "role": "hunter2", "hunter2": 1 })).await;
    let wrong_id = wrong.headers["x-request-id"].to_str().unwrap().to_owned();
    wrong.expect(422);

    let came = async |who: &Client, path: &str| {
        let id = ask(who, path).await;
        line(&company, "request", &id).await
    };
    let nobody = came(&Client::anonymous(ceo.base()), "/health/live").await;
    let person = came(ann, "/api/auth/me").await;
    let token = came(&program, "/api/auth/me").await;
    let told = line(&company, "body", &hired_id).await;
    let refused = line(&company, "body", &wrong_id).await;

    assert_eq!(nobody["actor"], Value::Null, "{nobody}");
    assert_eq!(person["actor"], format!("user:{}", ann.user_id()), "{person}");
    assert_eq!((&person["route"], &person["status"]), (&json!("/api/auth/me"), &json!(200)));
    assert!(person["micros"].is_u64() && person["statements"].is_u64(), "{person}");
    let id = made["id"].as_str().unwrap();
    assert_eq!(token["actor"], format!("token:{id}"), "{token}");
    assert_eq!(told["route"], "/api/users");
    let shown: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
    let wanted = json!({ "email": "[15 characters]", "name": "[3 characters]", "role": "staff",
                         "password": "[secret]", "metadata": { "[others]": 1 } });
    assert_eq!(shown, wanted);
    assert!(refused["body"].as_str().unwrap().contains("[7 characters]"), "{refused}");
    let log = company.server.log();
    for hidden in ["eve@example.com", "hunter2", PASSWORD] {
        assert!(!log.contains(hidden), "{hidden} stands in the log");
    }
}
