//! The operator's endpoints: is it alive, is it ready, what does it measure.
//!
//! Whether it lives and whether it is ready anybody may ask; the details and
//! the metrics are for whoever is on this machine, and for the CEO and programs
//! that act in a CEO's name (an API token gets here only with `ops.read`).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use sayso_access::Role;
use sayso_cache::{Cache, StatsView};
use sayso_db::Db;
use sayso_events::Hub;
use sayso_kernel::Fault;
use sayso_kernel::fault::FORBIDDEN;
use sayso_redis::Redis;
use sayso_telemetry::MetricsText;
use sayso_web::{AppState, Caller, Connection, Identity, Problem, Reply};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whether this node wants requests. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that this node is going away: the balancer should look elsewhere.
    pub fn drain(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_draining(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the operator's endpoints look at.
#[derive(Clone, Debug)]
pub struct OpsState {
    /// The database.
    pub db: Db,
    /// What this node has applied of the log.
    pub hub: Hub,
    /// What was read and is kept.
    pub cache: Cache,
    /// The way to Redis, where there is one.
    pub redis: Option<Redis>,
    /// Whether this node wants requests.
    pub readiness: Readiness,
    /// What it measures.
    pub metrics: MetricsText,
    /// Whether everybody who gets through to these routes may see everything:
    /// on a port of their own.
    pub is_open: bool,
}

/// The operator's endpoints alone, for a port of their own.
pub fn ops_router(ops: &OpsState, app: AppState) -> axum::Router {
    let ops = OpsState { is_open: true, ..ops.clone() };
    router(ops).with_state(app).split_for_parts().0
}

pub(crate) fn router(ops: OpsState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health_live))
        .routes(routes!(health_ready))
        .routes(routes!(metrics))
        .routes(routes!(cache_stats))
        .with_state(ops)
}

/// Whether the process lives.
#[derive(Serialize, ToSchema)]
struct Live {
    /// `ok`.
    status: &'static str,
}

/// Whether this node can serve.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// `ready`, `degraded` (without Redis: it still wants requests),
    /// `starting`, `draining` or `unavailable`.
    status: &'static str,
    /// What is asked, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

/// What readiness rests on.
#[derive(Serialize, ToSchema)]
struct Checks {
    /// `ok` or `down`.
    database: &'static str,
    /// `ok`, `down` (then the node does without it), or `none`.
    redis: &'static str,
    /// The position of the log that this node has applied.
    position: Option<String>,
}

/// Is the process alive?
// fixture: GET /health/live
#[utoipa::path(get, path = "/health/live", operation_id = "get_liveness", tag = "Operation",
    responses((status = 200, body = Live)), security(()))]
async fn health_live() -> Response {
    axum::Json(Live { status: "ok" }).into_response()
}

/// Does this node want requests?
// fixture: GET /health/ready
#[utoipa::path(get, path = "/health/ready", operation_id = "get_readiness", tag = "Operation",
    responses((status = 200, body = Ready), (status = 503, body = Ready)), security(()))]
async fn health_ready(State(ops): State<OpsState>, asker: Asker) -> Response {
    let is_up = sayso_db::is_up(&ops.db).await;
    let position = ops.hub.applied().map(|position| position.to_string());
    let redis = match &ops.redis {
        None => "none",
        Some(redis) if redis.is_up() => "ok",
        Some(_) => "down",
    };
    let status = if ops.readiness.is_draining() {
        "draining"
    } else if !is_up {
        "unavailable"
    } else if position.is_none() {
        "starting"
    } else if redis == "down" {
        // Slower, and whole: it still wants requests.
        "degraded"
    } else {
        "ready"
    };
    let database = if is_up { "ok" } else { "down" };
    let checks = (ops.is_open || asker.is_operator).then_some(Checks { database, redis, position });
    let is_wanted = matches!(status, "ready" | "degraded");
    let code = if is_wanted { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(Ready { status, checks })).into_response()
}

/// What this node measures, for Prometheus.
// fixture: GET /metrics
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "Operation",
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(ops): State<OpsState>, asker: Asker) -> Result<Response, Problem> {
    if !ops.is_open && !asker.is_operator {
        let how = "Ask from this machine, or with a token for `ops.read`";
        return Err(Fault::new(&FORBIDDEN).detail(how).into());
    }
    ops.cache.publish();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], ops.metrics.render()).into_response())
}

/// What this node keeps of what was read, and what it has saved.
// fixture: GET /api/cache/stats
#[utoipa::path(get, path = "/api/cache/stats", operation_id = "get_cache_stats",
    tag = "Operation", responses((status = 200, body = StatsView)))]
async fn cache_stats(State(ops): State<OpsState>, Caller(ctx): Caller) -> Result<Reply, Problem> {
    if !ops.is_open && ctx.role() != Some(Role::Ceo) {
        return Err(Fault::new(&FORBIDDEN).detail("Ask with a token for `ops.read`").into());
    }
    Ok(Reply::ok(&ops.cache.stats()))
}

/// Who asks.
struct Asker {
    is_operator: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Identity>();
        let is_ceo = matches!(known, Some(Identity::Known(actor)) if actor.role == Role::Ceo);
        let is_local = is_local(parts.extensions.get::<Connection>(), &parts.headers);
        Ok(Self { is_operator: is_ceo || is_local })
    }
}

/// Whether the request comes from this machine and was not passed on by a
/// proxy on it.
fn is_local(connection: Option<&Connection>, headers: &HeaderMap) -> bool {
    let is_loopback = connection.is_some_and(|connection| connection.peer.ip().is_loopback());
    let is_forwarded = headers.contains_key("forwarded") || headers.contains_key("x-forwarded-for");
    is_loopback && !is_forwarded
}
