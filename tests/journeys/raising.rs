//! Nobody raises themselves: what a member of the staff sends along with what is
//! theirs to send is refused at the real server, changes nothing, and stands in
//! the audit where it was a matter of rights.

use reqwest::Method;
use sayso_db::tokio_postgres;
use sayso_testkit::{Client, Connect, ProcessSetup, Reply, Sockets, TestDatabase, read, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD, open_channel};
use crate::wire::PROMPTLY;

/// When somebody was last seen is nobody's edit.
const PEOPLE: &str =
    "SELECT jsonb_agg(to_jsonb(u) - 'last_active_at' ORDER BY id)::text FROM users u";
const GIVEN: &str = "SELECT count(*)::text FROM user_grants";
const WORK: &str = "SELECT (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM tasks t)::text
                        || (SELECT jsonb_agg(to_jsonb(m) ORDER BY id) FROM messages m)::text";

/// Names under which something that raises might be taken, and names of what is
/// the server's to say.
const FOREIGN: &str = "passwordHash password_hash password isActive active isAdmin permissions \
    grants id createdAt updatedAt deletedAt lastActiveAt presence revision manager_id Role \
    __proto__ user";
/// Versions that come with a role, what `If-Match` says, and what is answered: a
/// version that is none, none at all, two that differ. An old one is no better
/// than the present one: the role is not theirs with any.
const VERSIONS: [(&str, Option<&str>, u16); 11] = [
    ("0", None, 422),
    ("-1", None, 422),
    ("\"1\"", None, 422),
    ("1.5", None, 422),
    ("2147483648", None, 422),
    ("7", None, 403),
    ("null", None, 428),
    ("2", Some("\"1-x\""), 400),
    ("null", Some("*"), 428),
    ("null", Some("\"7-x\""), 403),
    ("null", Some("\"1-x\""), 403),
];
const ROUTE: &str = "/api/users/{id}";

/// What the database holds.
struct Rows(tokio_postgres::Client);

impl Rows {
    async fn of(database: &TestDatabase) -> Self {
        Self(database.owner().await)
    }

    async fn read(&self, sql: &str) -> String {
        self.0.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// A person as the CEO reads them, but for what they are doing now.
async fn seen(ceo: &Client, path: &str) -> Value {
    let mut person = ceo.get(path).await.expect(200);
    for moment in ["presence", "lastActiveAt"] {
        person.as_object_mut().unwrap().remove(moment);
    }
    person
}

fn places(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().filter_map(|error| error["pointer"].as_str()).collect()
}

/// The three ways in which a profile is edited.
async fn edits(who: &Client, path: &str, body: &Value) -> [Reply; 3] {
    let json = "application/json";
    let ways = [
        (Method::PATCH, json),
        (Method::PATCH, "application/merge-patch+json"),
        (Method::PUT, json),
    ];
    let sent = ways.map(async |(method, media)| {
        let request = who.request(method, path).header("content-type", media);
        read(request.body(body.to_string())).await.unwrap()
    });
    futures_util::future::join_all(sent).await.try_into().unwrap()
}

/// How often the audit has it that the person was refused this.
async fn noted(ceo: &Client, person: &Client, (method, route, status): (&str, &str, u64)) -> u64 {
    let page = ceo.get("/api/audit?action=access.refused&limit=100").await.expect(200);
    let entries = page["items"].as_array().unwrap().iter();
    let mine = entries.filter(|entry| {
        let details = &entry["details"];
        entry["actorId"] == person.user_id()
            && (&details["method"], &details["route"]) == (&json!(method), &json!(route))
            && details["status"] == status
    });
    mine.map(|entry| entry["details"]["count"].as_u64().unwrap_or(1)).sum()
}

/// A member of the staff, and what there is of them and of everybody.
struct Scene {
    company: Company,
    own: String,
    rows: Rows,
}

impl Scene {
    async fn set(database: &TestDatabase) -> Self {
        let company = Company::found(ProcessSetup::on(database)).await;
        let own = format!("/api/users/{}", company.ann.user_id());
        Self { company, own, rows: Rows::of(database).await }
    }

    /// In the tables, and as the CEO reads it.
    async fn all(&self) -> (String, String, Value) {
        let person = seen(&self.company.ceo, &self.own).await;
        (self.rows.read(PEOPLE).await, self.rows.read(GIVEN).await, person)
    }

    /// What a person may not set is named, and what they may is not set along
    /// with it. How many refusals that were, in each of the three ways.
    async fn what_is_not_theirs(&self) -> u64 {
        let Company { ceo, manager, ann, bob, .. } = &self.company;
        let (own, others) = (&self.own, &format!("/api/users/{}", bob.user_id()));
        let table = [
            (own, "role", json!("ceo")),
            (own, "role", json!("manager")),
            (own, "managerId", json!(null)),
            (own, "managerId", json!(manager.user_id())),
            (own, "managerId", json!(ceo.user_id())),
            (own, "email", json!("ceo2@example.com")),
            (others, "role", json!("ceo")),
            (others, "name", json!("Not Bob")),
        ];
        for (path, field, value) in &table {
            let body = json!({ "version": 1, "statusText": "mine to say", *field: value });
            for reply in edits(ann, path, &body).await {
                let told = (reply.status.as_u16(), reply.code());
                assert_eq!(told, (403, "access.forbidden"), "{body}");
                let place = format!("#/{field}");
                assert!(places(&reply.body).contains(&&*place), "{body}: {}", reply.text);
            }
        }
        table.len().try_into().unwrap()
    }

    async fn what_is_nobodys(&self) {
        let ann = &self.company.ann;
        for field in FOREIGN.split_whitespace() {
            for value in [json!("ceo"), json!(true), json!({ "role": "ceo" })] {
                let body = json!({ "version": 1, "statusText": "mine to say", field: value });
                for reply in edits(ann, &self.own, &body).await {
                    assert_eq!(reply.status.as_u16(), 422, "{body}: {}", reply.text);
                    assert_eq!(places(&reply.body), [format!("#/{field}")], "{body}");
                }
            }
        }
        let twice = "{\"version\":1,\"role\":\"staff\",\"role\":\"ceo\"}";
        let request = ann.request(Method::PATCH, &self.own).body(twice);
        let request = request.header("content-type", "application/json");
        read(request).await.unwrap().expect(400);
        let body = json!({ "version": 1, "statusText": "mine to say" });
        for reply in edits(ann, &format!("{}?role=ceo", self.own), &body).await {
            reply.expect(422);
        }
        let login = json!({ "email": "ann@example.com", "password": PASSWORD, "role": "ceo" });
        ann.post("/api/auth/login", login).await.expect(422);
        let pair = json!({ "refreshToken": ann.login["refreshToken"], "role": "ceo" });
        ann.post("/api/auth/refresh", pair).await.expect(422);
    }

    /// No version makes a role one's own to set. How many of these were a matter
    /// of rights.
    async fn with_whatever_version(&self) -> u64 {
        let ann = &self.company.ann;
        for (version, tag, status) in VERSIONS {
            let mut body = json!({ "role": "ceo" });
            let version: Value = serde_json::from_str(version).unwrap();
            if !version.is_null() {
                body["version"] = version;
            }
            let mut request = ann.request(Method::PATCH, &self.own).json(&body);
            if let Some(tag) = tag {
                request = request.header("if-match", tag);
            }
            let reply = read(request).await.unwrap();
            assert_eq!(reply.status.as_u16(), status, "{tag:?} {body}: {}", reply.text);
        }
        let of_rights = VERSIONS.iter().filter(|(.., status)| *status == 403).count();
        of_rights.try_into().unwrap()
    }

    /// Nobody is called "me" here, and there is no other way up.
    async fn another_way(&self) {
        let (ann, bob) = (&self.company.ann, &self.company.bob);
        for reply in edits(ann, "/api/users/me", &json!({ "version": 1, "role": "ceo" })).await {
            reply.expect(404);
        }
        let grant = json!({ "add": [{ "permission": "user.create", "effect": "grant" }] });
        ann.post(&format!("{}/grants", self.own), grant).await.expect(403);
        let friend = json!({ "email": "eve@example.com", "name": "Eve", "role": "ceo" });
        ann.post("/api/users", friend).await.expect(403);
        let path = format!("/api/users/{}/deactivate", bob.user_id());
        ann.post(&path, json!({})).await.expect(403);
    }

    async fn stands_in_the_audit(&self, refusals: &[(&str, &str, u64, u64)]) {
        let Company { ceo, ann, .. } = &self.company;
        for (method, route, status, times) in refusals {
            let mut found = 0;
            let what = format!("{times} times {status} of {method} {route} in the audit");
            until(&what, PROMPTLY, async || {
                found = noted(ceo, ann, (method, route, *status)).await;
                (found >= *times).then_some(())
            })
            .await;
            assert_eq!(found, *times, "{status} of {method} {route}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_takes_from_its_person_what_is_theirs_and_nothing_that_raises_them() {
    let database = TestDatabase::new().await;
    let scene = Scene::set(&database).await;
    let Company { ceo, ann, .. } = &scene.company;
    let before = scene.all().await;

    let refused = scene.what_is_not_theirs().await;
    scene.what_is_nobodys().await;
    let refused_by_version = scene.with_whatever_version().await;
    scene.another_way().await;

    assert_eq!(scene.all().await, before);
    for who in [ann, &Client::login(ann.base(), "ann@example.com", PASSWORD).await] {
        assert_eq!(who.get("/api/auth/me").await.expect(200)["role"], "staff");
        who.get("/api/audit").await.expect(403);
    }
    let refusals = [
        ("PATCH", ROUTE, 403, 2 * refused + refused_by_version),
        ("PUT", ROUTE, 403, refused),
        ("PATCH", ROUTE, 404, 2),
        ("PUT", ROUTE, 404, 1),
        ("POST", "/api/users/{id}/grants", 403, 1),
        ("POST", "/api/users", 403, 1),
        ("POST", "/api/users/{id}/deactivate", 403, 1),
    ];
    scene.stands_in_the_audit(&refusals).await;
    let edited = ceo.get("/api/audit?action=user.updated").await.expect(200);
    assert_eq!(edited["items"], json!([]));

    // What is theirs is taken by itself.
    ann.put(&scene.own, json!({ "version": 1, "statusText": "mine to say" })).await.expect(200);
    assert_ne!(scene.all().await, before);
}

/// An event, what is a client's to send with it, and what is not.
type Sent = (&'static str, Value, &'static str);

/// The events that carry anything, with what is in the channel: a message of
/// the CEO's, a message and a task of Ann's.
fn sent(channel: &str, [foreign, own, task]: [&Value; 3]) -> [Sent; 8] {
    [
        (
            "task.update",
            json!({ "taskId": task["id"], "version": 1, "title": "Planks" }),
            "createdBy completedAt createdAt updatedAt deletedAt blocked messageId id revision \
             actorId role",
        ),
        (
            "task.create",
            json!({ "title": "Nails", "channelId": channel }),
            "createdBy completedAt createdAt status messageId id version revision actorId",
        ),
        (
            "message.send",
            json!({ "channelId": channel, "content": "Said by Ann" }),
            "senderId userId taskId editedAt createdAt id reactions version revision actorId",
        ),
        (
            "message.edit",
            json!({ "messageId": own["id"], "version": 1, "content": "Said anew" }),
            "senderId channelId threadId taskId editedAt createdAt revision actorId",
        ),
        (
            "channel.read",
            json!({ "channelId": channel, "messageId": foreign["id"] }),
            "userId actorId lastReadMessageId unreadCount",
        ),
        ("presence.set", json!({ "status": "busy" }), "userId actorId lastActiveAt"),
        ("typing.start", json!({ "channelId": channel }), "userId actorId"),
        ("events.ack", json!({ "position": 0 }), "sessionId userId epoch"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_socket_nobody_says_what_is_the_servers_to_say() {
    let database = TestDatabase::new().await;
    let scene = Scene::set(&database).await;
    let Company { ceo, ann, .. } = &scene.company;
    let channel = open_channel(ceo, "board", &[ann]).await;
    let talk = format!("/api/channels/{channel}/messages");
    let foreign = ceo.post(&talk, json!({ "content": "The CEO's" })).await.expect(201);
    let own = ann.post(&talk, json!({ "content": "Ann's" })).await.expect(201);
    let task = json!({ "title": "Boards", "channelId": channel });
    let task = ann.post("/api/tasks", task).await.expect(201);
    let secret = ceo.post("/api/tasks", json!({ "title": "Raise" })).await.expect(201);
    let sockets = Sockets::start();
    let connect = Connect { id: "ann", person: ann, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;
    let before = scene.rows.read(WORK).await;

    let all = sent(&channel, [&foreign, &own, &task]);
    for (event, good, fields) in &all {
        for field in fields.split_whitespace() {
            let mut data = good.clone();
            data[field] = json!(ceo.user_id());
            let answer = sockets.emit("ann", event, &data).await;
            assert_eq!(answer["error"]["status"], 422, "{event} with {field}: {answer}");
            assert_eq!(places(&answer["error"]), [format!("#/{field}")], "{event}: {answer}");
        }
    }
    // What is somebody else's is a matter of rights.
    let edit = json!({ "messageId": foreign["id"], "version": 1, "content": "Ann's now" });
    let take = json!({ "taskId": secret["id"], "version": 1, "assignedTo": [ann.user_id()] });
    for (event, data, status) in [("message.edit", &edit, 403), ("task.update", &take, 404)] {
        let answer = sockets.emit("ann", event, data).await;
        assert_eq!(answer["error"]["status"], status, "{event}: {answer}");
        scene.stands_in_the_audit(&[("SOCKET", event, status, 1)]).await;
    }
    assert_eq!(scene.rows.read(WORK).await, before);

    // By itself each of them is taken.
    for (event, good, _) in &all {
        let answer = sockets.emit("ann", event, good).await;
        assert_eq!(answer["ok"], true, "{event}: {answer}");
    }
    assert_ne!(scene.rows.read(WORK).await, before);
}
