//! The HTTP door of channels and categories.

mod category;
mod member;

use axum::extract::State;
use sayso_access::Ctx;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, Params, PathId, Problem, Reply, required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{Channel, ChannelId, Edit, Reading};
use crate::service;
use crate::view::{ChannelView, CreateChannel, ListChannels, UpdateChannel};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_channel, list_channels))
        .routes(routes!(get_channel, put_channel, patch_channel, delete_channel))
        .routes(routes!(restore_channel))
        .merge(member::router())
        .merge(category::router())
}

fn resource(channel: &Channel, reading: &Reading) -> Reply {
    Reply::resource(&ChannelView::of(channel, reading), channel.version)
}

/// Make a channel
///
/// Its maker is its owner. A direct channel between the same people is found
/// instead of made, and answered 200.
// fixture: POST /api/channels {"name": "{word}"} -- public
// fixture: POST /api/channels {"name": "{word}", "kind": "private"} -- private
// fixture: POST /api/channels {"kind": "direct", "members": ["{olga}"]} -- direct
#[utoipa::path(post, path = "/api/channels", operation_id = "create_channel", tag = "Channels",
    request_body = CreateChannel,
    responses((status = 201, body = ChannelView), (status = 200, body = ChannelView)))]
async fn create_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<CreateChannel>,
) -> Result<Reply, Problem> {
    let draft = body.into_draft()?;
    write(&app, &ctx, key, async move |tx, ctx| {
        let made = service::create_in(tx, ctx, &draft).await?;
        let (channel, reading) = service::visible(tx, ctx, made.channel.id).await?;
        let view = ChannelView::of(&channel, &reading);
        if made.existed {
            return Ok(Reply::resource(&view, channel.version));
        }
        Ok(Reply::created(&format!("/api/channels/{}", channel.id), &view, channel.version))
    })
    .await
}

/// List channels
///
/// Public ones, and those the caller is a member of, all filters at once;
/// newest first unless sorted.
// fixture: GET /api/channels
#[utoipa::path(get, path = "/api/channels", operation_id = "list_channels", tag = "Channels",
    params(ListChannels),
    responses((status = 200, body = sayso_web::PageBody<ChannelView>)))]
async fn list_channels(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListChannels>,
) -> Result<Reply, Problem> {
    let (filter, sort) = (query.filter(), query.order());
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = service::list(&mut db, &ctx, &filter, sort, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|(channel, reading)| ChannelView::of(&channel, &reading))))
}

/// Get a channel with its first members
// fixture: GET /api/channels/{channel}
// fixture: GET /api/channels/{public}
// fixture: GET /api/channels/{direct}
#[utoipa::path(get, path = "/api/channels/{id}", operation_id = "get_channel", tag = "Channels",
    params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = ChannelView)))]
async fn get_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Reply, Problem> {
    let shown = service::get_kept(&app.cache, &app.db, &ctx, id).await?;
    let (channel, reading, members) = &*shown;
    let view = ChannelView::of(channel, reading).with_participants(members, &app.presence);
    Ok(Reply::resource(&view, channel.version))
}

/// Update or archive a channel
///
/// Merges: absent is unchanged, null is cleared.
// fixture: PUT /api/channels/{channel} {"description": "d", "version": 1}
// fixture: PUT /api/channels/{led} {"description": "d", "version": 1}
#[utoipa::path(put, path = "/api/channels/{id}", operation_id = "update_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    request_body = UpdateChannel, responses((status = 200, body = ChannelView)))]
async fn put_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    if_match: IfMatch,
    Body(body): Body<UpdateChannel>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

/// Update or archive a channel, as a merge patch
// fixture: PATCH /api/channels/{channel} {"description": "d", "version": 1}
// fixture: PATCH /api/channels/{public} {"description": "d", "version": 1}
// fixture: PATCH /api/channels/{led} {"description": "d", "version": 1}
#[utoipa::path(patch, path = "/api/channels/{id}", operation_id = "patch_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    request_body(content((UpdateChannel = "application/json"),
                         (UpdateChannel = "application/merge-patch+json"))),
    responses((status = 200, body = ChannelView)))]
async fn patch_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    if_match: IfMatch,
    Body(body): Body<UpdateChannel>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    id: ChannelId,
    if_match: IfMatch,
    body: UpdateChannel,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let edit = Edit::from(body);
    write(app, ctx, Key::default(), async move |tx, ctx| {
        let channel = service::update_in(tx, ctx, id, version, edit.clone()).await?;
        Ok(resource(&channel, &service::reading(tx, ctx, id).await?))
    })
    .await
}

/// Delete a channel
///
/// With what stands in it; it can be restored. `If-Match` is honoured where it
/// is sent.
// fixture: DELETE /api/channels/{channel}
// fixture: DELETE /api/channels/{public}
// fixture: DELETE /api/channels/{led}
#[utoipa::path(delete, path = "/api/channels/{id}", operation_id = "delete_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    IfMatch(version): IfMatch,
) -> Result<Reply, Problem> {
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        service::delete_in(tx, ctx, id, version).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// Restore a deleted channel
///
/// With its members and what stands in it.
// fixture: POST /api/channels/{gone_channel}/restore
#[utoipa::path(post, path = "/api/channels/{id}/restore", operation_id = "restore_channel",
    tag = "Channels", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = ChannelView)))]
async fn restore_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let channel = service::restore_in(tx, ctx, id).await?;
        Ok(resource(&channel, &service::reading(tx, ctx, id).await?))
    })
    .await
}
