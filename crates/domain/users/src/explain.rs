//! Why somebody may, or may not, do something with a person: what the policy
//! decided, and by what.

use sayso_access::{Because, Ctx, Decision, Permission, UserId};
use sayso_db::Queries;
use sayso_kernel::Fault;

use crate::model::User;
use crate::policy::{self, Field};
use crate::service;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Changing the profile.
    Update,
    /// Deleting, restoring, deactivating and reactivating.
    Remove,
    /// Setting role and manager.
    Manage,
}

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of the person.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: UserId,
    action: Action,
) -> Result<(bool, &'static str), Fault> {
    let target = service::get(db, ctx, id).await?;
    Ok(rule(ctx, &target, action))
}

fn rule(ctx: &Ctx, target: &User, action: Action) -> (bool, &'static str) {
    let (decision, permission) = match action {
        Action::Update => (policy::update(ctx, target), Permission::UserUpdate),
        Action::Remove => (policy::remove(ctx, target), Permission::UserDelete),
        Action::Manage => (policy::set(ctx, target, Field::Role), Permission::UserManage),
    };
    let is_own = ctx.user_id() == Some(target.id);
    let allowed = decision == Decision::Allow;
    let stands_above = ctx.role().is_some_and(|own| target.role > own);
    let because = ctx.actor.as_ref().map(|actor| actor.ruling(permission, ctx.now()).because);
    match (because, action) {
        (Some(Because::Withheld), _) => (false, Because::Withheld.as_str()),
        (_, Action::Update) if is_own => (true, "user.own"),
        (Some(Because::Granted), _) if !allowed && stands_above => (false, "user.stands_above"),
        (because, _) => (allowed, because.unwrap_or(Because::Role).as_str()),
    }
}
