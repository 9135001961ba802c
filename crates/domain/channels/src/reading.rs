//! What a channel is to one member: how far they have read, and what they want
//! to hear of it.

use sayso_access::{Ctx, UserId};
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use uuid::Uuid;

use crate::error::NOT_A_MEMBER;
use crate::events;
use crate::model::{Channel, ChannelId, Reading, Setting};
use crate::repo;
use crate::service::require_member;

/// Has the caller read up to a message. The watermark moves forward only: an
/// older message, or the same once more, changes nothing.
///
/// Event, if it moved: `channel.read` to the caller's other devices.
///
/// # Errors
/// 404; 403 `channel.not_a_member`; 422 for a message that is not of this
/// channel.
pub async fn read_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    message: Uuid,
) -> Result<(Channel, Reading), Fault> {
    let reader = ctx.require_actor()?.user_id;
    let Some(watermark) = repo::watermark(tx, id, reader, message).await? else {
        return Err(not_a_member(tx, ctx, id).await);
    };
    let place = watermark.message.ok_or_else(|| {
        Fault::at_pointer(
            "#/messageId",
            "message.unknown",
            "There is no such message in this channel",
        )
    })?;
    let moves = place > watermark.at;
    if moves {
        repo::move_watermark(tx, id, reader, place).await?;
    }
    let (channel, reading) = present(tx, id, reader).await?;
    if moves {
        tx.emit(events::read(&channel, reader, &reading));
    }
    Ok((channel, reading))
}

/// Says what the caller wants to be told of a channel.
///
/// Event, if anything changed: `channel.muted` to the caller's other devices.
///
/// # Errors
/// 404; 403 `channel.not_a_member`.
pub async fn mute_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    setting: Setting,
) -> Result<(Channel, Reading), Fault> {
    let member = ctx.require_actor()?.user_id;
    let Some(before) = repo::setting(tx, id, member).await? else {
        return Err(not_a_member(tx, ctx, id).await);
    };
    let level = setting.notification_level.unwrap_or(before.0);
    let after = (level, setting.muted_until.apply(before.1));
    if after != before {
        repo::set_setting(tx, id, member, after).await?;
    }
    let (channel, reading) = present(tx, id, member).await?;
    if after != before {
        tx.emit(events::muted(&channel, member, after.0, after.1));
    }
    Ok((channel, reading))
}

/// Why the caller may not: as everybody is told who wants to read or write.
async fn not_a_member(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Fault {
    match require_member(tx, ctx, id).await {
        Err(fault) => fault,
        // They have come in this very moment.
        Ok(_) => Fault::new(&NOT_A_MEMBER),
    }
}

/// A channel that is held, as the caller sees it.
async fn present(tx: &mut Tx, id: ChannelId, reader: UserId) -> Result<(Channel, Reading), Fault> {
    repo::lookup(tx, id, reader).await?.ok_or_else(|| Fault::new(&NOT_FOUND))
}
