//! Who may do what with a task (contract, chapter 3). Pure.

use sayso_access::{Ctx, Decision, Permission, Tie, Ties, sees};
use sayso_channels::{ChannelKind, MemberRole};

/// What connects a person with a task.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    /// They made it.
    pub is_creator: bool,
    /// They are to do it.
    pub is_assignee: bool,
    /// It was made by, or is to be done by, somebody who reports to them,
    /// directly or not.
    pub is_in_line: bool,
    /// The kind of its channel and their role there.
    pub channel: Option<(ChannelKind, Option<MemberRole>)>,
}

impl Sight {
    /// As the table of permissions has it. Their line shows what stands in no
    /// channel; what stands in a private or direct channel they are not in
    /// stays there.
    #[must_use]
    pub fn ties(&self) -> Ties {
        let kind = self.channel.map(|(kind, _)| kind);
        let role = self.channel.and_then(|(_, role)| role);
        let is_public = kind == Some(ChannelKind::Public);
        let is_shown = kind.is_none() || is_public || role.is_some();
        Ties::NONE
            .with(Tie::Own, self.is_creator)
            .with(Tie::Assigned, self.is_assignee)
            .with(Tie::Line, self.is_in_line && is_shown)
            .with(Tie::Member, role.is_some())
            .with(Tie::Admin, role >= Some(MemberRole::Admin))
            .with(Tie::Public, is_public)
            .with(Tie::Private, kind == Some(ChannelKind::Private))
    }
}

/// Who sees a task: who sees its channel, its creator, its assignees, and
/// those they report to.
pub fn view(sight: &Sight) -> Decision {
    if sees(Permission::TaskView, sight.ties()) { Decision::Allow } else { Decision::Hide }
}

/// Who edits a task: creator, assignee, channel admin, reporting line, CEO.
pub fn update(ctx: &Ctx, sight: &Sight) -> Decision {
    of_seen(ctx, sight, Permission::TaskUpdate)
}

/// Who assigns a task: who may edit it, and who may write in its channel.
pub fn assign(ctx: &Ctx, sight: &Sight) -> Decision {
    of_seen(ctx, sight, Permission::TaskAssign)
}

/// Who says something about a task: who may edit it, and who may write in its
/// channel.
pub fn comment(ctx: &Ctx, sight: &Sight) -> Decision {
    of_seen(ctx, sight, Permission::TaskComment)
}

/// Who deletes a task and brings it back: who answers for it, that is its
/// creator, channel admin, reporting line, CEO.
pub fn delete(ctx: &Ctx, sight: &Sight) -> Decision {
    of_seen(ctx, sight, Permission::TaskDelete)
}

fn of_seen(ctx: &Ctx, sight: &Sight, permission: Permission) -> Decision {
    match view(sight) {
        Decision::Allow => Decision::allow_or_deny(ctx.may(permission, sight.ties())),
        other => other,
    }
}

/// Who makes a task: whoever writes in its channel, which the channel is asked;
/// one of their own, anybody.
pub fn create(ctx: &Ctx, is_in_channel: bool) -> Decision {
    let ties = Ties::NONE.with(Tie::Own, !is_in_channel).with(Tie::Member, is_in_channel);
    Decision::allow_or_deny(ctx.may(Permission::TaskCreate, ties))
}

/// Who changes a comment: its author, whoever sees the task.
pub fn edit_comment(is_author: bool) -> Decision {
    Decision::allow_or_deny(is_author)
}

/// Who deletes a comment: its author, and who answers for the channel.
pub fn delete_comment(sight: &Sight, is_author: bool) -> Decision {
    Decision::allow_or_deny(is_author || sight.ties().has(Tie::Admin))
}

#[cfg(test)]
mod tests {
    use sayso_access::Role;
    use sayso_testkit::TestCtx;

    use super::*;

    fn by(role: Role) -> Ctx {
        TestCtx::new().acting(role)
    }

    fn in_channel(kind: ChannelKind, role: Option<MemberRole>) -> Sight {
        Sight { channel: Some((kind, role)), ..Sight::default() }
    }

    #[test]
    fn a_task_is_seen_through_its_channel_by_its_people_and_by_their_line() {
        let stranger = Sight::default();
        assert_eq!(view(&stranger), Decision::Hide);
        assert_eq!(view(&Sight { is_creator: true, ..stranger }), Decision::Allow);
        assert_eq!(view(&Sight { is_assignee: true, ..stranger }), Decision::Allow);
        assert_eq!(view(&Sight { is_in_line: true, ..stranger }), Decision::Allow);
        assert_eq!(view(&in_channel(ChannelKind::Public, None)), Decision::Allow);
        assert_eq!(view(&in_channel(ChannelKind::Private, None)), Decision::Hide);
    }

    #[test]
    fn an_assignee_edits_and_comments_but_does_not_delete() {
        let assignee = Sight { is_assignee: true, ..Sight::default() };
        let hidden = in_channel(ChannelKind::Private, None);

        assert_eq!(update(&by(Role::Staff), &assignee), Decision::Allow);
        assert_eq!(comment(&by(Role::Staff), &assignee), Decision::Allow);
        assert_eq!(delete(&by(Role::Staff), &assignee), Decision::Deny);
        assert_eq!(delete(&by(Role::Ceo), &assignee), Decision::Allow);
        assert_eq!(delete(&by(Role::Ceo), &hidden), Decision::Hide);
        assert_eq!(
            delete(&by(Role::Staff), &Sight { is_creator: true, ..assignee }),
            Decision::Allow
        );
    }

    #[test]
    fn a_comment_is_its_authors_and_a_channel_admin_may_take_it_away() {
        let (member, admin) = (MemberRole::Member, MemberRole::Admin);
        let of = |role| in_channel(ChannelKind::Public, Some(role));

        assert_eq!(edit_comment(true), Decision::Allow);
        assert_eq!(edit_comment(false), Decision::Deny);
        assert_eq!(delete_comment(&of(member), true), Decision::Allow);
        assert_eq!(delete_comment(&of(member), false), Decision::Deny);
        assert_eq!(delete_comment(&of(admin), false), Decision::Allow);
    }

    #[test]
    fn a_line_does_not_reach_into_private_channels() {
        let sight = Sight { is_in_line: true, ..in_channel(ChannelKind::Private, None) };

        assert_eq!(view(&sight), Decision::Hide);
        assert_eq!(update(&by(Role::Ceo), &sight), Decision::Hide);
    }

    #[test]
    fn a_member_assigns_but_does_not_edit_and_an_admin_does_both() {
        let member = in_channel(ChannelKind::Private, Some(MemberRole::Member));
        let admin = in_channel(ChannelKind::Private, Some(MemberRole::Admin));

        assert_eq!(update(&by(Role::Staff), &member), Decision::Deny);
        assert_eq!(assign(&by(Role::Staff), &member), Decision::Allow);
        assert_eq!(update(&by(Role::Staff), &admin), Decision::Allow);
        assert_eq!(update(&by(Role::Ceo), &member), Decision::Allow);
        assert_eq!(
            assign(&by(Role::Staff), &in_channel(ChannelKind::Public, None)),
            Decision::Deny
        );
    }
}
