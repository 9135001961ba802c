//! Why somebody may, or may not, do something with a message: what the table of
//! permissions decided, and by what.

use sayso_access::{Ctx, Decision, Permission};
use sayso_channels::policy as channels;
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::model::MessageId;
use crate::{policy, repo};

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of its channel.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: MessageId,
    permission: Permission,
) -> Result<(bool, &'static str), Fault> {
    let actor = ctx.require_actor()?;
    let found = repo::lookup(db, id, actor.user_id).await?;
    let (message, standing) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    match channels::talk(standing.kind, standing.role) {
        Decision::Deny => return Ok((false, "channel.not_a_member")),
        decision => decision.require()?,
    }
    let ties = policy::ties(standing, actor.user_id == message.sender_id);
    let verdict = actor.ruling(permission, ctx.now()).on(ties);
    Ok((verdict.is_allowed, verdict.reason.rule("message.sender", "message.not_sender")))
}
