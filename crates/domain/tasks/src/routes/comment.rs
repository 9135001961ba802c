//! The HTTP door of what is said about a task.

use axum::extract::State;
use sayso_access::Ctx;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, Params, PathId, PathIds, Problem, Reply,
    required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::comment::{self, CommentId};
use crate::model::TaskId;
use crate::view::{CommentView, CreateComment, ListOfTask, UpdateComment};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_task_comment, list_task_comments))
        .routes(routes!(
            get_task_comment,
            put_task_comment,
            patch_task_comment,
            delete_task_comment
        ))
        .routes(routes!(restore_task_comment))
}

/// Comment on a task
// fixture: POST /api/tasks/{task}/comments {"content": "so"}
#[utoipa::path(post, path = "/api/tasks/{id}/comments", operation_id = "create_task_comment",
    tag = "Tasks", params(("id" = TaskId, Path, description = "The task")),
    request_body = CreateComment, responses((status = 201, body = CommentView)))]
async fn create_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    key: Key,
    Body(body): Body<CreateComment>,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let made = comment::add_in(tx, ctx, id, &body.content).await?;
        let location = format!("/api/tasks/{id}/comments/{}", made.id);
        Ok(Reply::created(&location, &CommentView::of(&made), made.version))
    })
    .await
}

/// List the comments of a task, newest first
// fixture: GET /api/tasks/{task}/comments
#[utoipa::path(get, path = "/api/tasks/{id}/comments", operation_id = "list_task_comments",
    tag = "Tasks", params(("id" = TaskId, Path, description = "The task"), ListOfTask),
    responses((status = 200, body = sayso_web::PageBody<CommentView>)))]
async fn list_task_comments(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    Params(query): Params<ListOfTask>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = comment::list(&mut db, &ctx, id, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|comment| CommentView::of(&comment))))
}

/// Get a comment
// fixture: GET /api/tasks/{task}/comments/{comment}
#[utoipa::path(get, path = "/api/tasks/{id}/comments/{commentId}",
    operation_id = "get_task_comment", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task"),
           ("commentId" = CommentId, Path, description = "The comment")),
    responses((status = 200, body = CommentView)))]
async fn get_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathIds(task, id): PathIds<TaskId, CommentId>,
) -> Result<Reply, Problem> {
    let comment = comment::get(&mut app.db.read(), &ctx, task, id).await?;
    Ok(Reply::resource(&CommentView::of(&comment), comment.version))
}

/// Edit one's own comment
// fixture: PUT /api/tasks/{task}/comments/{comment} {"content": "other", "version": 1}
#[utoipa::path(put, path = "/api/tasks/{id}/comments/{commentId}",
    operation_id = "update_task_comment", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task"),
           ("commentId" = CommentId, Path, description = "The comment")),
    request_body = UpdateComment, responses((status = 200, body = CommentView)))]
async fn put_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    ids: PathIds<TaskId, CommentId>,
    if_match: IfMatch,
    Body(body): Body<UpdateComment>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, ids, if_match, body).await
}

/// Edit one's own comment, as a merge patch
// fixture: PATCH /api/tasks/{task}/comments/{comment} {"content": "other", "version": 1}
#[utoipa::path(patch, path = "/api/tasks/{id}/comments/{commentId}",
    operation_id = "patch_task_comment", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task"),
           ("commentId" = CommentId, Path, description = "The comment")),
    request_body(content((UpdateComment = "application/json"),
                         (UpdateComment = "application/merge-patch+json"))),
    responses((status = 200, body = CommentView)))]
async fn patch_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    ids: PathIds<TaskId, CommentId>,
    if_match: IfMatch,
    Body(body): Body<UpdateComment>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, ids, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    PathIds(task, id): PathIds<TaskId, CommentId>,
    if_match: IfMatch,
    body: UpdateComment,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    write(app, ctx, Key::default(), async move |tx, ctx| {
        let content = body.content.as_deref();
        let edited = comment::edit_in(tx, ctx, (task, id), version, content).await?;
        Ok(Reply::resource(&CommentView::of(&edited), edited.version))
    })
    .await
}

/// Delete a comment
///
/// One's own; a channel's admins also those of others. `If-Match` is honoured
/// where it is sent.
// fixture: DELETE /api/tasks/{task}/comments/{comment}
#[utoipa::path(delete, path = "/api/tasks/{id}/comments/{commentId}",
    operation_id = "delete_task_comment", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task"),
           ("commentId" = CommentId, Path, description = "The comment")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathIds(task, id): PathIds<TaskId, CommentId>,
    IfMatch(version): IfMatch,
) -> Result<Reply, Problem> {
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        comment::delete_in(tx, ctx, (task, id), version).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// Bring a deleted comment back
///
/// One's own, unless somebody who runs the channel removed it; those who run it
/// bring back any.
// fixture: POST /api/tasks/{task}/comments/{gone_comment}/restore
#[utoipa::path(post, path = "/api/tasks/{id}/comments/{commentId}/restore",
    operation_id = "restore_task_comment", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task"),
           ("commentId" = CommentId, Path, description = "The comment")),
    responses((status = 200, body = CommentView)))]
async fn restore_task_comment(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathIds(task, id): PathIds<TaskId, CommentId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let comment = comment::restore_in(tx, ctx, (task, id)).await?;
        Ok(Reply::resource(&CommentView::of(&comment), comment.version))
    })
    .await
}
