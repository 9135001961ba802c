//! The HTTP door of threads.

use axum::extract::State;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Body, Caller, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::MessageId;
use crate::thread;
use crate::view::{ReadThread, ThreadQuery, ThreadReadingView, ThreadView};
use crate::window::Order;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_thread)).routes(routes!(read_thread))
}

/// Get a thread
///
/// The message that began it and its answers, oldest first unless ordered, with
/// how far the caller has read. Any message of the thread names it.
// fixture: GET /api/messages/{message}/thread
#[utoipa::path(get, path = "/api/messages/{id}/thread", operation_id = "get_thread",
    tag = "Messages",
    params(("id" = MessageId, Path, description = "A message of the thread"), ThreadQuery),
    responses((status = 200, body = ThreadView)))]
async fn get_thread(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    Params(query): Params<ThreadQuery>,
) -> Result<Reply, Problem> {
    let order = query.order.map_or(Order::OldestFirst, Order::from);
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let asked = (order, query.cursor.as_deref(), limit);
    let found = thread::read(&mut app.db.read(), &ctx, id, asked).await?;
    Ok(Reply::ok(&ThreadView::of(found)))
}

/// Say how far one has read a thread
///
/// One watermark a person and thread, which only rises: what was read on one
/// device is read on all.
// fixture: POST /api/messages/{message}/thread/read {"messageId": "{message}"}
#[utoipa::path(post, path = "/api/messages/{id}/thread/read", operation_id = "read_thread",
    tag = "Messages",
    params(("id" = MessageId, Path, description = "A message of the thread")),
    request_body = ReadThread, responses((status = 200, body = ThreadReadingView)))]
async fn read_thread(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    key: Key,
    Body(body): Body<ReadThread>,
) -> Result<Reply, Problem> {
    let reader = ctx.require_actor()?.user_id;
    write(&app, &ctx, key, async move |tx, ctx| {
        let reading = thread::mark_read_in(tx, ctx, id, body.message_id).await?;
        Ok(Reply::ok(&ThreadReadingView::of(&reading, reader)))
    })
    .await
}
