//! The URL space on one screen.

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use sayso_auth::{AuthState, Refusals};
use sayso_search::TrashState;
use sayso_users::UserState;
use sayso_web::limits::{self, Limiter};
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
    let unasked = Unasked::of(&document);
    let served = openapi::route(&document).merge(asyncapi::route()).merge(docs::route(&document));
    let routes = routes
        .merge(served)
        .layer(from_fn_with_state(unasked, unasked::refuse))
        .layer(from_fn_with_state(parts.refusals.clone(), sayso_auth::bearer::watch))
        .layer(from_fn_with_state(parts.limiter.clone(), limits::limit))
        .layer(from_fn_with_state(parts.auth.clone(), sayso_auth::identify));
    (routes, document)
}
