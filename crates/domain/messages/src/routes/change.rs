//! The HTTP door of what changes a message: edits, reactions, the trash.

use axum::extract::State;
use sayso_access::Ctx;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, Params, PathId, PathIds, Problem, Reply,
    required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::resource;
use crate::model::{Edit, MessageId, ReactionChange};
use crate::view::{Emoji, ListOfMessage, MessageView, React, RevisionView, UpdateMessage};
use crate::{edit, reaction, trash};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(put_message, patch_message, delete_message))
        .routes(routes!(restore_message))
        .routes(routes!(list_message_history))
        .routes(routes!(revert_message))
        .routes(routes!(react_to_message))
        .routes(routes!(delete_reaction))
}

/// Update a message
///
/// One's own. Merges: absent is unchanged, null is cleared, arrays are
/// replaced. What it said before is kept in its history.
// fixture: PUT /api/messages/{message} {"content": "other", "version": 1}
// fixture: PUT /api/messages/{others_message} {"content": "other", "version": 1}
#[utoipa::path(put, path = "/api/messages/{id}", operation_id = "update_message",
    tag = "Messages", params(("id" = MessageId, Path, description = "The message")),
    request_body = UpdateMessage, responses((status = 200, body = MessageView)))]
async fn put_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    if_match: IfMatch,
    Body(body): Body<UpdateMessage>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

/// Update a message, as a merge patch
// fixture: PATCH /api/messages/{message} {"content": "other", "version": 1}
// fixture: PATCH /api/messages/{led_message} {"content": "other", "version": 1}
#[utoipa::path(patch, path = "/api/messages/{id}", operation_id = "patch_message",
    tag = "Messages", params(("id" = MessageId, Path, description = "The message")),
    request_body(content((UpdateMessage = "application/json"),
                         (UpdateMessage = "application/merge-patch+json"))),
    responses((status = 200, body = MessageView)))]
async fn patch_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    if_match: IfMatch,
    Body(body): Body<UpdateMessage>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    id: MessageId,
    if_match: IfMatch,
    body: UpdateMessage,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let change = Edit::from(body);
    write(app, ctx, Key::default(), async move |tx, ctx| {
        Ok(resource(&edit::update_in(tx, ctx, id, version, change.clone()).await?))
    })
    .await
}

/// Delete a message
///
/// One's own; admins of the channel delete any. It can be restored; answers to
/// it stay. `If-Match` is honoured where it is sent.
// fixture: DELETE /api/messages/{message}
// fixture: DELETE /api/messages/{others_message}
// fixture: DELETE /api/messages/{led_message}
#[utoipa::path(delete, path = "/api/messages/{id}", operation_id = "delete_message",
    tag = "Messages", params(("id" = MessageId, Path, description = "The message")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    IfMatch(version): IfMatch,
) -> Result<Reply, Problem> {
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        trash::delete_in(tx, ctx, id, version).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// Restore a deleted message
///
/// With its history and reactions.
// fixture: POST /api/messages/{gone_message}/restore
#[utoipa::path(post, path = "/api/messages/{id}/restore", operation_id = "restore_message",
    tag = "Messages", params(("id" = MessageId, Path, description = "The message")),
    responses((status = 200, body = MessageView)))]
async fn restore_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&trash::restore_in(tx, ctx, id).await?))
    })
    .await
}

/// List what a message said before, newest first
// fixture: GET /api/messages/{edited}/history
#[utoipa::path(get, path = "/api/messages/{id}/history", operation_id = "list_message_history",
    tag = "Messages",
    params(("id" = MessageId, Path, description = "The message"), ListOfMessage),
    responses((status = 200, body = sayso_web::PageBody<RevisionView>)))]
async fn list_message_history(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    Params(query): Params<ListOfMessage>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = edit::history(&mut db, &ctx, id, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(RevisionView::of)))
}

/// Have a message say again what it said in a version
///
/// One's own. This is an edit: the text that it replaces is kept as well.
/// `If-Match` is honoured where it is sent.
// fixture: POST /api/messages/{edited}/history/1/restore
#[utoipa::path(post, path = "/api/messages/{id}/history/{version}/restore",
    operation_id = "restore_message_version", tag = "Messages",
    params(("id" = MessageId, Path, description = "The message"),
           ("version" = i32, Path, description = "The version whose text it is")),
    responses((status = 200, body = MessageView)))]
async fn revert_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathIds(id, to): PathIds<MessageId, i32>,
    IfMatch(version): IfMatch,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&edit::revert_in(tx, ctx, id, to, version).await?))
    })
    .await
}

/// React to a message, and take reactions back
///
/// Needs no version: it says what comes and what goes. A message has at most
/// 20 different emojis.
// fixture: POST /api/messages/{message}/reactions {"add": ["🎉"]}
#[utoipa::path(post, path = "/api/messages/{id}/reactions", operation_id = "react_to_message",
    tag = "Messages", params(("id" = MessageId, Path, description = "The message")),
    request_body = React, responses((status = 200, body = MessageView)))]
async fn react_to_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    key: Key,
    Body(body): Body<React>,
) -> Result<Reply, Problem> {
    let change = ReactionChange::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&reaction::react_in(tx, ctx, id, &change).await?))
    })
    .await
}

/// Take a reaction back
///
/// Also 204 where there was none.
// fixture: DELETE /api/messages/{message}/reactions/%F0%9F%8E%89
#[utoipa::path(delete, path = "/api/messages/{id}/reactions/{emoji}",
    operation_id = "delete_reaction", tag = "Messages",
    params(("id" = MessageId, Path, description = "The message"),
           ("emoji" = String, Path, description = "The emoji, percent-encoded")),
    responses((status = 204, description = "The caller no longer reacts with it")))]
async fn delete_reaction(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathIds(id, Emoji(emoji)): PathIds<MessageId, Emoji>,
) -> Result<Reply, Problem> {
    let change = ReactionChange { add: Vec::new(), remove: vec![emoji] };
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        reaction::react_in(tx, ctx, id, &change).await?;
        Ok(Reply::no_content())
    })
    .await
}
