//! The HTTP door of what belongs to a task: relations, history, and the trash.

use axum::extract::State;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{AppState, Body, Caller, IfMatch, Key, Params, PathId, Problem, Reply, write};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::with_relations;
use crate::dependency::{self, DependencyChange};
use crate::model::TaskId;
use crate::view::{ChangeDependencies, EntryView, ListOfTask, TaskView};
use crate::{history, trash};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(change_task_dependencies))
        .routes(routes!(list_task_history))
        .routes(routes!(delete_task))
        .routes(routes!(restore_task))
}

/// Add and remove what a task depends on
///
/// `taskId` is what this task depends on: with `blocks` it must be finished
/// before this one. A circle is refused with 409 and the way round in
/// `current.path`. Needs no version.
// fixture: POST /api/tasks/{task}/dependencies {"add": [{"taskId": "{loose_task}"}]}
#[utoipa::path(post, path = "/api/tasks/{id}/dependencies",
    operation_id = "change_task_dependencies", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task")),
    request_body = ChangeDependencies, responses((status = 200, body = TaskView)))]
async fn change_task_dependencies(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    key: Key,
    Body(body): Body<ChangeDependencies>,
) -> Result<Reply, Problem> {
    let change = DependencyChange::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        let task = dependency::change_in(tx, ctx, id, &change).await?;
        with_relations(tx, ctx, &task).await
    })
    .await
}

/// List what was changed in a task, newest first
// fixture: GET /api/tasks/{task}/history
#[utoipa::path(get, path = "/api/tasks/{id}/history", operation_id = "list_task_history",
    tag = "Tasks", params(("id" = TaskId, Path, description = "The task"), ListOfTask),
    responses((status = 200, body = sayso_web::PageBody<EntryView>)))]
async fn list_task_history(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    Params(query): Params<ListOfTask>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = history::list(&mut db, &ctx, id, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(EntryView::of)))
}

/// Delete a task
///
/// It can be restored. `If-Match` is honoured where it is sent.
// fixture: DELETE /api/tasks/{task}
// fixture: DELETE /api/tasks/{loose_task}
// fixture: DELETE /api/tasks/{others_task}
// fixture: DELETE /api/tasks/{assigned_task}
#[utoipa::path(delete, path = "/api/tasks/{id}", operation_id = "delete_task", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    IfMatch(version): IfMatch,
) -> Result<Reply, Problem> {
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        trash::delete_in(tx, ctx, id, version).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// Restore a deleted task
///
/// With its assignees, comments, history and relations.
// fixture: POST /api/tasks/{gone_task}/restore
#[utoipa::path(post, path = "/api/tasks/{id}/restore", operation_id = "restore_task",
    tag = "Tasks", params(("id" = TaskId, Path, description = "The task")),
    responses((status = 200, body = TaskView)))]
async fn restore_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let task = trash::restore_in(tx, ctx, id).await?;
        with_relations(tx, ctx, &task).await
    })
    .await
}
