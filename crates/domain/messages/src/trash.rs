//! Deleting a message and bringing it back.

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::edit::require_version;
use crate::model::{Message, MessageId};
use crate::service::held;
use crate::{events, policy, repo};

/// Deletes a message. Its history and reactions go out of sight with it; the
/// answers to it stay where they are said, and nobody can add to them.
///
/// Events: `message.deleted`; for an answer then `message.thread_changed`.
///
/// # Errors
/// 403, 404; 412 when a version is given that is not the present one.
pub async fn delete_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    version: Option<i32>,
) -> Result<(), Fault> {
    let (before, standing) = held(tx, ctx, id).await?;
    let actor = ctx.require_actor()?.user_id;
    policy::delete(ctx, standing, actor == before.sender_id).require()?;
    require_version(&before, version)?;
    let deleted = repo::soft_delete(tx, id, actor, ctx.now()).await?;
    let message = deleted.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    tx.emit(events::deleted(&message));
    recount(tx, ctx, &message).await
}

/// Brings a deleted message back, with its history and reactions. Who said it
/// brings back what they took back themselves, not what somebody who runs the
/// channel has removed. A message that is not deleted is answered as it is.
///
/// Events: `message.restored`; for an answer then `message.thread_changed`.
///
/// # Errors
/// 403, and 404 where the caller may not know of it.
pub async fn restore_in(tx: &mut Tx, ctx: &Ctx, id: MessageId) -> Result<Message, Fault> {
    let actor = ctx.require_actor()?;
    let Some((before, standing, by)) = repo::hold_deleted(tx, id, actor.user_id).await? else {
        let (message, standing) = held(tx, ctx, id).await?;
        policy::delete(ctx, standing, actor.user_id == message.sender_id).require()?;
        return Ok(message);
    };
    let took_back = by.is_none_or(|by| by == before.sender_id);
    policy::restore(ctx, standing, actor.user_id == before.sender_id, took_back).require()?;
    let restored = repo::restore(tx, id, ctx.now()).await?;
    let message = restored.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    tx.emit(events::restored(&message));
    recount(tx, ctx, &message).await?;
    Ok(message)
}

/// Counts the answers of the thread anew that a message belongs to. The message
/// at its head shows them; nobody hears of one that is itself deleted.
async fn recount(tx: &mut Tx, ctx: &Ctx, answer: &Message) -> Result<(), Fault> {
    let Some(thread) = answer.thread_id else { return Ok(()) };
    if let Some(head) = repo::recount_answers(tx, thread, ctx.now()).await? {
        tx.emit(events::thread_changed(&head));
    }
    Ok(())
}
