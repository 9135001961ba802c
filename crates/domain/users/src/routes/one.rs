//! One person over HTTP. What ends sessions has its routes in `auth`.

use axum::extract::State;
use http::header::{CACHE_CONTROL, HeaderValue};
use sayso_access::{Ctx, UserId};
use sayso_kernel::page::{LIMIT_DEFAULT, Page};
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, NoKey, PageBody, Params, PathId, Problem, Reply,
    required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{Invitation, KeptGrant, User};
use crate::view::{ChangeGrants, CreatedUserView, GrantView, ListReports, UpdateUser, UserView};
use crate::{UserState, edit, grants, service, standing};

/// The routes of one person.
pub(super) fn router() -> OpenApiRouter<UserState> {
    OpenApiRouter::default()
        .routes(routes!(get_user, put_user, patch_user))
        .routes(routes!(list_reports))
        .routes(routes!(reactivate_user))
        .routes(routes!(restore_user))
        .routes(routes!(invite_user))
        .routes(routes!(list_grants, change_grants))
}

fn resource(app: &AppState, user: &User) -> Reply {
    Reply::resource(&UserView::of(user, &app.presence), user.version)
}

/// One person.
// fixture: GET /api/users/{person}
// fixture: GET /api/users/{olga} -- of the same channel
#[utoipa::path(
    get,
    path = "/api/users/{id}",
    operation_id = "get_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = UserView))
)]
async fn get_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    let user = service::get_kept(&app.cache, &app.db, &ctx, id).await?;
    Ok(resource(&app, &user))
}

/// Edits a person: one's own profile; the CEO anybody's.
///
/// Merges: absent is unchanged, null is cleared.
// fixture: PUT /api/users/{person} {"name": "Other", "version": 1}
#[utoipa::path(
    put,
    path = "/api/users/{id}",
    operation_id = "update_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    request_body = UpdateUser,
    responses((status = 200, description = "The person", body = UserView))
)]
async fn put_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Body(body): Body<UpdateUser>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

/// Edits a person, as a merge patch.
// fixture: PATCH /api/users/{person} {"name": "Other", "version": 1}
// fixture: PATCH /api/users/{person} {"role": "manager", "version": 1} -- their role
// fixture: PATCH! /api/users/{me} {"statusText": "Here", "version": 1} -- oneself
// fixture: PATCH! /api/users/{me} {"role": "ceo", "version": 1} -- one's own role
#[utoipa::path(
    patch,
    path = "/api/users/{id}",
    operation_id = "patch_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    request_body(content((UpdateUser = "application/json"),
                         (UpdateUser = "application/merge-patch+json"))),
    responses((status = 200, description = "The person", body = UserView))
)]
async fn patch_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    Body(body): Body<UpdateUser>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    id: UserId,
    if_match: IfMatch,
    body: UpdateUser,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let (change, state) = (body.into_edit()?, app.clone());
    write(app, ctx, Key::default(), async move |tx, ctx| {
        let at = (id, version);
        let user = edit::update_in(tx, ctx, &state.presence, at, change.clone()).await?;
        Ok(resource(&state, &user))
    })
    .await
}

/// Who reports to a person, by name.
// fixture: GET /api/users/{olga}/reports
#[utoipa::path(
    get,
    path = "/api/users/{id}/reports",
    operation_id = "list_reports",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id"), ListReports),
    responses((status = 200, description = "A page of people", body = PageBody<UserView>))
)]
async fn list_reports(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    Params(query): Params<ListReports>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let of = (id, query.all == Some(true));
    let mut db = app.db.read();
    let page = service::reports(&mut db, &ctx, of, limit, query.cursor.as_deref()).await?;
    Ok(Reply::page(page.map(|user| UserView::of(&user, &app.presence))))
}

/// Lets a person in again who was kept out.
// fixture: POST /api/users/{away}/reactivate
#[utoipa::path(
    post,
    path = "/api/users/{id}/reactivate",
    operation_id = "reactivate_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = UserView))
)]
async fn reactivate_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    key: Key,
) -> Result<Reply, Problem> {
    let state = app.clone();
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&state, &standing::reactivate_in(tx, ctx, id).await?))
    })
    .await
}

/// Brings a deleted person back.
// fixture: POST /api/users/{gone_person}/restore
#[utoipa::path(
    post,
    path = "/api/users/{id}/restore",
    operation_id = "restore_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = UserView))
)]
async fn restore_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    key: Key,
) -> Result<Reply, Problem> {
    let state = app.clone();
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&state, &standing::restore_in(tx, ctx, id).await?))
    })
    .await
}

/// Invites a person again who has no password yet; the invitation before is
/// good no more.
// fixture: POST /api/users/{invited}/invite
#[utoipa::path(
    post,
    path = "/api/users/{id}/invite",
    operation_id = "invite_user",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "The person, and the invitation",
               body = CreatedUserView))
)]
async fn invite_user(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    _: NoKey,
) -> Result<Reply, Problem> {
    let (state, invitation) = (app.clone(), Invitation::new(&ctx));
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        let user = service::invite_in(tx, ctx, id, &invitation).await?;
        let view = CreatedUserView::invited(&user, &invitation, &state.presence);
        let no_store = HeaderValue::from_static("no-store");
        Ok(Reply::resource(&view, user.version).with_header(CACHE_CONTROL, no_store))
    })
    .await
}

/// What a person was granted or denied beside the role.
// fixture: GET /api/users/{ann}/grants
// fixture: GET /api/users/{me}/grants -- one's own
#[utoipa::path(
    get,
    path = "/api/users/{id}/grants",
    operation_id = "list_grants",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    responses((status = 200, description = "What is in force", body = PageBody<GrantView>))
)]
async fn list_grants(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
) -> Result<Reply, Problem> {
    Ok(given(grants::list(&mut app.db.read(), &ctx, id).await?))
}

/// Grants and denies permissions to a person, or takes that back.
// fixture: POST /api/users/{person}/grants {"add": [{"permission": "channel.create", "effect": "grant"}]}
// fixture: POST! /api/users/{me}/grants {"add": [{"permission": "channel.create", "effect": "grant"}]} -- to oneself
#[utoipa::path(
    post,
    path = "/api/users/{id}/grants",
    operation_id = "change_grants",
    tag = "Users",
    params(("id" = UserId, Path, description = "The person's id")),
    request_body = ChangeGrants,
    responses((status = 200, description = "What is in force now", body = PageBody<GrantView>))
)]
async fn change_grants(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<UserId>,
    key: Key,
    Body(body): Body<ChangeGrants>,
) -> Result<Reply, Problem> {
    let change = body.into_change(&ctx)?;
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(given(grants::change_in(tx, ctx, id, &change).await?))
    })
    .await
}

fn given(kept: Vec<KeptGrant>) -> Reply {
    let items = kept.into_iter().map(GrantView::from).collect();
    Reply::page(Page { items, next_cursor: None })
}
