//! The HTTP door of messages.

mod change;
mod thread;

use axum::extract::State;
use sayso_channels::ChannelId;
use sayso_web::{AppState, Body, Caller, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{Draft, Message, MessageId};
use crate::service;
use crate::view::{ListMessages, MessagePage, MessageView, SendMessage};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(send_message, list_messages))
        .routes(routes!(get_message))
        .merge(change::router())
        .merge(thread::router())
}

fn resource(message: &Message) -> Reply {
    Reply::resource(&MessageView::of(message), message.version)
}

/// Send a message
///
/// `<@id>` in the text mentions a member of the channel, `@channel` everybody
/// in it; `mentions` names more.
// fixture: POST /api/channels/{channel}/messages {"content": "hello"}
// fixture: POST /api/channels/{public}/messages {"content": "hello"}
// fixture: POST /api/channels/{direct}/messages {"content": "hello"}
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
        return Ok(created(&service::send(&app.db, &ctx, channel, &draft).await?));
    }
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(created(&service::send_in(tx, ctx, channel, &draft).await?))
    })
    .await
}

fn created(message: &Message) -> Reply {
    let location = format!("/api/messages/{}", message.id);
    Reply::created(&location, &MessageView::of(message), message.version)
}

/// List the messages of a channel
///
/// Newest first unless ordered; `around` shows a message with its neighbours.
/// Both cursors lead on, in their direction.
// fixture: GET /api/channels/{channel}/messages
// fixture: GET /api/channels/{public}/messages
// fixture: GET /api/channels/{direct}/messages
#[utoipa::path(get, path = "/api/channels/{id}/messages", operation_id = "list_messages",
    tag = "Messages",
    params(("id" = ChannelId, Path, description = "The channel"), ListMessages),
    responses((status = 200, body = MessagePage)))]
async fn list_messages(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(channel): PathId<ChannelId>,
    Params(query): Params<ListMessages>,
) -> Result<Reply, Problem> {
    let (mut db, asked) = (app.db.read(), query.asked());
    let window = match query.around {
        Some(center) => service::around(&mut db, &ctx, channel, MessageId(center), asked).await?,
        None => service::list(&mut db, &ctx, channel, asked).await?,
    };
    Ok(Reply::ok(&MessagePage::of(window)))
}

/// Get a message
// fixture: GET /api/messages/{message}
#[utoipa::path(get, path = "/api/messages/{id}", operation_id = "get_message", tag = "Messages",
    params(("id" = MessageId, Path, description = "The message")),
    responses((status = 200, body = MessageView)))]
async fn get_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
) -> Result<Reply, Problem> {
    Ok(resource(&service::get(&mut app.db.read(), &ctx, id).await?))
}
