//! Why somebody may, or may not, do something in a channel: what the table of
//! permissions decided, and by what.

use sayso_access::{Ctx, Permission};
use sayso_db::Queries;
use sayso_kernel::Fault;

use crate::model::ChannelId;
use crate::{policy, service};

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of the channel.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
    permission: Permission,
) -> Result<(bool, &'static str), Fault> {
    let actor = ctx.require_actor()?;
    let (channel, reading) = service::visible(db, ctx, id).await?;
    let ties = policy::ties(channel.kind, reading.role);
    let verdict = actor.ruling(permission, ctx.now()).on(ties);
    let untied = match permission {
        Permission::ChannelUpdate | Permission::ChannelManageMembers => "channel.not_admin",
        _ => "channel.not_a_member",
    };
    Ok((verdict.is_allowed, verdict.reason.rule("channel.member", untied)))
}
