//! Channels over a socket.

use sayso_access::Ctx;
use sayso_channels::view::{ChannelView, SocketRead};
use sayso_db::Db;
use sayso_kernel::Fault;
use serde_json::Value;

use super::{key, print, write};

/// `channel.read`: as `POST /api/channels/{id}/read`.
pub(super) async fn read(db: Db, ctx: Ctx, data: Value) -> Result<Value, Fault> {
    let bytes = print(&data)?;
    let SocketRead { channel_id, message_id, client_id } = sayso_web::body::parse_value(data)?;
    let key = client_id.map(|id| key(&ctx, "channel.read", &id, &bytes));
    write(&db, &ctx, key, async move |tx, ctx| {
        let read = sayso_channels::service::read_in(tx, ctx, channel_id, message_id).await?;
        Ok(ChannelView::of(&read.0, &read.1))
    })
    .await
}
