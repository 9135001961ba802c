//! Channels over a socket.

use sayso_access::Ctx;
use sayso_channels::ChannelId;
use sayso_channels::view::ChannelView;
use sayso_db::Db;
use sayso_kernel::Fault;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{key, print, write};

/// The payload of `channel.read`: the body of the HTTP request, and which
/// channel.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SocketRead {
    /// The channel.
    channel_id: ChannelId,
    /// The newest message that was read.
    message_id: Uuid,
    /// The key under which it is done once.
    #[schema(min_length = 1, max_length = 64)]
    client_id: Option<String>,
}

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
