//! The HTTP door of members: who is in a channel, and what it is to one of
//! them.

use axum::extract::State;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Body, Caller, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::resource;
use crate::model::{ChannelId, MemberChange, Setting};
use crate::service;
use crate::view::{
    ChangeMembers, ChannelView, ListMembers, MemberView, MuteChannel, PresenceBody, ReadChannel,
};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_channel_members, change_channel_members))
        .routes(routes!(get_channel_presence))
        .routes(routes!(join_channel))
        .routes(routes!(leave_channel))
        .routes(routes!(read_channel))
        .routes(routes!(mute_channel))
}

/// List the members of a channel
///
/// In the order in which they came.
// fixture: GET /api/channels/{channel}/members
// fixture: GET /api/channels/{public}/members
#[utoipa::path(get, path = "/api/channels/{id}/members", operation_id = "list_channel_members",
    tag = "Channels",
    params(("id" = ChannelId, Path, description = "The channel"), ListMembers),
    responses((status = 200, body = sayso_web::PageBody<MemberView>)))]
async fn list_channel_members(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    Params(query): Params<ListMembers>,
) -> Result<Reply, Problem> {
    let (roles, cursor) = (query.roles(), query.cursor.as_deref());
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = service::list_members(&mut db, &ctx, id, roles.as_deref(), cursor, limit).await?;
    Ok(Reply::page(page.map(|member| MemberView::of(&member, &app.presence))))
}

/// Add and remove members
///
/// Adding a member with another role changes it. Anybody adds themselves to a
/// public channel, and removes themselves from any but a direct one.
// fixture: POST /api/channels/{channel}/members {"add": ["{person}"]}
// fixture: POST /api/channels/{public}/members {"add": ["{person}"]}
// fixture: POST /api/channels/{led}/members {"add": ["{person}"]}
// fixture: POST /api/channels/{led}/members {"add": [{"userId": "{me}", "role": "owner"}]} -- oneself as its owner
#[utoipa::path(post, path = "/api/channels/{id}/members",
    operation_id = "change_channel_members", tag = "Channels",
    params(("id" = ChannelId, Path, description = "The channel")),
    request_body = ChangeMembers,
    responses((status = 200, body = ChannelView)))]
async fn change_channel_members(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
    Body(body): Body<ChangeMembers>,
) -> Result<Reply, Problem> {
    let change = MemberChange::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        let channel = service::change_members_in(tx, ctx, id, &change).await?;
        Ok(resource(&channel, &service::reading(tx, ctx, id).await?))
    })
    .await
}

/// See which members are here
// fixture: GET /api/channels/{channel}/presence
#[utoipa::path(get, path = "/api/channels/{id}/presence", operation_id = "get_channel_presence",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = PresenceBody)))]
async fn get_channel_presence(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Reply, Problem> {
    let members = service::present(&mut app.db.read(), &ctx, id).await?;
    Ok(Reply::ok(&PresenceBody::of(&members, &app.presence)))
}

/// Join a channel
///
/// Anybody joins a public channel. The CEO also enters a private one, and is
/// then visibly a member.
// fixture: POST /api/channels/{channel}/join
// fixture: POST /api/channels/{public}/join
// fixture: POST /api/channels/{direct}/join
#[utoipa::path(post, path = "/api/channels/{id}/join", operation_id = "join_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = ChannelView)))]
async fn join_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let channel = service::join_in(tx, ctx, id).await?;
        Ok(resource(&channel, &service::reading(tx, ctx, id).await?))
    })
    .await
}

/// Leave a channel
///
/// Any but a direct one; the last owner stays.
// fixture: POST /api/channels/{channel}/leave
#[utoipa::path(post, path = "/api/channels/{id}/leave", operation_id = "leave_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = ChannelView)))]
async fn leave_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let channel = service::leave_in(tx, ctx, id).await?;
        Ok(resource(&channel, &service::reading(tx, ctx, id).await?))
    })
    .await
}

/// Mark a channel as read
///
/// Up to a message and on all devices. The mark moves forward only: an older
/// message changes nothing. Needs no version.
// fixture: POST /api/channels/{channel}/read {"messageId": "{message}"}
#[utoipa::path(post, path = "/api/channels/{id}/read", operation_id = "read_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    request_body = ReadChannel, responses((status = 200, body = ChannelView)))]
async fn read_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
    Body(body): Body<ReadChannel>,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let (channel, reading) = service::read_in(tx, ctx, id, body.message_id).await?;
        Ok(resource(&channel, &reading))
    })
    .await
}

/// Say what to be told of a channel
///
/// A setting of the caller's own; needs no version.
// fixture: POST /api/channels/{channel}/mute {"notificationLevel": "none"}
#[utoipa::path(post, path = "/api/channels/{id}/mute", operation_id = "mute_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    request_body = MuteChannel, responses((status = 200, body = ChannelView)))]
async fn mute_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
    Body(body): Body<MuteChannel>,
) -> Result<Reply, Problem> {
    let setting = Setting::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        let (channel, reading) = service::mute_in(tx, ctx, id, setting.clone()).await?;
        Ok(resource(&channel, &reading))
    })
    .await
}
