//! What a refused login answers, to the byte, and what it costs.

use std::collections::BTreeMap;

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, Reply, TestDatabase, read};
use serde_json::{Value, json};

use crate::clients::metric;
use crate::company::{Company, PASSWORD};

/// What is each request's own, and how far the log was by then.
const OWN: [&str; 3] = ["date", "x-request-id", "sayso-position"];

/// Rounds of bcrypt that the server has done.
const ROUNDS: &str = "sayso_auth_hash_rounds_total ";

/// Everything that whoever asks can see, but for what is each request's own.
fn seen(reply: &Reply) -> (u16, BTreeMap<String, String>, String) {
    let headers = reply.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
    let id = reply.body["requestId"].as_str().unwrap_or_else(|| panic!("{}", reply.text));
    (reply.status.as_u16(), headers, reply.text.replace(id, ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_unknown_a_wrong_and_a_disabled_login_every_byte_is_the_same() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_LIMITS__ENABLED", "true");
    let Company { ceo, bob, .. } = &Company::found(setup).await;
    let path = format!("/api/users/{}/deactivate", bob.user_id());
    ceo.post(&path, Value::Null).await.expect(200);
    let nobody = Client::anonymous(ceo.base());

    let (mut answers, mut spent) = (Vec::new(), Vec::new());
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("ann@example.com", "a wrong horse battery staple"),
        ("bob@example.com", PASSWORD),
        ("bob@example.com", "a wrong horse battery staple"),
    ] {
        let body = json!({ "email": email, "password": password });
        let before = metric(ceo, ROUNDS).await;
        let request = nobody.request(Method::POST, "/api/auth/login");
        let request = request.header("user-agent", format!("{email} {password}"));
        answers.push(seen(&read(request.json(&body)).await.unwrap()));
        spent.push(metric(ceo, ROUNDS).await - before);
    }

    // What could be measured from outside: 2^4 rounds of bcrypt each.
    assert_eq!(spent, [16.0; 4]);
    // Of the last try there was one before it for the same e-mail.
    let limit = |answer: &mut (u16, BTreeMap<String, String>, String)| {
        answer.1.remove("ratelimit").expect("how one stands is told")
    };
    let stands: Vec<String> = answers.iter_mut().map(limit).collect();
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let left = |text: &String| text.split(';').nth(1).map(str::to_owned);
    assert!(stands[..3].iter().all(|text| left(text) == left(&stands[0])), "{stands:?}");
}
