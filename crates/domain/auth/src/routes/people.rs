//! Over HTTP: those who go, and what the caller may do.

use axum::extract::State;
use sayso_access::UserId;
use sayso_kernel::page::Page;
use sayso_users::view::UserView;
use sayso_web::{AppState, Caller, IfMatch, Key, PageBody, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::view::PermissionView;
use crate::{AuthState, people};

/// The routes of those who go.
pub(super) fn router() -> OpenApiRouter<AuthState> {
    OpenApiRouter::default()
        .routes(routes!(deactivate_user))
        .routes(routes!(delete_user))
        .routes(routes!(list_permissions))
}

/// Keeps a person out: all their sessions end.
// fixture: POST /api/users/{person}/deactivate
// fixture: POST! /api/users/{me}/deactivate -- oneself
#[utoipa::path(
    post,
    path = "/api/users/{id}/deactivate",
    operation_id = "deactivate_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = UserView))
)]
async fn deactivate_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    key: Key,
) -> Result<Reply, Problem> {
    let presence = app.presence.clone();
    write(&app, &ctx, key, async move |tx, ctx| {
        let user = people::deactivate_in(tx, ctx, id).await?;
        Ok(Reply::resource(&UserView::of(&user, &presence), user.version))
    })
    .await
}

/// Deletes a person: all their sessions end, the e-mail is free, what they
/// wrote stays. `If-Match` is honoured where it is sent.
// fixture: DELETE /api/users/{person}
#[utoipa::path(
    delete,
    path = "/api/users/{id}",
    operation_id = "delete_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 204, description = "The person is deleted"))
)]
async fn delete_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    IfMatch(version): IfMatch,
) -> Result<Reply, Problem> {
    let presence = app.presence.clone();
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        people::delete_in(tx, ctx, &presence, (id, version)).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// What the caller may do, permission by permission, and why.
// fixture: GET /api/auth/permissions
#[utoipa::path(
    get,
    path = "/api/auth/permissions",
    operation_id = "list_permissions",
    tag = "Auth",
    responses((status = 200, description = "Every permission", body = PageBody<PermissionView>))
)]
async fn list_permissions(Caller(ctx): Caller) -> Result<Reply, Problem> {
    let items = people::permissions(&ctx)?.into_iter().map(PermissionView::of).collect();
    Ok(Reply::page(Page { items, next_cursor: None }))
}
