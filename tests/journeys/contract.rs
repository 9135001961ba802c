//! Bad input: every refusal has the status and the code of the contract, names
//! all faults at once, and leaves nothing behind.

use reqwest::Method;
use sayso_testkit::{Client, Connect, ProcessSetup, Reply, Sockets, TestDatabase};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};
use crate::truth::Truth;

/// An id of nothing.
const NOTHING: &str = "01900000-0000-7000-8000-000000000000";
/// Where a write would leave something. That somebody was refused is written down
/// as well, a while later.
const TABLES: [&str; 7] = [
    "users",
    "channels",
    "channel_members",
    "messages",
    "tasks",
    "outbox WHERE type <> 'access.refused'",
    "event_log WHERE type <> 'access.refused'",
];

/// A company with a private channel of CEO and Ann, a public one nobody else
/// joined, and a task.
struct Office {
    company: Company,
    truth: Truth,
    private: String,
    public: String,
    task: String,
    _database: TestDatabase,
}

impl Office {
    async fn open() -> Self {
        let database = TestDatabase::new().await;
        let company = Company::found(ProcessSetup::on(&database)).await;
        let ceo = &company.ceo;
        let private = open_channel(ceo, "board", &[&company.ann]).await;
        let body = json!({ "name": "town square", "kind": "public" });
        let public = ceo.post("/api/channels", body).await.expect(201);
        let public = public["id"].as_str().unwrap().to_owned();
        let draft = json!({ "title": "Old title", "channelId": private });
        let task = ceo.post("/api/tasks", draft).await.expect(201);
        let task = task["id"].as_str().unwrap().to_owned();
        let truth = Truth::of(&database.app_config()).await;
        truth.settle().await;
        Self { company, truth, private, public, task, _database: database }
    }

    async fn rows(&self) -> Vec<i64> {
        let mut rows = Vec::new();
        for table in TABLES {
            rows.push(self.truth.count(table).await);
        }
        rows
    }

    fn messages(&self) -> String {
        format!("/api/channels/{}/messages", self.private)
    }

    fn task(&self) -> String {
        format!("/api/tasks/{}", self.task)
    }
}

/// The refusal is a problem object of this status and code.
#[track_caller]
fn refused(what: &str, reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text);
    assert_eq!(reply.code(), code, "{what}: {}", reply.text);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(reply.body["status"], status, "{what}");
    assert_eq!(reply.body["type"], format!("/docs/errors#{code}"), "{what}");
    assert!(reply.body["requestId"].is_string(), "{what}: {}", reply.text);
    assert!(reply.body["title"].is_string() && reply.body["detail"].is_string(), "{what}");
}

/// Its faults, as `place code`, sorted.
fn faults(reply: &Reply) -> Vec<String> {
    let errors = reply.body["errors"].as_array().cloned().unwrap_or_default();
    let place = |error: &Value| {
        let named = ["pointer", "parameter", "header"].iter().find_map(|key| error[*key].as_str());
        named.unwrap_or_default().to_owned()
    };
    let mut faults: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {}", place(error), error["code"].as_str().unwrap_or_default()))
        .collect();
    faults.sort();
    faults
}

async fn raw(client: &Client, path: &str, kind: &str, body: &str) -> Reply {
    let request = client.request(Method::POST, path).header("content-type", kind);
    sayso_testkit::read(request.body(body.to_owned())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_valid_is_refused_with_all_its_faults_and_leaves_nothing() {
    let office = Office::open().await;
    let (ceo, before) = (&office.company.ceo, office.rows().await);

    for text in ["{\"title\":", "", "[1,2", "\u{feff}nonsense", "{\"title\":\"a\",\"title\":\"b\"}"]
    {
        let reply = raw(ceo, "/api/tasks", "application/json", text).await;
        refused(text, &reply, 400, "request.unparsable");
    }
    let reply = raw(ceo, "/api/tasks", "text/plain", "{\"title\":\"a\"}").await;
    refused("text", &reply, 415, "request.unsupported_media");
    // Over a connection of its own: the server may close one of which it has not
    // read everything.
    let mut apart = Client::anonymous(ceo.base());
    apart.login = ceo.login.clone();
    let large = format!("{{\"title\":\"{}\"}}", "x".repeat(1 << 20));
    let reply = raw(&apart, "/api/tasks", "application/json", &large).await;
    refused("large", &reply, 413, "request.too_large");

    let table: [(Value, &[&str]); 8] = [
        (json!({}), &["#/title field.required"]),
        (json!({ "title": "a", "colour": "red" }), &["#/colour field.unknown"]),
        (json!({ "title": 7 }), &["#/title field.type"]),
        (json!({ "title": "x".repeat(301) }), &["#/title field.too_long"]),
        (json!({ "title": "  " }), &["#/title field.blank"]),
        (json!({ "title": "a\u{0}b" }), &["#/title field.characters"]),
        (json!({ "title": "a", "dueDate": "tomorrow" }), &["#/dueDate field.format"]),
        (
            json!({ "priority": "huge", "tags": ["ok", 5], "colour": 1, "channelId": "x" }),
            &[
                "#/channelId field.format",
                "#/colour field.unknown",
                "#/priority field.not_allowed",
                "#/tags/1 field.type",
                "#/title field.required",
            ],
        ),
    ];
    for (body, expected) in table {
        let what = body.to_string();
        let reply = ceo.post("/api/tasks", body).await;
        refused(&what, &reply, 422, "request.invalid");
        assert_eq!(faults(&reply), expected, "{what}");
    }
    let surrogate =
        raw(ceo, &office.messages(), "application/json", r#"{"content":"\ud800"}"#).await;
    refused("surrogate", &surrogate, 422, "request.invalid");
    assert_eq!(faults(&surrogate), ["#/content field.characters"]);

    assert_eq!(office.rows().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_is_answered_as_what_does_not_exist() {
    let office = Office::open().await;
    let Company { bob, ann, .. } = &office.company;
    let before = office.rows().await;
    let nowhere = format!("/api/channels/{NOTHING}/messages");
    let content = json!({ "content": "let me in" });

    let hidden = bob.post(&office.messages(), content.clone()).await;
    let absent = bob.post(&nowhere, content.clone()).await;
    let malformed = bob.post("/api/channels/x/messages", content.clone()).await;
    for (what, reply) in [("hidden", &hidden), ("absent", &absent), ("malformed", &malformed)] {
        refused(what, reply, 404, "resource.not_found");
    }
    let bare = |reply: &Reply| {
        let mut body = reply.body.clone();
        body["requestId"].take();
        body
    };
    assert_eq!(bare(&hidden), bare(&absent));
    for path in [office.task(), format!("/api/tasks/{NOTHING}"), "/api/tasks/x".to_owned()] {
        refused(&path, &bob.get(&path).await, 404, "resource.not_found");
        let edit = json!({ "title": "Mine now", "version": 1 });
        refused(&path, &bob.put(&path, edit).await, 404, "resource.not_found");
    }
    let uninvited = bob.post(&format!("/api/channels/{}/messages", office.public), content).await;
    refused("a public channel one is not in", &uninvited, 403, "channel.not_a_member");

    // In a body, hidden and absent are the same answer too.
    for channel in [office.private.as_str(), NOTHING] {
        let reply = bob.post("/api/tasks", json!({ "title": "a", "channelId": channel })).await;
        refused("a channel in a body", &reply, 422, "request.invalid");
        assert_eq!(faults(&reply).len(), 1, "{}", reply.text);
        assert!(faults(&reply)[0].starts_with("#/channelId "), "{}", reply.text);
    }
    for person in [NOTHING, bob.user_id()] {
        let draft = json!({ "title": "a", "channelId": office.private, "assignedTo": [person] });
        let reply = ann.post("/api/tasks", draft).await;
        refused("an assignee who cannot see it", &reply, 422, "request.invalid");
        assert!(faults(&reply)[0].starts_with("#/assignedTo/0 "), "{}", reply.text);
    }

    assert_eq!(office.rows().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_needs_the_version_that_it_edits() {
    let office = Office::open().await;
    let (ceo, path) = (&office.company.ceo, office.task());
    let before = office.rows().await;
    let with_if_match = |value: &'static str, body: Value| {
        let request = ceo.request(Method::PUT, &path).header("if-match", value).json(&body);
        async move { sayso_testkit::read(request).await.unwrap() }
    };

    let none = ceo.put(&path, json!({ "title": "New" })).await;
    let stale = ceo.put(&path, json!({ "title": "New", "version": 9 })).await;
    let stale_tag = with_if_match("\"9-x\"", json!({ "title": "New" })).await;
    let both = with_if_match("\"1-x\"", json!({ "title": "New", "version": 2 })).await;
    refused("no version", &none, 428, "resource.version_required");
    refused("stale", &stale, 412, "resource.stale_version");
    refused("stale If-Match", &stale_tag, 412, "resource.stale_version");
    refused("both", &both, 400, "request.contradictory_version");
    assert_eq!(stale.body["current"]["title"], "Old title", "{}", stale.text);
    assert_eq!(office.rows().await, before);

    let edited = with_if_match("W/\"1-x\"", json!({ "title": "New" })).await.expect(200);
    assert_eq!(edited["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_without_a_good_token_is_told_so_at_every_door() {
    let office = Office::open().await;
    let nobody = Client::anonymous(office.company.ceo.base());
    let mut forged = office.company.ann.clone();
    forged.login["accessToken"] = json!("not.a.token");
    forged.login["refreshToken"] = json!("nor this");

    for (client, code) in [(&nobody, "auth.token_missing"), (&forged, "auth.token_invalid")] {
        let reply = client.get("/api/tasks").await;
        refused(code, &reply, 401, code);
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error="), "{challenge}");
    }
    let sockets = Sockets::start();
    for transport in ["websocket", "polling"] {
        let transports = &[transport][..];
        let connect = Connect { id: transport, person: &forged, transports, resume: None };
        sockets.connect(&connect);
        let refusal = sockets.until_heard(transport, "connect_error").await;
        assert_eq!(refusal.payload, "auth.token_invalid");
        assert_eq!(sockets.count(transport, "ready"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_and_methods_that_make_no_sense_are_refused() {
    let office = Office::open().await;
    let ceo = &office.company.ceo;

    let unknown = ceo.get("/api/tasks?colour=red&limit=0").await;
    refused("query", &unknown, 422, "request.invalid");
    assert_eq!(faults(&unknown), ["colour field.unknown", "limit field.too_small"]);
    let cursor = ceo.get("/api/tasks?cursor=abc").await;
    assert_eq!(cursor.status.as_u16(), 422, "{}", cursor.text);
    let method = ceo.delete("/api/tasks").await;
    refused("method", &method, 405, "request.method_not_allowed");
    assert!(method.header("allow").is_some_and(|allow| allow.contains("POST")));
    let path = ceo.get("/api/nowhere").await;
    refused("path", &path, 404, "resource.not_found");
}
