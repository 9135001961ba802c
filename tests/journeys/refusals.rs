//! What is refused is found in the audit, and counts against a limit, wherever
//! on the way in it was refused.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, Reply, TestDatabase, read, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD};

const WRONG: &str = "a wrong horse battery staple";
const SOON: Duration = Duration::from_secs(30);
/// Wrong passwords for one e-mail, and proofs of a person in a minute, before
/// more are answered 429.
const TRIES: usize = 3;
const PROOFS: usize = 10;

/// A refusal as the audit has it: who, what, how.
type Noted = (Option<String>, String, String, u64);

async fn company() -> (Company, TestDatabase) {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_LIMITS__ENABLED", "true")
        .env("SAYSO_LIMITS__PASSWORD_TRIES", TRIES.to_string())
        .env("SAYSO_LIMITS__PROOF_PER_MINUTE", PROOFS.to_string())
        .env("SAYSO_AUTH__TOTP_REQUIRED_ROLES", "manager");
    (Company::found(setup).await, database)
}

/// A token of Ann's that may read.
async fn program(ann: &Client) -> Client {
    let seen = ann.login["user"]["createdAt"].as_str().unwrap();
    let seen: sayso_kernel::Timestamp = seen.parse().unwrap();
    let ends = (seen + Duration::from_secs(86_400)).to_string();
    let body = json!({ "password": PASSWORD, "name": "CI", "scopes": ["read"],
                       "expiresAt": ends });
    let made = ann.post("/api/tokens", body).await.expect(201);
    let mut program = ann.clone();
    program.login = json!({ "accessToken": made["token"], "user": ann.login["user"] });
    program
}

async fn send(who: &Client, method: &Method, path: &str, body: &Value) -> Reply {
    let request = who.request(method.clone(), path);
    read(if body.is_null() { request } else { request.json(body) }).await.unwrap()
}

async fn noted(ceo: &Client) -> HashSet<Noted> {
    let page = ceo.get("/api/audit?action=access.refused&limit=100").await.expect(200);
    let of = |entry: &Value| {
        let details = &entry["details"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let who = entry["actorId"].as_str().map(str::to_owned);
        assert!(entry["address"].is_string() && entry["requestId"].is_string(), "{entry}");
        assert_eq!(entry["sessionId"].is_string(), who.is_some(), "{entry}");
        let status = details["status"].as_u64().unwrap_or_default();
        (who, text(&details["method"]), text(&details["route"]), status)
    };
    page["items"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_on_the_way_in_is_found_in_the_audit_and_counted() {
    let (company, _database) = company().await;
    let Company { ceo, manager, ann, bob, .. } = &company;
    let (nobody, program) = (Client::anonymous(ceo.base()), program(ann).await);
    ann.post("/api/auth/totp", json!({ "password": PASSWORD })).await.expect(200);
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let wrong = json!({ "password": WRONG });
    let email = json!({ "password": WRONG, "email": "mine@example.com" });
    let change = json!({ "currentPassword": WRONG, "newPassword": PASSWORD });
    let token = json!({ "password": WRONG, "name": "CI", "scopes": ["read"],
                        "expiresAt": "2027-01-31T00:00:00Z" });
    let spent = json!({ "code": "none", "password": PASSWORD });
    let invited = json!({ "token": "none", "password": PASSWORD });
    let founder = json!({ "code": "none", "email": "me@example.com", "name": "Me",
                          "password": PASSWORD });
    let table = [
        (&program, &post, "/api/tasks", json!({ "title": "Plan" }), 403),
        (&program, &get, "/api/tokens", Value::Null, 403),
        (manager, &get, "/api/tasks", Value::Null, 403),
        (ann, &post, "/api/auth/password", change.clone(), 422),
        (ann, &post, "/api/auth/email", email, 422),
        (ann, &post, "/api/auth/totp", wrong.clone(), 422),
        (ann, &delete, "/api/auth/totp", wrong, 422),
        (ann, &post, "/api/auth/totp/confirm", json!({ "code": "000000" }), 422),
        (ann, &post, "/api/tokens", token, 422),
        (&nobody, &post, "/api/auth/refresh", json!({ "refreshToken": "none" }), 401),
        (&nobody, &post, "/api/auth/password/reset", spent, 422),
        (&nobody, &post, "/api/invitations", invited, 422),
        (&nobody, &post, "/api/setup", founder, 404),
    ];
    let mut expected: HashSet<Noted> = HashSet::new();
    for (who, method, path, body, status) in &table {
        let reply = send(who, method, path, body).await;
        assert_eq!(reply.status.as_u16(), *status, "{method} {path}: {}", reply.text);
        assert!(reply.header("ratelimit").is_some(), "{method} {path} was counted nowhere");
        let actor = (!std::ptr::eq(*who, &nobody)).then(|| who.user_id().to_owned());
        expected.insert((actor, method.to_string(), (*path).to_owned(), u64::from(*status)));
    }
    // What is only malformed proves nothing wrong.
    send(bob, &post, "/api/auth/email", &json!({})).await.expect(422);
    // Too many of them.
    let login = json!({ "email": "bob@example.com", "password": WRONG });
    let stranger = async |body: &Value| {
        let request = nobody.request(Method::POST, "/api/auth/login");
        read(request.header("user-agent", "stranger").json(body)).await.unwrap()
    };
    for _ in 0..TRIES {
        stranger(&login).await.expect(401);
    }
    stranger(&login).await.expect(429);
    expected.insert((None, "POST".into(), "/api/auth/login".into(), 429));
    let mut last = 0;
    for _ in 0..2 * PROOFS {
        last = send(bob, &post, "/api/auth/password", &change).await.status.as_u16();
    }
    assert_eq!(last, 429);
    let bobs = Some(bob.user_id().to_owned());
    for status in [422, 429] {
        expected.insert((bobs.clone(), "POST".into(), "/api/auth/password".into(), status));
    }

    let found = until("all refusals in the audit", SOON, async || {
        let found = noted(ceo).await;
        expected.is_subset(&found).then_some(found)
    });
    let found = found.await;
    let malformed = (bobs, "POST".to_owned(), "/api/auth/email".to_owned(), 422);
    assert!(!found.contains(&malformed), "{found:?}");
}
