//! The router that the tests ask, and the way they ask it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as AxumBody, to_bytes};
use axum::extract::State;
use axum::routing::{get, post};
use http::header::HeaderMap;
use http::{Method, Request, StatusCode};
use sayso_access::{Actor, Ctx, Givens, Role, SessionId, UserId};
use sayso_kernel::page::Page;
use sayso_kernel::{Clock, Random, Timestamp};
use sayso_web::forwarded::Proxies;
use sayso_web::stack::{Settings, Sources};
use sayso_web::{
    Anonymous, AppState, Body, Caller, Identity, IfMatch, Key, NoKey, NoQuery, Params, PathId,
    Problem, Reply, required_version, write,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A body with one field of every sort.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thing {
    #[schema(min_length = 1, max_length = 10)]
    title: String,
    #[schema(max_length = 5)]
    note: Option<String>,
    #[schema(max_items = 2)]
    #[serde(default)]
    tags: Vec<Tag>,
    colour: Option<Colour>,
    size: Option<i32>,
    due_date: Option<Timestamp>,
    owner: Option<Uuid>,
    #[schema(max_items = 50)]
    #[serde(default)]
    members: Vec<Member>,
    place: Option<Place>,
    #[schema(min_length = 12, max_length = 20, format = Password)]
    password: Option<String>,
    metadata: Option<serde_json::Map<String, Value>>,
    version: Option<i32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Tag(String);

impl utoipa::PartialSchema for Tag {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let text = utoipa::openapi::ObjectBuilder::new();
        let text = text.schema_type(utoipa::openapi::schema::Type::String);
        text.min_length(Some(1)).max_length(Some(3)).into()
    }
}

impl ToSchema for Tag {}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    DarkBlue,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum Member {
    Id(Uuid),
    WithRole(MemberRole),
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MemberRole {
    user_id: Uuid,
    role: Colour,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
struct Place {
    #[serde(flatten)]
    spot: Spot,
    floor: Option<i32>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
struct Spot {
    #[schema(min_length = 1, max_length = 5)]
    room: String,
}

/// A query with one parameter of every sort.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub struct Filter {
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    #[param(inline)]
    colour: Option<Vec<Colour>>,
    due_from: Option<Timestamp>,
    overdue: Option<bool>,
    #[param(max_length = 5)]
    search: Option<String>,
    owner: Option<Vec<Uuid>>,
}

async fn create(_: Caller, _: NoKey, Body(thing): Body<Thing>) -> Reply {
    Reply::created("/things/1", &thing, 1)
}

async fn change(_: Caller, held: IfMatch, Body(thing): Body<Thing>) -> Result<Reply, Problem> {
    let version = required_version(thing.version, &held)?;
    Ok(Reply::resource(&json!({ "version": version }), version))
}

async fn list(_: Caller, Params(filter): Params<Filter>) -> Reply {
    Reply::page(Page { items: vec![json!(filter)], next_cursor: None })
}

async fn look(_: Caller, PathId(id): PathId<Uuid>, _: Params<NoQuery>) -> Reply {
    Reply::resource(&json!({ "id": id }), 3)
}

async fn who(Anonymous(ctx): Anonymous) -> Reply {
    Reply::secret(&json!({
        "address": ctx.origin.address, "agent": ctx.origin.agent, "secret": "x".repeat(5000),
    }))
}

async fn big() -> Reply {
    Reply::ok(&"x".repeat(5000))
}

/// Shows the key as the database would get it.
async fn keyed(Caller(ctx): Caller, key: Key, Body(_): Body<Value>) -> Reply {
    let key = key.scoped(&ctx);
    Reply::ok(&key.map(|key| (key.scope, key.route, key.key, key.fingerprint)))
}

/// Never run: it holds that a handler that writes compiles.
async fn written(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(thing): Body<Thing>,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |_, ctx| {
        Ok(Reply::created(&format!("/things/{}", ctx.new_id()), &thing, 1))
    })
    .await
}

#[test]
fn a_handler_that_writes_is_a_handler() {
    let _router: Router<AppState> = Router::new().route("/things", post(written));
}

/// The routes, as [`known`] sees them unless a request says otherwise.
pub fn routes() -> Router {
    Router::new()
        .route("/things", get(list).post(create).patch(change).put(change))
        .route("/things/{id}", get(look))
        .route("/who", get(who))
        .route("/big", get(big))
        .route("/keyed/{id}", post(keyed))
        .route("/panic", get(async || -> Reply { panic!("on purpose") }))
        .route("/slow", get(async || std::future::pending::<Reply>().await))
        .route("/held", get(async || Reply::ok(&1)))
        .route("/held/now", get(async || Reply::ok(&1)))
        .route("/held/slow", get(async || std::future::pending::<Reply>().await))
}

pub fn settings() -> Settings {
    Settings {
        body_max: 2000,
        request_timeout: Duration::from_millis(50),
        allowed_origins: vec!["https://app.example".into()],
        held_open: vec!["/held/".into()],
        proxies: Proxies::parse(&["10.0.0.0/8".into()]).expect("a network"),
        ..Settings::default()
    }
}

pub fn sources() -> Sources {
    Sources {
        clock: Clock::manual(Timestamp::UNIX_EPOCH),
        random: Random::seeded(1),
        position: Arc::new(|| Some("e1:42".into())),
    }
}

pub fn known() -> Identity {
    Identity::Known(Actor {
        user_id: UserId(Uuid::from_u128(7)),
        session_id: SessionId(Uuid::from_u128(8)),
        role: Role::Staff,
        time_zone: "UTC".into(),
        givens: Givens::default(),
    })
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The places and codes of everything that is wrong, in order.
    pub fn faults(&self) -> Vec<(String, String)> {
        let body = self.json();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let place = |it: &Value| {
            ["pointer", "parameter", "header"].iter().map(|name| text(&it[*name])).collect()
        };
        errors.iter().map(|it| (place(it), text(&it["code"]))).collect()
    }
}

/// Sends a request through the whole stack.
pub async fn send(request: Request<AxumBody>) -> Answer {
    send_to(&sayso_web::stack::wrap(routes(), &settings(), sources()), request).await
}

/// Sends a request to an app that others are sent to as well.
pub async fn send_to(app: &Router, request: Request<AxumBody>) -> Answer {
    let app = app.clone();
    let response = app.oneshot(request).await.expect("a router does not fail");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the body arrives").to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A request of somebody known.
pub fn request(
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<AxumBody> {
    let mut builder = Request::builder().method(method).uri(uri).extension(known());
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(AxumBody::from(body.to_owned())).expect("the request is well-formed")
}

pub async fn get_with(uri: &str, headers: &[(&str, &str)]) -> Answer {
    send(request(Method::GET, uri, headers, "")).await
}

/// Posts JSON, given as text so that it may be wrong.
pub async fn post_json(uri: &str, body: &str) -> Answer {
    send(request(Method::POST, uri, &[("content-type", "application/json")], body)).await
}

/// Expected faults, as [`Answer::faults`] shows them.
pub fn wanted(faults: &[(&str, &str)]) -> Vec<(String, String)> {
    faults.iter().map(|(place, code)| ((*place).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn the_context_of_the_tests_is_that_of_nobody() {
    let Sources { clock, random, .. } = sources();
    assert!(Ctx::anonymous(sayso_access::Via::Http, clock, random).actor.is_none());
}
