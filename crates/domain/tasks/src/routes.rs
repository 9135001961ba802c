//! The HTTP door of tasks.

mod comment;
mod message;
mod relation;

use axum::extract::State;
use sayso_access::Ctx;
use sayso_cache::{Entity, Key as Kept, Loaded, Watch, required, seen};
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, Params, PathId, Problem, Reply, required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::assignment::{self, Assignment};
use crate::model::{Task, TaskId};
use crate::view::{AssignTask, BulkTasks, CreateTask, ListTasks, TaskList, TaskView, UpdateTask};
use crate::{bulk, dependency, service};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_task, list_tasks))
        .routes(routes!(get_task, put_task, patch_task))
        .routes(routes!(update_tasks))
        .routes(routes!(assign_task))
        .merge(comment::router())
        .merge(message::router())
        .merge(relation::router())
}

fn resource(task: &Task) -> Reply {
    Reply::resource(&TaskView::of(task), task.version)
}

/// A task with what it depends on and what depends on it.
async fn with_relations(db: &mut impl Queries, ctx: &Ctx, task: &Task) -> Result<Reply, Fault> {
    let relations = dependency::relations(db, ctx, &[task.id]).await?;
    let view = TaskView::of(task).with_relations(relations.get(&task.id));
    Ok(Reply::resource(&view, task.version))
}

/// Where the caller lives: the zone in which a date is a day.
fn zone(ctx: &Ctx) -> &str {
    ctx.actor.as_ref().map_or("UTC", |actor| &actor.time_zone)
}

/// Create a task
// fixture: POST /api/tasks {"title": "Plan"} -- of one's own
// fixture: POST /api/tasks {"title": "Plan", "channelId": "{channel}"} -- in a channel
#[utoipa::path(post, path = "/api/tasks", operation_id = "create_task", tag = "Tasks",
    request_body = CreateTask, responses((status = 201, body = TaskView)))]
async fn create_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<CreateTask>,
) -> Result<Reply, Problem> {
    let draft = body.into_draft(zone(&ctx))?;
    write(&app, &ctx, key, async move |tx, ctx| {
        let task = service::create_in(tx, ctx, &draft).await?;
        let location = format!("/api/tasks/{}", task.id);
        Ok(Reply::created(&location, &TaskView::of(&task), task.version))
    })
    .await
}

/// List tasks
///
/// Those the caller sees, all filters at once; newest first unless sorted.
// fixture: GET /api/tasks
#[utoipa::path(get, path = "/api/tasks", operation_id = "list_tasks", tag = "Tasks",
    params(ListTasks), responses((status = 200, body = sayso_web::PageBody<TaskView>)))]
async fn list_tasks(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListTasks>,
) -> Result<Reply, Problem> {
    let (filter, sort) = (query.filter(zone(&ctx))?, query.order());
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page = service::list(&mut db, &ctx, &filter, sort, query.cursor.as_deref(), limit).await?;
    if query.dependencies != Some(true) {
        return Ok(Reply::page(page.map(|task| TaskView::of(&task))));
    }
    let ids: Vec<TaskId> = page.items.iter().map(|task| task.id).collect();
    let relations = dependency::relations(&mut db, &ctx, &ids).await?;
    Ok(Reply::page(page.map(|task| TaskView::of(&task).with_relations(relations.get(&task.id)))))
}

/// Get a task
// fixture: GET /api/tasks/{task}
// fixture: GET /api/tasks/{loose_task}
// fixture: GET /api/tasks/{others_task}
// fixture: GET /api/tasks/{assigned_task}
#[utoipa::path(get, path = "/api/tasks/{id}", operation_id = "get_task", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task")),
    responses((status = 200, body = TaskView)))]
async fn get_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
) -> Result<Reply, Problem> {
    let key = Kept::of(Entity::Task, id.0).read_by(ctx.require_actor()?.user_id.0);
    let reply = app.cache.get_or_load(key, || load_task(&app, &ctx, id)).await;
    Ok(Reply::clone(&*required(reply)?))
}

/// The answer to one reader: as long as nothing changes that it rests on, it
/// is given again as it is.
async fn load_task(app: &AppState, ctx: &Ctx, id: TaskId) -> Result<Loaded<Reply>, Fault> {
    let mut db = app.db.read();
    let Some(task) = seen(service::get(&mut db, ctx, id).await)? else {
        return Ok(Loaded::nothing());
    };
    let (relations, others) = dependency::relations_of(&mut db, ctx, id).await?;
    let view = TaskView::of(&task).with_relations(Some(&relations));
    let reply = Reply::resource(&view, task.version);
    let bytes = reply.body().len();
    let others = others.into_iter().map(|other| Watch::One(Entity::Task, other.0));
    Ok(Loaded::of(reply, bytes).watching(others))
}

/// Update a task
///
/// Merges: absent is unchanged, null is cleared, arrays are replaced.
// fixture: PUT /api/tasks/{task} {"title": "Other", "version": 1}
#[utoipa::path(put, path = "/api/tasks/{id}", operation_id = "update_task", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task")),
    request_body = UpdateTask, responses((status = 200, body = TaskView)))]
async fn put_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    if_match: IfMatch,
    Body(body): Body<UpdateTask>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

/// Update a task, as a merge patch
// fixture: PATCH /api/tasks/{task} {"title": "Other", "version": 1}
// fixture: PATCH /api/tasks/{loose_task} {"title": "Other", "version": 1}
// fixture: PATCH /api/tasks/{others_task} {"title": "Other", "version": 1}
// fixture: PATCH /api/tasks/{assigned_task} {"title": "Other", "version": 1}
#[utoipa::path(patch, path = "/api/tasks/{id}", operation_id = "patch_task", tag = "Tasks",
    params(("id" = TaskId, Path, description = "The task")),
    request_body(content((UpdateTask = "application/json"),
                         (UpdateTask = "application/merge-patch+json"))),
    responses((status = 200, body = TaskView)))]
async fn patch_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    if_match: IfMatch,
    Body(body): Body<UpdateTask>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    id: TaskId,
    if_match: IfMatch,
    body: UpdateTask,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let edit = body.into_edit(zone(ctx))?;
    write(app, ctx, Key::default(), async move |tx, ctx| {
        Ok(resource(&service::update_in(tx, ctx, id, version, edit.clone()).await?))
    })
    .await
}

/// Update many tasks
///
/// All of them or none, as one commit, in the order given. What is wrong with
/// any of them is answered at once, each at `#/items/<n>/…`; 412 shows the first
/// stale task in `current`.
// fixture: POST /api/tasks/bulk {"items": [{"id": "{task}", "version": 1, "title": "Other"}]}
#[utoipa::path(post, path = "/api/tasks/bulk", operation_id = "update_tasks", tag = "Tasks",
    request_body = BulkTasks, responses((status = 200, body = TaskList)))]
async fn update_tasks(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<BulkTasks>,
) -> Result<Reply, Problem> {
    let items = body.into_items(zone(&ctx))?;
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(Reply::ok(&TaskList::of(&bulk::update_in(tx, ctx, &items).await?)))
    })
    .await
}

/// Assign and unassign people
///
/// Needs no version: it says who comes and who goes.
// fixture: POST /api/tasks/{task}/assign {"assign": ["{olga}"]}
// fixture: POST /api/tasks/{loose_task}/assign {"assign": ["{olga}"]}
#[utoipa::path(post, path = "/api/tasks/{id}/assign", operation_id = "assign_task",
    tag = "Tasks", params(("id" = TaskId, Path, description = "The task")),
    request_body = AssignTask, responses((status = 200, body = TaskView)))]
async fn assign_task(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<TaskId>,
    key: Key,
    Body(body): Body<AssignTask>,
) -> Result<Reply, Problem> {
    let change = Assignment::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&assignment::assign_in(tx, ctx, id, &change).await?))
    })
    .await
}
