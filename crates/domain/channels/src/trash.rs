//! Deleting a channel, and bringing it back with what belongs to it.

use sayso_access::{Ctx, UserId};
use sayso_db::{OnConstraint, Tx};
use sayso_kernel::Fault;

use crate::edit::managed;
use crate::error::{DIRECT_IS_FIXED, NAME_TAKEN};
use crate::model::{Channel, ChannelId, ChannelKind};
use crate::{events, policy, repo, service};

/// Members whose following begins again in one fact.
const FOLLOWED_MAX: usize = 500;

/// Deletes a channel. Its messages, and the tasks that are seen through it, go
/// out of sight with it; its name is free.
///
/// Event: `channel.deleted`, after which nobody follows the channel.
///
/// # Errors
/// 403, 404; 409 `channel.direct_is_fixed`; 412 when a version is given that
/// is not the present one.
pub async fn delete_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    version: Option<i32>,
) -> Result<(), Fault> {
    let channel = managed(tx, ctx, id, version).await?;
    if channel.kind == ChannelKind::Direct {
        return Err(Fault::new(&DIRECT_IS_FIXED));
    }
    let channel = repo::soft_delete(tx, id, ctx.now()).await?;
    tx.emit(events::deleted(&channel));
    Ok(())
}

/// Brings a deleted channel back, with its members, its messages and its
/// tasks. One that is not deleted is answered as it is.
///
/// Event: `channel.restored`; its members follow it again from just before
/// that.
///
/// # Errors
/// 403, and 404 where the caller may not know of it; 409 `channel.name_taken`
/// when another one has its name by now.
pub async fn restore_in(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Result<Channel, Fault> {
    let actor = ctx.require_actor()?;
    let Some(channel) = repo::lock_deleted(tx, id).await? else {
        let (channel, reading) = service::visible(tx, ctx, id).await?;
        policy::update(ctx, channel.kind, reading.role).require()?;
        return Ok(channel);
    };
    let own = repo::lock_role(tx, id, actor.user_id).await?;
    policy::update(ctx, channel.kind, own).require()?;
    let restored = repo::restore(tx, id, ctx.now()).await;
    let channel = restored.on_constraint("channels_name_key", || Fault::new(&NAME_TAKEN))?;
    let members: Vec<UserId> = repo::member_ids(tx, id).await?;
    for some in members.chunks(FOLLOWED_MAX) {
        tx.emit(events::followed(&channel, some));
    }
    tx.emit(events::restored(&channel));
    Ok(channel)
}
