//! Who is of the company: coming and going, and the one who must stay.
//!
//! Whatever changes who stands where takes one lock first, so that two who each
//! leave one CEO do not leave none, and two who each set a manager do not close
//! a circle.

use sayso_access::{Actor, Ctx, Decision, Role, UserId};
use sayso_db::Tx;
use sayso_events::Presence;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};

use crate::error::{ERASED, LAST_CEO, NOT_DELETED, stale};
use crate::model::User;
use crate::{events, policy, repo};

/// What an erased person is called.
pub const ERASED_NAME: &str = "Erased person";

/// People who are held as they are until the transaction ends.
pub(crate) struct Held {
    /// The caller as they are now, which may be other than when the request
    /// began.
    pub(crate) ctx: Ctx,
    /// Who is to be changed; the deleted too.
    pub(crate) target: Option<User>,
    /// Who else was named.
    pub(crate) other: Option<User>,
}

/// Holds the caller, whom they change, and who else that rests on.
///
/// # Errors
/// 403 when the caller may not come in any more.
pub(crate) async fn hold(
    tx: &mut Tx,
    ctx: &Ctx,
    target: UserId,
    other: Option<UserId>,
) -> Result<Held, Fault> {
    let mut ids = vec![target];
    ids.extend(ctx.user_id());
    ids.extend(other);
    let held = repo::lock(tx, &ids).await?;
    let find = |id: UserId| held.iter().find(|user| user.id == id).cloned();
    let ctx = match &ctx.actor {
        None => ctx.clone(),
        Some(actor) => {
            let now = find(actor.user_id).filter(User::may_enter);
            let now = now.ok_or_else(|| Fault::new(&FORBIDDEN))?;
            ctx.clone().acting_as(Actor { role: now.role, ..actor.clone() })
        }
    };
    Ok(Held { ctx, target: find(target), other: other.and_then(find) })
}

/// The refusal of what was asked about a person; 404 where the caller may not
/// even know of them.
pub(crate) async fn hidden_or(
    tx: &mut Tx,
    ctx: &Ctx,
    id: UserId,
    refused: Fault,
) -> Result<Fault, Fault> {
    let is_known = policy::see(ctx, id) == Decision::Allow
        && repo::lookup_seen(tx, ctx.user_id(), id).await?.is_some();
    Ok(if is_known { refused } else { Fault::new(&NOT_FOUND) })
}

/// 409 when this person is the last CEO who may come in. The hierarchy is
/// locked.
pub(crate) async fn keep_a_ceo(tx: &mut Tx, before: &User) -> Result<(), Fault> {
    let counts = before.role == Role::Ceo && before.may_enter();
    if counts && !repo::has_other_ceo(tx, before.id).await? {
        return Err(Fault::new(&LAST_CEO));
    }
    Ok(())
}

/// Somebody who is to come or go, held; 403 for callers who remove nobody,
/// whoever was named.
async fn held(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    if policy::remove_any(ctx) != Decision::Allow {
        let refused = Fault::new(&FORBIDDEN);
        return Err(hidden_or(tx, ctx, id, refused).await?);
    }
    repo::lock_hierarchy(tx).await?;
    let held = hold(tx, ctx, id, None).await?;
    let target = held.target.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::remove(&held.ctx, &target).require()?;
    Ok(target)
}

async fn present(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    let user = held(tx, ctx, id).await?;
    if user.deleted_at.is_some() { Err(Fault::new(&NOT_FOUND)) } else { Ok(user) }
}

/// Keeps a person out; what they were invited with is good no more. Their
/// sessions are for the caller to end, in the same transaction: `auth` does.
///
/// Event and audit: `user.deactivated`. A person who is out already is answered
/// as they are.
///
/// # Errors
/// 403, 404; 409 `user.last_ceo`.
pub async fn deactivate_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    let before = present(tx, ctx, id).await?;
    if !before.active {
        return Ok(before);
    }
    keep_a_ceo(tx, &before).await?;
    repo::forget_invitation(tx, id).await?;
    let after = repo::set_active(tx, id, false, ctx.now()).await?;
    tx.emit(events::deactivated(&after));
    Ok(after)
}

/// Lets a person in again. The sessions that ended stay ended.
///
/// Event and audit: `user.updated`. A person who may come in is answered as
/// they are.
///
/// # Errors
/// 403, 404.
pub async fn reactivate_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    let before = present(tx, ctx, id).await?;
    if before.active {
        return Ok(before);
    }
    let after = repo::set_active(tx, id, true, ctx.now()).await?;
    tx.emit(events::updated(&before, &after, &["active"]));
    Ok(after)
}

/// Deletes a person: the row stays as the author of what they wrote, the e-mail
/// is free. Their sessions are for the caller to end, in the same transaction:
/// `auth` does.
///
/// Event and audit: `user.deleted`.
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
    let before = present(tx, ctx, id).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(stale(&before, presence));
    }
    keep_a_ceo(tx, &before).await?;
    repo::forget_invitation(tx, id).await?;
    let after = repo::soft_delete(tx, id, ctx.now()).await?;
    tx.emit(events::deleted(&after));
    Ok(())
}

/// Brings a deleted person back. The sessions that ended stay ended. A person
/// who is not deleted is answered as they are.
///
/// Event and audit: `user.restored`.
///
/// # Errors
/// 403, 404; 409 `user.email_taken` when another person has the e-mail by now,
/// `user.erased` when nothing is left to bring back.
pub async fn restore_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    // That a deleted person is none is no secret before those who may not
    // restore anybody.
    policy::remove_any(ctx).require()?;
    let before = held(tx, ctx, id).await?;
    if before.deleted_at.is_none() {
        return Ok(before);
    }
    if before.is_erased() {
        return Err(Fault::new(&ERASED));
    }
    let after = repo::restore(tx, id, ctx.now()).await?;
    tx.emit(events::restored(&after));
    Ok(after)
}

/// Takes from a deleted person all that says who they were; for the operator.
/// `false` when that was done before.
///
/// Event and audit: `user.erased`.
///
/// # Errors
/// 403, 404; 409 `user.not_deleted`.
pub async fn erase_in(tx: &mut Tx, ctx: &Ctx, id: UserId) -> Result<bool, Fault> {
    policy::erase(ctx).require()?;
    let before = hold(tx, ctx, id, None).await?.target;
    let before = before.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    if before.deleted_at.is_none() {
        return Err(Fault::new(&NOT_DELETED));
    }
    if before.is_erased() {
        return Ok(false);
    }
    let after = repo::erase(tx, id, ERASED_NAME, ctx.now()).await?;
    tx.emit(events::erased(&after));
    Ok(true)
}
