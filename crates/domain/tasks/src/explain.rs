//! Why somebody may, or may not, do something with a task: what the table of
//! permissions decided, and by what.

use sayso_access::{Ctx, Permission};
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::model::TaskId;
use crate::{policy, repo};

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of the task.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: TaskId,
    permission: Permission,
) -> Result<(bool, &'static str), Fault> {
    let actor = ctx.require_actor()?;
    let found = repo::lookup(db, id, actor.user_id).await?;
    let (_, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(&sight).require()?;
    let verdict = actor.ruling(permission, ctx.now()).on(sight.ties());
    Ok((verdict.is_allowed, verdict.reason.rule("task.creator", "task.not_concerned")))
}
