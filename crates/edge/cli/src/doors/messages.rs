//! Messages over a socket.

use sayso_access::Ctx;
use sayso_db::Db;
use sayso_kernel::Fault;
use sayso_messages::view::{MessageView, SocketEdit, SocketSend};
use serde_json::Value;

use super::{key, print, write};

/// `message.send`: as `POST /api/channels/{id}/messages`.
pub(super) async fn send(db: Db, ctx: Ctx, data: Value) -> Result<Value, Fault> {
    let bytes = print(&data)?;
    let body: SocketSend = sayso_web::body::parse_value(data)?;
    let key = body.client_id.as_ref().map(|id| key(&ctx, "message.send", id, &bytes));
    let (channel, draft) = body.into_parts();
    if key.is_none() {
        let message = sayso_messages::service::send(&db, &ctx, channel, &draft).await?;
        return serde_json::to_value(MessageView::of(&message)).map_err(Fault::internal);
    }
    write(&db, &ctx, key, async move |tx, ctx| {
        let message = sayso_messages::service::send_in(tx, ctx, channel, &draft).await?;
        Ok(MessageView::of(&message))
    })
    .await
}

/// `message.edit`: as `PATCH /api/messages/{id}`.
pub(super) async fn edit(db: Db, ctx: Ctx, data: Value) -> Result<Value, Fault> {
    let bytes = print(&data)?;
    let body: SocketEdit = sayso_web::body::parse_value(data)?;
    let key = body.client_id.as_ref().map(|id| key(&ctx, "message.edit", id, &bytes));
    let (id, version, edit) = body.into_parts();
    write(&db, &ctx, key, async move |tx, ctx| {
        let message = sayso_messages::edit::update_in(tx, ctx, id, version, edit.clone()).await?;
        Ok(MessageView::of(&message))
    })
    .await
}
