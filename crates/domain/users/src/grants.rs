//! What one person may do, or may not, beside what the role says.

use sayso_access::{Ctx, Given, Permission, UserId};
use sayso_db::{Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};

use crate::model::KeptGrant;
use crate::{events, policy, repo, service, standing};

/// What is given to a person, and what is taken back.
#[derive(Clone, Debug, Default)]
pub struct GrantChange {
    /// Given, each permission once, in the place of what was given before.
    pub add: Vec<Given>,
    /// Taken back; none of what is given.
    pub remove: Vec<Permission>,
}

/// What is in force for a person, by permission.
///
/// # Errors
/// 403 but for the CEO and the person; 404.
pub async fn list(db: &mut impl Queries, ctx: &Ctx, id: UserId) -> Result<Vec<KeptGrant>, Fault> {
    service::get(db, ctx, id).await?;
    policy::read_grants(ctx, id).require()?;
    Ok(repo::grants(db, id, ctx.now()).await?)
}

/// Gives permissions to a person, denies them, or takes both back; answers what
/// is in force then. The person's sockets end, and come back as who they are
/// now.
///
/// Audit: `user.grants_changed`. A change that changes nothing leaves no trace.
///
/// # Errors
/// 403 but for the CEO, and for what is one's own; 404.
pub async fn change_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: UserId,
    change: &GrantChange,
) -> Result<Vec<KeptGrant>, Fault> {
    let by = ctx.require_actor()?.user_id;
    let held = standing::hold(tx, ctx, id, None).await?;
    if held.target.is_none_or(|user| user.deleted_at.is_some()) {
        return Err(Fault::new(&NOT_FOUND));
    }
    if policy::give(&held.ctx, id).require().is_err() {
        let refused = Fault::new(&FORBIDDEN);
        return Err(standing::hidden_or(tx, ctx, id, refused).await?);
    }
    let now = ctx.now();
    let before = repo::grants(tx, id, now).await?;
    let is_kept = |given: &Given| before.iter().any(|kept| kept.given == *given);
    let is_given =
        |permission: Permission| before.iter().any(|kept| kept.given.permission == permission);
    let add: Vec<Given> = change.add.iter().filter(|given| !is_kept(given)).copied().collect();
    let mut remove = change.remove.clone();
    remove.retain(|permission| is_given(*permission));
    if add.is_empty() && remove.is_empty() {
        return Ok(before);
    }
    repo::drop_grants(tx, id, &remove, now).await?;
    repo::put_grants(tx, id, &add, (by, now)).await?;
    let after = repo::grants(tx, id, now).await?;
    tx.emit(events::grants_changed(id, &before, &after));
    Ok(after)
}
