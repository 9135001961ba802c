//! Everything that proves who somebody is, used once at the real server, and
//! then looked for in all that it leaves behind.

use reqwest::Method;
use sayso_kernel::hex;
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, judge, read};
use serde_json::{Value, json};

use crate::company::Company;
use crate::device;

const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "a changed horse battery staple";
const WRONG: &str = "a wrong horse battery staple";
const WRONG_CODE: &str = "135790";
const RESET: &str = "a reset horse battery staple";

/// What was used, and every answer that was a refusal.
#[derive(Default)]
struct Trail {
    secrets: Vec<String>,
    refusals: String,
}

impl Trail {
    fn keep(&mut self, value: &Value) {
        self.secrets.push(value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned());
    }

    /// Six digits stand in many a time; as a text of their own they do not.
    fn keep_code(&mut self, code: &str) {
        self.secrets.push(format!("\"{code}\""));
    }

    async fn refused(&mut self, who: &Client, path: &str, body: Value) {
        let reply = who.post(path, body).await;
        assert!(reply.status.is_client_error(), "{path}: {}", reply.text);
        self.refusals.push_str(&reply.text);
    }
}

/// Comes in in every way there is, and fails to.
async fn come_in(company: &Company, trail: &mut Trail) {
    let Company { ceo, manager, ann, bob, .. } = company;
    for person in [ceo, manager, ann, bob] {
        trail.keep(&person.login["accessToken"]);
        trail.keep(&person.login["refreshToken"]);
    }
    let again = ann.post("/api/auth/refresh", json!({ "refreshToken": ann.login["refreshToken"] }));
    let again = again.await.expect(200);
    trail.keep(&again["accessToken"]);
    trail.keep(&again["refreshToken"]);
    let login = json!({ "email": "ann@example.com", "password": WRONG, "code": WRONG_CODE });
    trail.refused(ann, "/api/auth/login", login).await;
    trail.keep_code(WRONG_CODE);
    let change = json!({ "currentPassword": WRONG, "newPassword": OTHER });
    trail.refused(bob, "/api/auth/password", change).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER });
    bob.post("/api/auth/password", change).await.expect(204);

    let new = json!({ "email": "new@example.com", "name": "New", "role": "staff" });
    let invited = ceo.post("/api/users", new).await.expect(201);
    trail.keep(&invited["invitation"]["token"]);
    let accept = json!({ "token": invited["invitation"]["token"], "password": RESET });
    let come = ceo.post("/api/invitations", accept.clone()).await.expect(200);
    trail.keep(&come["accessToken"]);
    trail.keep(&come["refreshToken"]);
    trail.refused(ceo, "/api/invitations", accept).await;
    let path = format!("/api/users/{}/password-reset", bob.user_id());
    let reset = ceo.post(&path, Value::Null).await.expect(200);
    trail.keep(&reset["code"]);
    let finish = json!({ "code": reset["code"], "password": RESET });
    bob.post("/api/auth/password/reset", finish.clone()).await.expect(204);
    trail.refused(bob, "/api/auth/password/reset", finish).await;
    trail.secrets.extend([PASSWORD, OTHER, WRONG, RESET].map(str::to_owned));
}

/// A second factor and a token of a program.
async fn set_up(company: &Company, trail: &mut Trail) {
    let ann = &company.ann;
    trail.refused(ann, "/api/auth/totp", json!({ "password": WRONG })).await;
    let proof = json!({ "password": PASSWORD });
    let setup = ann.post("/api/auth/totp", proof).await.expect(200);
    trail.keep(&setup["secret"]);
    trail.secrets.push(hex::encode(device::seed(&setup["secret"]).as_bytes()));
    let code = device::code(&setup["secret"]);
    trail.keep_code(&code);
    let codes = ann.post("/api/auth/totp/confirm", json!({ "code": code })).await.expect(200);
    let codes = codes["recoveryCodes"].as_array().unwrap().clone();
    codes.iter().for_each(|code| trail.keep(code));
    let login = json!({ "email": "ann@example.com", "password": PASSWORD, "code": codes[0] });
    let second = ann.post("/api/auth/login", login.clone()).await.expect(200);
    trail.keep(&second["accessToken"]);
    trail.keep(&second["refreshToken"]);
    trail.refused(ann, "/api/auth/login", login).await;
    let seen: sayso_kernel::Timestamp =
        ann.login["user"]["createdAt"].as_str().unwrap().parse().unwrap();
    let ends = (seen + std::time::Duration::from_secs(86_400)).to_string();
    let mut body =
        json!({ "password": WRONG, "name": "CI", "scopes": ["read"], "expiresAt": ends });
    trail.refused(ann, "/api/tokens", body.clone()).await;
    body["password"] = json!(PASSWORD);
    let made = ann.post("/api/tokens", body).await.expect(201);
    trail.keep(&made["token"]);
    let mut program = ann.clone();
    program.login = json!({ "accessToken": made["token"] });
    program.get("/api/auth/me").await.expect(200);
    trail.refused(&program, "/api/tokens", json!({})).await;
}

/// Sockets that come in and that do not, and a way back in from the machine.
async fn beside(company: &Company, trail: &mut Trail) {
    let Company { server, manager, .. } = company;
    let sockets = Sockets::start();
    let transports: &[&str] = &["websocket"];
    let connect = Connect { id: "manager", person: manager, transports, resume: None };
    sockets.connect_and_wait(&connect).await;
    let mut forger = manager.clone();
    let forged = manager.login["accessToken"].as_str().unwrap().to_owned() + "A";
    forger.login["accessToken"] = json!(forged);
    forger.login["refreshToken"] = json!("a refresh token that nobody was given");
    sockets.connect(&Connect { id: "forger", person: &forger, transports, resume: None });
    sockets.until_heard("forger", "connect_error").await;
    trail.secrets.extend([forged, "a refresh token that nobody was given".to_owned()]);
    let told = server.run(&["user", "reset", "--email", "bob@example.com"], "").await;
    let code = told.trim();
    trail.secrets.push(code.to_owned());
}

/// Every table as text; bytes as hexadecimal.
async fn dump(database: &TestDatabase) -> String {
    let superuser = database.superuser().await;
    let tables = "SELECT quote_ident(relname) FROM pg_class
                  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";
    let mut text = String::new();
    for row in superuser.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let sql = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t");
        text.push_str(&superuser.query_one(&sql, &[]).await.unwrap().get::<_, String>(0));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_in_the_log_the_audit_the_metrics_the_refusals_or_a_dump() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_LOG__FILTER", "debug,tokio_postgres=info");
    let company = Company::found(setup).await;
    let mut trail = Trail::default();
    come_in(&company, &mut trail).await;
    set_up(&company, &mut trail).await;
    beside(&company, &mut trail).await;
    let root = "07".repeat(32);
    trail.secrets.push(root);
    judge::settle(database.db()).await;

    let audit = company.ceo.request(Method::GET, "/api/audit");
    let audit = read(audit.header("accept", "application/x-ndjson")).await.unwrap();
    let left = [
        ("the log", company.server.log()),
        ("the audit", audit.text),
        ("the metrics", company.ceo.get("/metrics").await.text),
        ("the refusals", trail.refusals.clone()),
        ("a dump", dump(&database).await),
    ];

    assert!(trail.secrets.len() > 35, "{}", trail.secrets.len());
    for (place, text) in &left {
        assert!(!text.is_empty(), "{place} is empty");
        for secret in &trail.secrets {
            let bytes = hex::encode(secret.as_bytes());
            assert!(!text.contains(secret.as_str()), "{place} holds the secret {secret}");
            assert!(!text.contains(&bytes), "{place} holds the bytes of the secret {secret}");
        }
    }
    // What is no secret is found in the same way.
    assert!(left[4].1.contains("ann@example.com"), "the dump is none");
    assert!(left[1].1.contains("auth.password_reset"), "{}", left[1].1);
    assert!(left[0].1.contains("/api/auth/login"), "{}", left[0].1);
}
