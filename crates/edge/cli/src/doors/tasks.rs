//! Tasks over a socket.

use sayso_access::Ctx;
use sayso_db::Db;
use sayso_kernel::Fault;
use sayso_tasks::view::{SocketCreateTask, SocketUpdateTask, TaskView};
use serde_json::Value;

use super::{key, print, write, zone};

/// `task.create`: as `POST /api/tasks`.
pub(super) async fn create(db: Db, ctx: Ctx, data: Value) -> Result<Value, Fault> {
    let bytes = print(&data)?;
    let body: SocketCreateTask = sayso_web::body::parse_value(data)?;
    let (draft, client_id) = body.into_parts(zone(&ctx))?;
    let key = client_id.map(|id| key(&ctx, "task.create", &id, &bytes));
    write(&db, &ctx, key, async move |tx, ctx| {
        let task = sayso_tasks::service::create_in(tx, ctx, &draft).await?;
        Ok(TaskView::of(&task))
    })
    .await
}

/// `task.update`: as `PATCH /api/tasks/{id}`.
pub(super) async fn update(db: Db, ctx: Ctx, data: Value) -> Result<Value, Fault> {
    let bytes = print(&data)?;
    let body: SocketUpdateTask = sayso_web::body::parse_value(data)?;
    let asked = body.into_parts(zone(&ctx))?;
    let (id, version, edit) = (asked.id, asked.version, asked.edit);
    let key = asked.client_id.map(|client| key(&ctx, "task.update", &client, &bytes));
    write(&db, &ctx, key, async move |tx, ctx| {
        let task = sayso_tasks::service::update_in(tx, ctx, id, version, edit.clone()).await?;
        Ok(TaskView::of(&task))
    })
    .await
}
