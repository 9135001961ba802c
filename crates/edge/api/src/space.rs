//! The URL space on one screen.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use sayso_auth::{AuthState, Refusals};
use sayso_search::TrashState;
use sayso_users::UserState;
use sayso_web::Limiter;
use sayso_web::unasked::{self, Unasked};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::ops::{self, OpsState};
use crate::{asyncapi, docs, events, explain, openapi};

/// What the routes need.
#[derive(Clone)]
pub struct ApiParts {
    /// People and sessions; holds what every route needs.
    pub auth: AuthState,
    /// The operator's endpoints.
    pub ops: OpsState,
    /// Who was refused what.
    pub refusals: Refusals,
    /// How long deleted things are kept.
    pub trash_kept: Duration,
    /// Who has taken how much.
    pub limiter: Limiter,
}

/// All routes behind the check of the bearer token, and their document.
pub fn router(parts: &ApiParts) -> (Router, OpenApi) {
    let app = parts.auth.app.clone();
    let users = UserState { app: app.clone(), hasher: parts.auth.hasher.clone() };
    let trash = TrashState { app: app.clone(), kept: parts.trash_kept };
    let (routes, mut document) = OpenApiRouter::with_openapi(openapi::head())
        .merge(sayso_auth::routes::router(parts.auth.clone()))
        .merge(sayso_users::routes::router(users))
        .merge(sayso_channels::routes::router())
        .merge(sayso_messages::routes::router())
        .merge(sayso_tasks::routes::router())
        .merge(sayso_notifications::routes::router())
        .merge(sayso_search::routes::router())
        .merge(sayso_search::routes::trash_router(trash))
        .merge(explain::router())
        .merge(sayso_audit::routes::router())
        .merge(events::router())
        .merge(ops::router(parts.ops.clone()))
        .with_state(app)
        .split_for_parts();
    openapi::finish(&mut document);
    let way_in = WayIn {
        auth: parts.auth.clone(),
        limiter: parts.limiter.clone(),
        refusals: parts.refusals.clone(),
        unasked: Unasked::of(&document),
    };
    let served = openapi::route(&document).merge(asyncapi::route()).merge(docs::route(&document));
    let routes = routes.merge(served).layer(from_fn_with_state(Arc::new(way_in), come_in));
    (routes, document)
}

/// What a request passes before its route.
struct WayIn {
    auth: AuthState,
    limiter: Limiter,
    refusals: Refusals,
    unasked: Unasked,
}

/// Who asks; who is refused what; how often they may; what their token is for;
/// and what nobody answers. One layer for all of it: each layer copies all those
/// inside of it for every request.
async fn come_in(State(way): State<Arc<WayIn>>, request: Request, next: Next) -> Response {
    let WayIn { auth, limiter, refusals, unasked } = &*way;
    let asked = |request| unasked::refuse(unasked, request, |request| next.run(request));
    sayso_auth::come_in((auth, limiter, refusals), request, asked).await
}
