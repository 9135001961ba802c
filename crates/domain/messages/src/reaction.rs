//! Reacting to a message.

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::error::TOO_MANY_EMOJIS;
use crate::model::{EMOJIS_MAX, Message, MessageId, ReactionChange};
use crate::policy;
use crate::service::{held, require_open};
use crate::{events, repo};

/// Adds and removes reactions of the caller. Needs no version: it says what
/// comes and goes, not how the list looks afterwards.
///
/// Event: `message.reacted`. Without any change there is none.
///
/// # Errors
/// 404; 403 `channel.not_a_member`; 409 `channel.archived`, and
/// `message.too_many_emojis` for a new emoji where there are many.
pub async fn react_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    change: &ReactionChange,
) -> Result<Message, Fault> {
    let user = ctx.require_actor()?.user_id;
    let (before, standing) = held(tx, ctx, id).await?;
    policy::send(ctx, standing).require()?;
    require_open(standing)?;
    let add: Vec<String> =
        change.add.iter().filter(|emoji| !change.remove.contains(emoji)).cloned().collect();
    let removed = repo::remove_reactions(tx, id, user, &change.remove).await?;
    let added = repo::add_reactions(tx, id, user, &add, ctx.now()).await?;
    if added.is_empty() && removed.is_empty() {
        return Ok(before);
    }
    let shown = repo::show_reactions(tx, id, ctx.now()).await?;
    let message = shown.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    if message.reactions.len() > EMOJIS_MAX {
        return Err(Fault::new(&TOO_MANY_EMOJIS));
    }
    tx.emit(events::reacted(&message, &added, &removed));
    Ok(message)
}
