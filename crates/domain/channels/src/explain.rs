//! Why somebody may, or may not, do something in a channel: what the policy
//! decided, and by what.

use sayso_access::{Ctx, Decision, Role};
use sayso_db::Queries;
use sayso_kernel::Fault;

use crate::model::{ChannelId, ChannelKind, MemberRole};
use crate::{policy, service};

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Seeing it.
    View,
    /// Writing in it.
    Talk,
    /// Changing it and its members.
    Manage,
}

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of the channel.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
    action: Action,
) -> Result<(bool, &'static str), Fault> {
    let role = ctx.require_actor()?.role;
    let (channel, reading) = service::visible(db, ctx, id).await?;
    Ok(rule(role, (channel.kind, reading.role), action))
}

fn rule(
    role: Role,
    (kind, member): (ChannelKind, Option<MemberRole>),
    action: Action,
) -> (bool, &'static str) {
    let through = if member.is_some() { "channel.member" } else { "channel.public" };
    match action {
        Action::View => (policy::view(kind, member) == Decision::Allow, through),
        Action::Talk if policy::talk(kind, member) == Decision::Allow => (true, "channel.member"),
        Action::Talk => (false, "channel.not_a_member"),
        Action::Manage if policy::manage(role, kind, member) != Decision::Allow => {
            (false, "channel.not_admin")
        }
        Action::Manage if member.is_some_and(|member| member >= MemberRole::Admin) => {
            (true, "channel.admin")
        }
        Action::Manage => (true, "role"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_is_named_is_one_that_the_policy_went_by() {
        let member = (ChannelKind::Private, Some(MemberRole::Member));
        let admin = (ChannelKind::Private, Some(MemberRole::Admin));
        let public = (ChannelKind::Public, None);
        let cases = [
            (Role::Staff, public, Action::View, (true, "channel.public")),
            (Role::Staff, member, Action::View, (true, "channel.member")),
            (Role::Staff, public, Action::Talk, (false, "channel.not_a_member")),
            (Role::Staff, member, Action::Talk, (true, "channel.member")),
            (Role::Staff, member, Action::Manage, (false, "channel.not_admin")),
            (Role::Staff, admin, Action::Manage, (true, "channel.admin")),
            (Role::Ceo, public, Action::Manage, (true, "role")),
        ];
        for (role, channel, action, expected) in cases {
            assert_eq!(rule(role, channel, action), expected, "{role:?} {channel:?} {action:?}");
        }
    }
}
