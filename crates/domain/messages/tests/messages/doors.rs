//! Messages over HTTP: statuses, headers, keys and places of faults.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_events::{Hub, Presence};
use sayso_web::stack::{Settings, wrap};
use sayso_web::{AppParts, AppState, Identity};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::company::Company;

/// The routes of messages, each request as the person who makes it.
struct Door {
    company: Company,
    router: Router,
    ann: Actor,
    bob: Actor,
    channel: ChannelId,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Place and code of everything that is wrong.
    fn faults(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = |it: &Value| text(&it["pointer"]) + &text(&it["parameter"]);
        errors.iter().map(|it| format!("{} {}", place(it), text(&it["code"]))).collect()
    }
}

impl Door {
    async fn open() -> Self {
        let company = Company::new().await;
        let app = AppState::new(AppParts {
            db: company.db(),
            clock: company.stage.clock.clone(),
            random: company.stage.random.clone(),
            hub: Hub::new(1),
            presence: Presence::default(),
            cache: sayso_cache::Cache::off(),
        });
        let sources = app.sources();
        let routes = Router::from(sayso_messages::routes::router().with_state(app));
        let router = wrap(routes, &Settings::default(), sources);
        let ann = company.person("ann", Role::Staff).await;
        let bob = company.person("bob", Role::Staff).await;
        let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
        Self { company, router, ann, bob, channel }
    }

    async fn ask(
        &self,
        who: &Actor,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).extension(Identity::Known(who.clone()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("a router does not fail");
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the body arrives");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, who: &Actor, path: &str) -> Answer {
        self.ask(who, Method::GET, path, &[], None).await
    }

    async fn post(&self, who: &Actor, path: &str, body: Value) -> Answer {
        self.ask(who, Method::POST, path, &[], Some(body)).await
    }

    /// Has Ann say something; answers its path.
    async fn say(&self, body: Value) -> String {
        let path = format!("/api/channels/{}/messages", self.channel);
        self.company.stage.advance(std::time::Duration::from_secs(1));
        let sent = self.post(&self.ann, &path, body).await;
        let location = sent.header("location").to_owned();
        let id = sent.expect(201)["id"].clone();
        assert_eq!(
            Some(location.as_str()),
            id.as_str().map(|id| format!("/api/messages/{id}")).as_deref()
        );
        location
    }
}

#[tokio::test]
async fn a_message_is_read_by_its_tag_edited_by_its_version_and_says_so_when_it_is_stale() {
    let door = Door::open().await;
    let path = door.say(json!({ "content": "one", "clientId": "c1" })).await;
    let read = door.get(&door.bob, &path).await;
    let tag = read.header("etag").to_owned();
    let same = door.ask(&door.bob, Method::GET, &path, &[("if-none-match", &tag)], None).await;
    door.post(&door.bob, &format!("{path}/reactions"), json!({ "add": ["👍"] })).await.expect(200);
    let newer = door.ask(&door.bob, Method::GET, &path, &[("if-none-match", &tag)], None).await;
    assert_eq!((same.status, &same.body), (StatusCode::NOT_MODIFIED, &Value::Null));
    assert_eq!(newer.status, StatusCode::OK, "a reaction is something it shows");

    let edit = async |headers: &[(&str, &str)], body: Value| {
        door.ask(&door.ann, Method::PUT, &path, headers, Some(body)).await
    };
    let none = edit(&[], json!({ "content": "two" })).await;
    let both = edit(&[("if-match", "\"1-x\"")], json!({ "content": "two", "version": 2 })).await;
    let edited = edit(&[("if-match", &tag)], json!({ "content": "two" })).await.expect(200);
    let stale = edit(&[], json!({ "content": "three", "version": 1 })).await;
    let foreign = door
        .ask(&door.bob, Method::PATCH, &path, &[], Some(json!({ "content": "mine", "version": 2 })))
        .await;

    assert_eq!(
        (none.status.as_u16(), &none.body["code"]),
        (428, &json!("resource.version_required"))
    );
    assert_eq!(both.body["code"], "request.contradictory_version");
    assert_eq!((&edited["content"], &edited["version"]), (&json!("two"), &json!(2)));
    assert_eq!((stale.status.as_u16(), &stale.body["current"]["content"]), (412, &json!("two")));
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let history = door.get(&door.bob, &format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"][0]["content"], "one");
    let back = format!("{path}/history/1/restore");
    let back = door.ask(&door.ann, Method::POST, &back, &[("if-match", "\"2\"")], None).await;
    assert_eq!(back.expect(200)["content"], "one");
    let lost = door.post(&door.ann, &format!("{path}/history/x/restore"), json!({})).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    door.company.end().await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_all_its_places() {
    let door = Door::open().await;
    let path = door.say(json!({ "content": "one" })).await;
    let channel = format!("/api/channels/{}/messages", door.channel);
    let nobody = "01900000-0000-7000-8000-000000000000";
    let deep = json!({ "a": [[[[[[[[1]]]]]]]] });

    let sent = json!({ "content": " ", "mentions": ["x"], "colour": 1 });
    let sent = door.post(&door.ann, &channel, sent).await;
    let unknown = json!({ "content": "a", "mentions": [nobody], "threadId": nobody });
    let unknown = door.post(&door.ann, &channel, unknown).await;
    let deep = door.post(&door.ann, &channel, json!({ "content": "a", "metadata": deep })).await;
    let long = json!({ "add": ["x".repeat(33), " "], "remove": [7] });
    let long = door.post(&door.ann, &format!("{path}/reactions"), long).await;
    let query = door.get(&door.ann, &format!("{channel}?order=up&around=x&limit=0")).await;
    let both = format!("{channel}?around={}&cursor=abc", &path["/api/messages/".len()..]);
    let both = door.get(&door.ann, &both).await;

    assert_eq!(
        sent.faults(),
        ["#/colour field.unknown", "#/content field.blank", "#/mentions/0 field.format"]
    );
    assert_eq!(unknown.faults(), ["#/mentions/0 user.unknown", "#/threadId message.unknown"]);
    assert_eq!(deep.faults(), ["#/metadata metadata.too_deep"]);
    assert_eq!(
        long.faults(),
        ["#/add/0 field.too_long", "#/add/1 field.blank", "#/remove/0 field.type"]
    );
    assert_eq!(
        query.faults(),
        ["around field.format", "limit field.too_small", "order field.not_allowed"]
    );
    assert_eq!(both.faults(), ["cursor cursor.invalid"]);
    door.company.end().await;
}

#[tokio::test]
async fn each_post_is_done_once_under_its_key() {
    let door = Door::open().await;
    let path = door.say(json!({ "content": "head" })).await;
    let id = path["/api/messages/".len()..].to_owned();
    let channel = format!("/api/channels/{}/messages", door.channel);
    let deletion = door.ask(&door.ann, Method::DELETE, &path, &[], None).await;
    assert_eq!(deletion.status, StatusCode::NO_CONTENT);
    let posts = [
        (format!("{path}/restore"), None),
        (channel, Some(json!({ "content": "answer", "threadId": id }))),
        (format!("{path}/reactions"), Some(json!({ "add": ["👍"] }))),
        (format!("{path}/thread/read"), Some(json!({ "messageId": id }))),
    ];

    for (path, body) in posts {
        let key = [("idempotency-key", "once")];
        let first = door.ask(&door.ann, Method::POST, &path, &key, body.clone()).await;
        let again = door.ask(&door.ann, Method::POST, &path, &key, body).await;

        assert!(first.status.is_success(), "{path}: {}", first.body);
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
        assert_eq!(again.header("idempotent-replayed"), "true", "{path}");
    }
    let kinds = door.company.kinds().await;
    let wanted = [
        "message.sent",
        "message.deleted",
        "message.restored",
        "message.sent",
        "message.thread_changed",
        "message.reacted",
        "thread.read",
    ];
    assert_eq!(kinds, wanted);
    door.company.end().await;
}

#[tokio::test]
async fn lists_threads_and_reactions_have_the_shapes_that_clients_rely_on() {
    let door = Door::open().await;
    let path = door.say(json!({ "content": "head @channel" })).await;
    let id = path["/api/messages/".len()..].to_owned();
    door.say(json!({ "content": "answer", "threadId": id })).await;

    let list = format!("/api/channels/{}/messages", door.channel);
    let page = door.get(&door.bob, &format!("{list}?limit=1&order=asc")).await.expect(200);
    let heads = door.get(&door.bob, &format!("{list}?threads=false")).await.expect(200);
    let around = door.get(&door.bob, &format!("{list}?around={id}&limit=1")).await.expect(200);
    let thread = door.get(&door.bob, &format!("{path}/thread")).await.expect(200);
    let emoji = format!("{path}/reactions/%F0%9F%91%8D");
    door.post(&door.bob, &format!("{path}/reactions"), json!({ "add": ["👍"] })).await.expect(200);
    let taken = door.ask(&door.bob, Method::DELETE, &emoji, &[], None).await;
    let twice = door.ask(&door.bob, Method::DELETE, &emoji, &[], None).await;
    let read = door.get(&door.bob, &path).await.expect(200);

    assert_eq!(page["items"][0]["id"], json!(id));
    assert!(page["nextCursor"].is_string() && page["prevCursor"].is_null());
    assert_eq!(heads["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(around["items"][0]["id"], json!(id));
    assert!(around["prevCursor"].is_string() && around["nextCursor"].is_null());
    assert_eq!((&thread["root"]["id"], &thread["root"]["replyCount"]), (&json!(id), &json!(1)));
    assert_eq!(
        (&thread["items"][0]["content"], &thread["unreadCount"]),
        (&json!("answer"), &json!(1))
    );
    assert!(thread["nextCursor"].is_null() && thread["lastReadMessageId"].is_null());
    assert_eq!((taken.status.as_u16(), twice.status.as_u16()), (204, 204));
    assert_eq!((&read["reactions"], &read["revision"]), (&json!([]), &json!(4)));
    assert_eq!(read["mentionsChannel"], true);
    door.company.end().await;
}
