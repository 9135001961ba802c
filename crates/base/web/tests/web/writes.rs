//! Writes under an `Idempotency-Key`, against a real database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body as AxumBody, to_bytes};
use axum::extract::State;
use axum::routing::post;
use http::{Method, StatusCode};
use sayso_events::{Hub, Presence};
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::{Clock, Fault, Random};
use sayso_testkit::TestDatabase;
use sayso_web::stack::{Settings, wrap};
use sayso_web::{AppParts, AppState, Body, Caller, Key, Problem, Reply, write};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::demo::{Answer, request};

/// How often the work of the route ran.
type Runs = Arc<AtomicUsize>;

struct Node {
    app: Router,
    runs: Runs,
    _database: TestDatabase,
}

impl Node {
    async fn start() -> Self {
        let database = TestDatabase::new().await;
        let app = AppState::new(AppParts {
            db: database.db().clone(),
            clock: Clock::System,
            random: Random::from_os(),
            hub: Hub::new(1),
            presence: Presence::default(),
            cache: sayso_cache::Cache::off(),
        });
        let runs = Runs::default();
        let routes =
            Router::new().route("/count", post(count)).with_state((app.clone(), runs.clone()));
        Self { app: wrap(routes, &Settings::default(), app.sources()), runs, _database: database }
    }

    async fn post(&self, key: Option<&str>, body: &str) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let asked = request(Method::POST, "/count", &headers, body);
        let (parts, body) =
            self.app.clone().oneshot(asked).await.expect("a router does not fail").into_parts();
        let body = to_bytes(AxumBody::new(body), usize::MAX).await.expect("the body arrives");
        Answer { status: parts.status, headers: parts.headers, body: body.to_vec() }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

async fn count(
    State((app, runs)): State<(AppState, Runs)>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<Value>,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |_, _| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        if body["refuse"] == true {
            return Err(Fault::new(&NOT_FOUND));
        }
        Ok(Reply::created(&format!("/count/{run}"), &json!({ "run": run }), 1))
    })
    .await
}

#[tokio::test]
async fn a_repeat_under_a_key_is_answered_byte_for_byte_without_running_again() {
    let node = Node::start().await;

    let first = node.post(Some("k"), "{}").await;
    let again = node.post(Some("\"k\""), "{}").await;

    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["location", "etag", "content-type", "cache-control", "vary"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(node.runs(), 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused_and_no_key_runs_every_time() {
    let node = Node::start().await;
    node.post(Some("k"), "{}").await;

    let other = node.post(Some("k"), r#"{"a":1}"#).await;
    node.post(None, "{}").await;
    node.post(None, "{}").await;

    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json()["code"], "idempotency.mismatch");
    assert_eq!(node.runs(), 3);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let node = Node::start().await;

    let first = node.post(Some("k"), r#"{"refuse":true}"#).await;
    let again = node.post(Some("k"), r#"{"refuse":true}"#).await;

    assert_eq!((first.status, again.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    assert_eq!(again.header("idempotent-replayed"), "");
    assert_eq!(node.runs(), 2);
}
