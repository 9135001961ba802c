//! Why somebody may, or may not, do something with a task: what the policy
//! decided, and by what.

use sayso_access::{Ctx, Decision, Role};
use sayso_channels::{ChannelKind, MemberRole};
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::model::TaskId;
use crate::policy::{self, Sight};
use crate::repo;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Seeing it.
    View,
    /// Editing it.
    Update,
}

/// Whether the caller may, and the rule that says so.
///
/// # Errors
/// 404 where the caller may not know of the task.
pub async fn explain(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: TaskId,
    action: Action,
) -> Result<(bool, &'static str), Fault> {
    let actor = ctx.require_actor()?;
    let found = repo::lookup(db, id, actor.user_id).await?;
    let (_, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(&sight).require()?;
    Ok(rule(actor.role, &sight, action))
}

/// The first rule that lets them, or the one that does not.
fn rule(role: Role, sight: &Sight, action: Action) -> (bool, &'static str) {
    let member = sight.channel.and_then(|(_, member)| member);
    let is_public = sight.channel.is_some_and(|(kind, _)| kind == ChannelKind::Public);
    let (decision, reasons): (Decision, &[(bool, &'static str)]) = match action {
        Action::View => (
            policy::view(sight),
            &[
                (sight.is_creator, "task.creator"),
                (sight.is_assignee, "task.assignee"),
                (member.is_some(), "channel.member"),
                (is_public, "channel.public"),
                (sight.is_in_line, "user.reporting_line"),
            ],
        ),
        Action::Update => (
            policy::update(role, sight),
            &[
                (sight.is_creator, "task.creator"),
                (sight.is_assignee, "task.assignee"),
                (member.is_some_and(|member| member >= MemberRole::Admin), "channel.admin"),
                (role == Role::Ceo, "role"),
                (sight.is_in_line, "user.reporting_line"),
            ],
        ),
    };
    if decision != Decision::Allow {
        return (false, "task.not_concerned");
    }
    let found = reasons.iter().find(|(holds, _)| *holds);
    (true, found.map_or("task.concerned", |(_, rule)| rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_is_named_is_one_that_the_policy_went_by() {
        let none = Sight::default();
        let public = Sight { channel: Some((ChannelKind::Public, None)), ..none };
        let admin =
            Sight { channel: Some((ChannelKind::Private, Some(MemberRole::Admin))), ..none };
        let cases = [
            (Role::Staff, Sight { is_creator: true, ..none }, Action::Update, "task.creator"),
            (Role::Staff, Sight { is_assignee: true, ..none }, Action::View, "task.assignee"),
            (
                Role::Manager,
                Sight { is_in_line: true, ..none },
                Action::Update,
                "user.reporting_line",
            ),
            (Role::Staff, public, Action::View, "channel.public"),
            (Role::Staff, admin, Action::Update, "channel.admin"),
            (Role::Ceo, public, Action::Update, "role"),
        ];
        for (role, sight, action, expected) in cases {
            assert_eq!(rule(role, &sight, action), (true, expected), "{role:?} {action:?}");
        }
        assert_eq!(rule(Role::Staff, &public, Action::Update), (false, "task.not_concerned"));
    }
}
