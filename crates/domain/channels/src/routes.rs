//! The HTTP door of channels and categories.

mod category;

use axum::extract::State;
use sayso_web::{AppState, Body, Caller, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{ChannelId, MemberChange};
use crate::service;
use crate::view::{ChangeMembers, ChannelView, CreateChannel, ListChannels};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_channel, list_channels))
        .routes(routes!(get_channel))
        .routes(routes!(change_channel_members))
        .merge(category::router())
}

/// Make a channel
///
/// Its maker is its owner. A direct channel between the same people is found
/// instead of made, and answered 200.
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
/// Public ones, and those the caller is a member of; newest first.
#[utoipa::path(get, path = "/api/channels", operation_id = "list_channels", tag = "Channels",
    params(ListChannels),
    responses((status = 200, body = sayso_web::PageBody<ChannelView>)))]
async fn list_channels(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListChannels>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(sayso_kernel::page::LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page =
        service::list(&mut db, &ctx, &query.filter(), query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|(channel, reading)| ChannelView::of(&channel, &reading))))
}

/// Get a channel with its first members
#[utoipa::path(get, path = "/api/channels/{id}", operation_id = "get_channel", tag = "Channels",
    params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = ChannelView)))]
async fn get_channel(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Reply, Problem> {
    let (channel, reading, members) = service::get(&mut app.db.read(), &ctx, id).await?;
    let view = ChannelView::of(&channel, &reading).with_participants(&members, &app.presence);
    Ok(Reply::resource(&view, channel.version))
}

/// Add and remove members
///
/// Adding a member with another role changes it. Anybody adds themselves to a
/// public channel, and removes themselves from any but a direct one.
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
        let reading = service::reading(tx, ctx, id).await?;
        Ok(Reply::resource(&ChannelView::of(&channel, &reading), channel.version))
    })
    .await
}
