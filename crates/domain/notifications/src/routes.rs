//! The HTTP door of notifications.

use axum::extract::State;
use sayso_access::Ctx;
use sayso_kernel::page::LIMIT_DEFAULT;
use sayso_web::{
    AppState, Body, Caller, IfMatch, Key, NoQuery, Params, PathId, Problem, Reply,
    required_version, write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{NotificationId, Preferences, Which};
use crate::preferences::{self, PreferencesEdit};
use crate::service;
use crate::view::{
    CountsView, GroupView, LeftView, ListNotifications, NotificationView, PreferencesView,
    ReadNotifications, UnreadView, UpdatePreferences,
};

/// The routes of this crate.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(list_notification_groups))
        .routes(routes!(count_notifications))
        .routes(routes!(read_notifications))
        .routes(routes!(get_notification_preferences, put_preferences, patch_preferences))
        .routes(routes!(get_notification))
        .routes(routes!(read_notification))
        .routes(routes!(get_unread))
}

/// List your notifications, newest first
// fixture: GET /api/notifications
#[utoipa::path(get, path = "/api/notifications", operation_id = "list_notifications",
    tag = "Notifications", params(ListNotifications),
    responses((status = 200, body = sayso_web::PageBody<NotificationView>)))]
async fn list_notifications(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListNotifications>,
) -> Result<Reply, Problem> {
    let (filter, limit) = (query.filter(), query.limit.unwrap_or(LIMIT_DEFAULT));
    let mut db = app.db.read();
    let page = service::list(&mut db, &ctx, &filter, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|it| NotificationView::of(&it))))
}

/// List your notifications, those about the same thing as one
///
/// Grouped are the newest 2,000.
// fixture: GET /api/notifications/groups
#[utoipa::path(get, path = "/api/notifications/groups", operation_id = "list_notification_groups",
    tag = "Notifications", params(ListNotifications),
    responses((status = 200, body = sayso_web::PageBody<GroupView>)))]
async fn list_notification_groups(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    Params(query): Params<ListNotifications>,
) -> Result<Reply, Problem> {
    let (filter, limit) = (query.filter(), query.limit.unwrap_or(LIMIT_DEFAULT));
    let mut db = app.db.read();
    let page = service::groups(&mut db, &ctx, &filter, query.cursor.as_deref(), limit).await?;
    Ok(Reply::page(page.map(|it| GroupView::of(&it))))
}

/// Count your unread notifications
// fixture: GET /api/notifications/count
#[utoipa::path(get, path = "/api/notifications/count", operation_id = "count_notifications",
    tag = "Notifications", responses((status = 200, body = CountsView)))]
async fn count_notifications(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    _: Params<NoQuery>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&CountsView::of(&service::count(&mut app.db.read(), &ctx).await?)))
}

/// Get a notification
// fixture: GET /api/notifications/{notification}
#[utoipa::path(get, path = "/api/notifications/{id}", operation_id = "get_notification",
    tag = "Notifications", params(("id" = NotificationId, Path, description = "The notification")),
    responses((status = 200, body = NotificationView)))]
async fn get_notification(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<NotificationId>,
) -> Result<Reply, Problem> {
    let found = service::get(&mut app.db.read(), &ctx, id).await?;
    Ok(Reply::resource(&NotificationView::of(&found), 1))
}

/// Mark a notification as read
// fixture: POST /api/notifications/{notification}/read
#[utoipa::path(post, path = "/api/notifications/{id}/read", operation_id = "read_notification",
    tag = "Notifications", params(("id" = NotificationId, Path, description = "The notification")),
    responses((status = 200, body = NotificationView)))]
async fn read_notification(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    PathId(id): PathId<NotificationId>,
    key: Key,
) -> Result<Reply, Problem> {
    write(&app, &ctx, key, async move |tx, ctx| {
        let read = service::read_one_in(tx, ctx, id).await?;
        Ok(Reply::resource(&NotificationView::of(&read), 1))
    })
    .await
}

/// Mark many notifications, or all, as read
// fixture: POST /api/notifications/read {}
#[utoipa::path(post, path = "/api/notifications/read", operation_id = "read_notifications",
    tag = "Notifications", request_body = ReadNotifications,
    responses((status = 200, body = LeftView)))]
async fn read_notifications(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    key: Key,
    Body(body): Body<ReadNotifications>,
) -> Result<Reply, Problem> {
    let which = Which::from(body);
    write(&app, &ctx, key, async move |tx, ctx| {
        Ok(Reply::ok(&LeftView { unread: service::read_in(tx, ctx, &which).await? }))
    })
    .await
}

fn resource(preferences: &Preferences) -> Reply {
    Reply::resource(&PreferencesView::of(preferences), preferences.version)
}

/// Get what you want to be told
// fixture: GET /api/notifications/preferences
#[utoipa::path(get, path = "/api/notifications/preferences",
    operation_id = "get_notification_preferences", tag = "Notifications",
    responses((status = 200, body = PreferencesView)))]
async fn get_notification_preferences(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    _: Params<NoQuery>,
) -> Result<Reply, Problem> {
    Ok(resource(&preferences::get(&mut app.db.read(), &ctx).await?))
}

/// Update what you want to be told
///
/// Merges: absent is unchanged, null is cleared.
// fixture: PUT! /api/notifications/preferences {"muted": ["unblocked"], "version": 1}
#[utoipa::path(put, path = "/api/notifications/preferences",
    operation_id = "update_notification_preferences", tag = "Notifications",
    request_body = UpdatePreferences, responses((status = 200, body = PreferencesView)))]
async fn put_preferences(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    if_match: IfMatch,
    Body(body): Body<UpdatePreferences>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, if_match, body).await
}

/// Update what you want to be told, as a merge patch
// fixture: PATCH! /api/notifications/preferences {"muted": ["unblocked"], "version": 1}
#[utoipa::path(patch, path = "/api/notifications/preferences",
    operation_id = "patch_notification_preferences", tag = "Notifications",
    request_body(content((UpdatePreferences = "application/json"),
                         (UpdatePreferences = "application/merge-patch+json"))),
    responses((status = 200, body = PreferencesView)))]
async fn patch_preferences(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    if_match: IfMatch,
    Body(body): Body<UpdatePreferences>,
) -> Result<Reply, Problem> {
    update(&app, &ctx, if_match, body).await
}

async fn update(
    app: &AppState,
    ctx: &Ctx,
    if_match: IfMatch,
    body: UpdatePreferences,
) -> Result<Reply, Problem> {
    let version = required_version(body.version, &if_match)?;
    let edit = PreferencesEdit::from(body);
    write(app, ctx, Key::default(), async move |tx, ctx| {
        Ok(resource(&preferences::update_in(tx, ctx, version, edit.clone()).await?))
    })
    .await
}

/// Get what is unread, channel by channel
// fixture: GET /api/unread
#[utoipa::path(get, path = "/api/unread", operation_id = "get_unread", tag = "Notifications",
    responses((status = 200, body = UnreadView)))]
async fn get_unread(
    State(app): State<AppState>,
    Caller(ctx): Caller,
    _: Params<NoQuery>,
) -> Result<Reply, Problem> {
    let (channels, notifications) = service::unread(&mut app.db.read(), &ctx).await?;
    Ok(Reply::ok(&UnreadView::of(&channels, notifications)))
}
