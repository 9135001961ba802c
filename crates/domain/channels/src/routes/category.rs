//! The HTTP door of categories.

use axum::extract::State;
use sayso_access::Ctx;
use sayso_cache::{Entity, Key as Kept, Loaded, required, seen};
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, KEPT_REPLY, Key, Params, PathId, Problem, Reply,
    required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::category::{self, Category, CategoryDraft, CategoryEdit, CategoryId};
use crate::view::{CategoryView, CreateCategory, ListCategories, UpdateCategory};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_category, list_categories))
        .routes(routes!(get_category, put_category, patch_category, delete_category))
        .routes(routes!(restore_category))
}

fn resource(category: &Category) -> Reply {
    Reply::resource(&CategoryView::of(category), category.version)
}

/// Make a category
// fixture: POST /api/categories {"name": "{word}", "kind": "task"}
#[utoipa::path(post, path = "/api/categories", operation_id = "create_category",
    tag = "Categories", request_body = CreateCategory,
    responses((status = 201, body = CategoryView)))]
async fn create_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<CreateCategory>,
) -> Result<Reply, Problem> {
    let draft = CategoryDraft::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        let made = category::create_in(tx, ctx, &draft).await?;
        let location = format!("/api/categories/{}", made.id);
        Ok(Reply::created(&location, &CategoryView::of(&made), made.version))
    })
    .await
}

/// List categories
///
/// By name; a tree is put together from `parentId`.
// fixture: GET /api/categories
#[utoipa::path(get, path = "/api/categories", operation_id = "list_categories",
    tag = "Categories", params(ListCategories),
    responses((status = 200, body = sayso_web::PageBody<CategoryView>)))]
async fn list_categories(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListCategories>,
) -> Result<Reply, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    let mut db = app.db.read();
    let page =
        category::list(&mut db, &ctx, &query.filter(), query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|category| CategoryView::of(&category))))
}

/// Get a category
// fixture: GET /api/categories/{category}
#[utoipa::path(get, path = "/api/categories/{id}", operation_id = "get_category",
    tag = "Categories", params(("id" = CategoryId, Path, description = "The category")),
    responses((status = 200, body = CategoryView)))]
async fn get_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<CategoryId>,
) -> Result<Reply, Problem> {
    let load = async || {
        let found = seen(category::get(&mut app.db.read(), &ctx, id).await)?;
        let reply = found.map(|category| resource(&category));
        Ok(Loaded::perhaps(reply, |reply| reply.body().len()))
    };
    // Everybody who is somebody sees every category.
    let key = Kept::of(Entity::Category, id.0);
    let reply = app.cache.get_or_load_shared(key, (&KEPT_REPLY, &[]), load).await;
    Ok(Reply::clone(&*required(reply)?))
}

/// Update or move a category
///
/// Merges: absent is unchanged, null is cleared.
// fixture: PUT /api/categories/{category} {"name": "{word}", "version": 1}
#[utoipa::path(put, path = "/api/categories/{id}", operation_id = "update_category",
    tag = "Categories", params(("id" = CategoryId, Path, description = "The category")),
    request_body = UpdateCategory, responses((status = 200, body = CategoryView)))]
async fn put_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<CategoryId>,
    if_match: IfMatch,
    Body(body): Body<UpdateCategory>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

/// Update or move a category, as a merge patch
// fixture: PATCH /api/categories/{category} {"name": "{word}", "version": 1}
#[utoipa::path(patch, path = "/api/categories/{id}", operation_id = "patch_category",
    tag = "Categories", params(("id" = CategoryId, Path, description = "The category")),
    request_body(content((UpdateCategory = "application/json"),
                         (UpdateCategory = "application/merge-patch+json"))),
    responses((status = 200, body = CategoryView)))]
async fn patch_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<CategoryId>,
    if_match: IfMatch,
    Body(body): Body<UpdateCategory>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, id, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    id: CategoryId,
    if_match: IfMatch,
    body: UpdateCategory,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let edit = CategoryEdit::from(body);
    write(app, ctx, Key::default(), async move |tx, ctx| {
        Ok(resource(&category::update_in(tx, ctx, id, version, edit.clone()).await?))
    })
    .await
}

/// Delete a category
///
/// It must have no categories in it. Channels and tasks keep its id until they
/// are given another one.
// fixture: DELETE /api/categories/{category}
#[utoipa::path(delete, path = "/api/categories/{id}", operation_id = "delete_category",
    tag = "Categories", params(("id" = CategoryId, Path, description = "The category")),
    responses((status = 204, description = "It is deleted")))]
async fn delete_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<CategoryId>,
) -> Result<Reply, Problem> {
    write(&app, &ctx, Key::default(), async move |tx, ctx| {
        category::delete_in(tx, ctx, id).await?;
        Ok(Reply::no_content())
    })
    .await
}

/// Restore a deleted category
///
/// What still names it is in it again. If its parent is gone, it is a root.
// fixture: POST /api/categories/{gone_category}/restore
#[utoipa::path(post, path = "/api/categories/{id}/restore", operation_id = "restore_category",
    tag = "Categories", params(("id" = CategoryId, Path, description = "The category")),
    responses((status = 200, body = CategoryView)))]
async fn restore_category(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<CategoryId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(resource(&category::restore_in(tx, ctx, id).await?))
    })
    .await
}
