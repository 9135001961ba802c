//! The edge of the network on the real server: limits, the audit, origins and
//! the pages it serves.

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, Reply, TestDatabase, read, until};
use serde_json::json;

use crate::company::{Company, PASSWORD};
use crate::wire::PROMPTLY;

async fn limited(more: &[(&str, &str)]) -> (Company, TestDatabase) {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_LIMITS__ENABLED", "true");
    let setup = more.iter().fold(setup, |setup, (name, value)| setup.env(name, *value));
    (Company::found(setup).await, database)
}

/// `r` and `t` of `RateLimit`.
fn standing(reply: &Reply) -> (u64, u64) {
    let text = reply.header("ratelimit").unwrap_or_default().to_owned();
    let number = |key: &str| {
        let piece = text.split(';').find_map(|piece| piece.strip_prefix(key));
        piece.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    (number("r="), number("t="))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_when_to_come_back_and_others_notice_nothing() {
    let (company, _database) = limited(&[("SAYSO_LIMITS__SEARCH_PER_MINUTE", "30")]).await;
    let search = async |who: &Client| who.get("/api/search?q=plants").await;
    let first = search(&company.ann).await;
    assert_eq!(first.header("ratelimit-policy"), Some("\"search\";q=30;w=60"));
    assert_eq!(standing(&first).0, 29);

    let all = (0..60).map(|_| search(&company.ann));
    let answers = futures(all).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((29..=31).contains(&served), "{served}");
    let over = search(&company.ann).await;
    assert_eq!((over.status.as_u16(), over.code()), (429, "limits.too_many"));
    let (left, wait) = standing(&over);
    assert_eq!(over.header("retry-after"), Some(&*wait.to_string()));
    assert!(left == 0 && wait <= 2, "{wait}");

    assert_eq!(search(&company.bob).await.status, 200);
    assert_eq!(company.ann.get("/api/auth/me").await.status, 200);
    let came_back = until("a place", PROMPTLY, async || {
        let again = search(&company.ann).await;
        (again.status == 200).then_some(again)
    });
    came_back.await;
}

async fn futures(all: impl Iterator<Item = impl Future<Output = Reply>>) -> Vec<Reply> {
    let mut answers = Vec::new();
    for one in all {
        answers.push(one.await);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_lock_the_ceo_out() {
    let (company, _database) = limited(&[("SAYSO_LIMITS__PASSWORD_TRIES", "5")]).await;
    let url = company.server.url();
    let stranger = Client::anonymous(&url);
    let guess = async |n: usize| {
        let body = json!({ "email": "ceo@example.com", "password": "not the password" });
        let request = stranger.request(Method::POST, "/api/auth/login").json(&body);
        // Nobody lists this proxy, so the address stays what it is.
        let request = request.header("x-forwarded-for", format!("198.51.100.{n}"));
        read(request.header("user-agent", "guesser")).await.unwrap()
    };
    let mut statuses = Vec::new();
    for n in 0..12 {
        statuses.push(guess(n).await.status.as_u16());
    }

    assert_eq!(statuses[..5], [401; 5]);
    assert_eq!(statuses[5..], [429; 7]);
    assert_eq!(company.ceo.get("/api/auth/me").await.status, 200, "sessions go on");
    // From the device from which the CEO has come in before, by a code: it is
    // read now and then who came in.
    let body = json!({ "email": "ceo@example.com", "password": PASSWORD });
    until("the CEO's device to be known", 6 * PROMPTLY, async || {
        let owner = Client::anonymous(&url).post("/api/auth/login", body.clone()).await;
        (owner.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_holds_names_what_was_changed_and_answers_the_ceo_alone() {
    let (company, database) = limited(&[]).await;
    company.ann.get("/api/audit").await.expect(403);
    let logins = until("the logins in the audit", PROMPTLY, async || {
        let page = company.ceo.get("/api/audit?action=auth.logged_in").await.expect(200);
        (page["items"].as_array().unwrap().len() == 4).then_some(page)
    })
    .await;
    let entry = &logins["items"][3];
    assert_eq!(entry["actorId"], company.ceo.user_id());
    assert_eq!(entry["subject"]["id"], company.ceo.login["sessionId"]);
    assert!(entry["requestId"].is_string() && entry["correlationId"].is_string(), "{entry}");
    assert_eq!(entry["address"], "127.0.0.1");
    let lines = company.ceo.request(Method::GET, "/api/audit");
    let lines = read(lines.header("accept", "application/x-ndjson")).await.unwrap();
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert!(lines.text.lines().count() >= 8, "{}", lines.text);
    assert_eq!(lines.header("ratelimit-policy"), Some("\"export\";q=10;w=60"));

    let task = company.ceo.post("/api/tasks", json!({ "title": "Boards" })).await.expect(201);
    let path = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    let edit = json!({ "version": 1, "priority": "urgent", "tags": ["hall"], "title": "Bords" });
    read(company.ceo.request(Method::PATCH, &path).json(&edit)).await.unwrap().expect(200);
    let entry = until("the edit in the audit", PROMPTLY, async || {
        let page = company.ceo.get("/api/audit?action=task.updated").await.expect(200);
        page["items"].get(0).cloned()
    })
    .await;
    assert_eq!(entry["details"]["priority"], json!(["medium", "urgent"]), "{entry}");
    assert_eq!(entry["details"]["tags"], json!([[], ["hall"]]), "{entry}");
    assert!(!entry.to_string().contains("Bords"), "what people wrote stays out of it: {entry}");

    let told = company.server.run(&["audit", "verify"], "").await;
    assert!(told.contains("the audit holds"), "{told}");
    let intruder = database.superuser().await;
    intruder
        .batch_execute(
            "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
             UPDATE audit_log SET actor_id = NULL WHERE seq = 3",
        )
        .await
        .unwrap();
    let told = company.server.fails(&["audit", "verify"]).await;
    assert!(told.contains("broken at entry 3"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_gets_no_socket_and_the_pages_of_the_server_load_nothing_foreign() {
    let (company, _database) = limited(&[]).await;
    let nobody = Client::anonymous(&company.server.url());
    let open = async |origin: Option<&str>, path: &str| {
        let request = nobody.request(Method::GET, path);
        let request = origin.into_iter().fold(request, |it, origin| it.header("origin", origin));
        read(request).await.unwrap()
    };
    for path in ["/socket.io/?EIO=4&transport=polling", "/socket.io?EIO=4&transport=polling"] {
        assert_eq!(open(Some("https://evil.example"), path).await.code(), "origin.not_allowed");
        assert_ne!(open(None, path).await.status, 403);
    }
    let websocket = nobody
        .request(Method::GET, "/socket.io/?EIO=4&transport=websocket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "https://evil.example");
    assert_eq!(read(websocket).await.unwrap().status, 403);

    for (path, shown) in [("/docs", "/api/tasks/{id}"), ("/docs/errors", "id=\"request.invalid\"")]
    {
        let page = open(None, path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains(shown), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.text.contains("<script") && !page.text.contains("src=\"http"), "{path}");
        assert_eq!(page.header("server"), None);
    }
    assert_eq!(
        open(None, "/docs/style.css").await.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn from_elsewhere_metrics_are_for_the_ceo_and_for_programs_that_may_look() {
    let (company, _database) = limited(&[]).await;
    let from_elsewhere = async |who: &Client, path: &str| {
        // Whatever a proxy passes on does not come from this machine.
        let request = who.request(Method::GET, path).header("x-forwarded-for", "198.51.100.7");
        read(request).await.unwrap()
    };
    let seen = company.ceo.login["user"]["createdAt"].as_str().unwrap();
    let ends: sayso_kernel::Timestamp = seen.parse().unwrap();
    let ends = (ends + std::time::Duration::from_secs(86_400)).to_string();
    let program = async |of: &Client, scope: &str| {
        let body = json!({ "password": PASSWORD, "name": "Watch", "scopes": [scope],
                           "expiresAt": ends });
        let made = of.post("/api/tokens", body).await.expect(201);
        let mut program = of.clone();
        program.login = json!({ "accessToken": made["token"] });
        program
    };
    let nobody = Client::anonymous(&company.server.url());
    let watch = program(&company.ceo, "ops.read").await;
    for (who, status) in [
        (&nobody, 403),
        (&company.ann, 403),
        (&company.ceo, 200),
        (&watch, 200),
        (&program(&company.ceo, "read").await, 403),
        (&program(&company.ann, "ops.read").await, 403),
    ] {
        let answer = from_elsewhere(who, "/metrics").await;
        assert_eq!(answer.status.as_u16(), status, "{}", who.login);
    }
    let ready = "/health/ready";
    assert!(from_elsewhere(&watch, ready).await.body["checks"].is_object());
    assert!(from_elsewhere(&nobody, ready).await.body["checks"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_an_address_opens_nothing() {
    let (company, _database) = limited(&[]).await;
    let nobody = Client::anonymous(&company.server.url());
    let token = company.ann.login["accessToken"].as_str().unwrap();
    for name in ["token", "access_token", "accessToken", "authorization"] {
        let answer = nobody.get(&format!("/api/auth/me?{name}={token}")).await;
        assert_eq!(answer.code(), "auth.token_missing", "{name}: {}", answer.text);
        let path = format!("/socket.io/?EIO=4&transport=polling&{name}={token}");
        let opened = nobody.get(&path).await;
        let sid = opened.text.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let path = format!("{path}&sid={}", sid.unwrap());
        read(nobody.request(Method::POST, &path).body("40")).await.unwrap();
        let mut told = nobody.get(&path).await.text;
        if told == "2" {
            // A ping may come before the answer.
            told = nobody.get(&path).await.text;
        }
        assert!(told.contains("auth.token_missing"), "{name}: {told}");
    }
}
