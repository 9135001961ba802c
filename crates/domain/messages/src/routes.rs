//! The HTTP door of messages.

use axum::extract::State;
use sayso_channels::ChannelId;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Body, Caller, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::Draft;
use crate::service;
use crate::view::{ListMessages, MessageView, SendMessage};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(send_message, list_messages))
}

/// Send a message
#[utoipa::path(post, path = "/api/channels/{id}/messages", operation_id = "send_message",
    tag = "Messages",
    params(("id" = ChannelId, Path, description = "The channel")),
    request_body = SendMessage,
    responses((status = 201, body = MessageView)))]
async fn send_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(channel): PathId<ChannelId>,
    key: Key,
    Body(body): Body<SendMessage>,
) -> Result<Reply, Problem> {
    let draft = Draft::from(body);
    if key.scoped(&ctx).is_none() {
        return Ok(reply(&service::send(&app.db, &ctx, channel, &draft).await?));
    }
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(reply(&service::send_in(tx, ctx, channel, &draft).await?))
    })
    .await
}

fn reply(message: &crate::Message) -> Reply {
    let location = format!("/api/messages/{}", message.id);
    Reply::created(&location, &MessageView::of(message), message.version)
}

/// List the messages of a channel, newest first
#[utoipa::path(get, path = "/api/channels/{id}/messages", operation_id = "list_messages",
    tag = "Messages",
    params(("id" = ChannelId, Path, description = "The channel"), ListMessages),
    responses((status = 200, body = sayso_web::PageBody<MessageView>)))]
async fn list_messages(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(channel): PathId<ChannelId>,
    Params(query): Params<ListMessages>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = service::list(&mut db, &ctx, channel, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|message| MessageView::of(&message))))
}
