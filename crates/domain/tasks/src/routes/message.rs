//! The HTTP door of tasks made from messages.

use axum::extract::State;
use sayso_messages::MessageId;
use sayso_web::{AppState, Body, Caller, Key, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::zone;
use crate::message;
use crate::view::{CreateTaskFromMessage, TaskView};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_task_from_message))
}

/// Make a task from a message
///
/// In the message's channel; the message names the task from then on. Without
/// a title it is the first line of the message.
// fixture: POST /api/messages/{message}/task {}
#[utoipa::path(post, path = "/api/messages/{id}/task", operation_id = "create_task_from_message",
    tag = "Tasks", params(("id" = MessageId, Path, description = "The message")),
    request_body = CreateTaskFromMessage, responses((status = 201, body = TaskView)))]
async fn create_task_from_message(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<MessageId>,
    key: Key,
    Body(body): Body<CreateTaskFromMessage>,
) -> Result<Reply, Problem> {
    let (title, draft) = body.into_parts(zone(&ctx))?;
    write(&app, &ctx, key, async move |tx, ctx| {
        let task = message::create_in(tx, ctx, id, title.as_deref(), &draft).await?;
        let location = format!("/api/tasks/{}", task.id);
        Ok(Reply::created(&location, &TaskView::of(&task), task.version))
    })
    .await
}
