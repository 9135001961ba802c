//! People who go, with all that they came in with: what is true of a person and
//! what is true of their sessions is one commit.

use sayso_access::{Ctx, Permission, Ruling, TABLE, UserId};
use sayso_db::Tx;
use sayso_events::Presence;
use sayso_kernel::Fault;
use sayso_users::{User, standing};

use crate::{events, repo};

/// What the tokens of an erased person are called.
const ERASED_NAME: &str = "Erased token";

/// Keeps a person out: every session and API token of theirs ends, with its
/// sockets.
///
/// Event and audit: `user.deactivated`; audit: `auth.sessions_ended`, with the
/// ends as its effects.
///
/// # Errors
/// 403, 404; 409 `user.last_ceo`.
pub async fn deactivate_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    let user = standing::deactivate_in(tx, ctx, id).await?;
    shut_out(tx, ctx, id, "deactivated").await?;
    Ok(user)
}

/// Deletes a person: every session and API token of theirs ends, with its
/// sockets.
///
/// Event and audit: `user.deleted`; audit: `auth.sessions_ended`, with the ends
/// as its effects.
///
/// # Errors
/// 403, 404; 409 `user.last_ceo`; 412 when a version is given that is not the
/// present one.
pub async fn delete_in(
    tx: &mut Tx,
    ctx: &Ctx,
    presence: &Presence,
    (id, version): (UserId, Option<i32>),
) -> Result<(), Fault> {
    standing::delete_in(tx, ctx, presence, (id, version)).await?;
    shut_out(tx, ctx, id, "deleted").await
}

/// Erases a deleted person, and all that the door kept of them: the devices they
/// came with, who they are elsewhere, their second factor, a reset that was
/// started, the names of their tokens. `false` when that was done before.
///
/// Event and audit: `user.erased`.
///
/// # Errors
/// 403, 404; 409 `user.not_deleted`.
pub async fn erase_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<bool, Fault> {
    let is_erased = standing::erase_in(tx, ctx, id).await?;
    repo::forget_devices(tx, id).await?;
    repo::external::forget(tx, id).await?;
    repo::second_factor::delete(tx, id).await?;
    repo::reset::forget(tx, id).await?;
    repo::api_token::forget_names(tx, id, ERASED_NAME).await?;
    Ok(is_erased)
}

/// Ends all sessions and API tokens of a person who is held: a login that has
/// not finished waits for them, and then finds that they may not come in. So
/// does whoever makes a token. Whoever comes back later brings no key from
/// before.
async fn shut_out(tx: &mut Tx, ctx: &Ctx, id: UserId, reason: &'static str) -> Result<(), Fault> {
    repo::reset::forget(tx, id).await?;
    let mut ended = repo::end_all(tx, id, None, ctx.now(), reason).await?;
    ended.extend(repo::api_token::revoke_all(tx, id, ctx.now()).await?);
    if !ended.is_empty() {
        tx.emit(events::sessions_ended(id, &ended, reason));
    }
    Ok(())
}

/// What the caller may do: every permission, and why.
///
/// # Errors
/// 401 when nobody calls.
pub fn permissions(ctx: &Ctx) -> Result<Vec<(Permission, Ruling)>, Fault> {
    let (actor, now) = (ctx.require_actor()?, ctx.now());
    let rows = TABLE.iter().map(|(permission, _)| (*permission, actor.ruling(*permission, now)));
    Ok(rows.collect())
}
