//! Who may do what with a task (contract, chapter 3). Pure.

use sayso_access::{Decision, Role};
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
    /// Whether the channel alone shows it to them.
    fn by_channel(&self) -> bool {
        self.channel.is_some_and(|(kind, role)| kind == ChannelKind::Public || role.is_some())
    }

    /// Their line shows what stands in no channel; what stands in a private or
    /// direct channel they are not in stays there.
    fn by_line(&self) -> bool {
        self.is_in_line && (self.channel.is_none() || self.by_channel())
    }
}

/// Who sees a task: who sees its channel, its creator, its assignees, and
/// those they report to.
pub fn view(sight: &Sight) -> Decision {
    let sees = sight.is_creator || sight.is_assignee || sight.by_channel() || sight.by_line();
    if sees { Decision::Allow } else { Decision::Hide }
}

/// Who edits a task: creator, assignee, channel admin, reporting line, CEO.
pub fn update(role: Role, sight: &Sight) -> Decision {
    match view(sight) {
        Decision::Allow => Decision::allow_or_deny(sight.is_assignee || runs(role, sight)),
        other => other,
    }
}

/// Who answers for a task: creator, channel admin, reporting line, CEO.
fn runs(role: Role, sight: &Sight) -> bool {
    let member = sight.channel.and_then(|(_, member)| member);
    let runs_channel = member.is_some_and(|member| member >= MemberRole::Admin);
    sight.is_creator || runs_channel || sight.by_line() || role == Role::Ceo
}

/// Who deletes a task and brings it back: who answers for it.
pub fn delete(role: Role, sight: &Sight) -> Decision {
    match view(sight) {
        Decision::Allow => Decision::allow_or_deny(runs(role, sight)),
        other => other,
    }
}

/// Who says something about a task: who may edit it, and who may write in its
/// channel.
pub fn comment(role: Role, sight: &Sight) -> Decision {
    assign(role, sight)
}

/// Who changes a comment: its author, whoever sees the task.
pub fn edit_comment(is_author: bool) -> Decision {
    Decision::allow_or_deny(is_author)
}

/// Who deletes a comment: its author, and who answers for the channel.
pub fn delete_comment(sight: &Sight, is_author: bool) -> Decision {
    let member = sight.channel.and_then(|(_, member)| member);
    let runs_channel = member.is_some_and(|member| member >= MemberRole::Admin);
    Decision::allow_or_deny(is_author || runs_channel)
}

/// Who assigns a task: who may edit it, and who may write in its channel.
pub fn assign(role: Role, sight: &Sight) -> Decision {
    let writes = sight.channel.is_some_and(|(_, member)| member.is_some());
    match update(role, sight) {
        Decision::Deny if writes => Decision::Allow,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

        assert_eq!(update(Role::Staff, &assignee), Decision::Allow);
        assert_eq!(comment(Role::Staff, &assignee), Decision::Allow);
        assert_eq!(delete(Role::Staff, &assignee), Decision::Deny);
        assert_eq!(delete(Role::Ceo, &assignee), Decision::Allow);
        assert_eq!(delete(Role::Ceo, &hidden), Decision::Hide);
        assert_eq!(delete(Role::Staff, &Sight { is_creator: true, ..assignee }), Decision::Allow);
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
        assert_eq!(update(Role::Ceo, &sight), Decision::Hide);
    }

    #[test]
    fn a_member_assigns_but_does_not_edit_and_an_admin_does_both() {
        let member = in_channel(ChannelKind::Private, Some(MemberRole::Member));
        let admin = in_channel(ChannelKind::Private, Some(MemberRole::Admin));

        assert_eq!(update(Role::Staff, &member), Decision::Deny);
        assert_eq!(assign(Role::Staff, &member), Decision::Allow);
        assert_eq!(update(Role::Staff, &admin), Decision::Allow);
        assert_eq!(update(Role::Ceo, &member), Decision::Allow);
        assert_eq!(assign(Role::Staff, &in_channel(ChannelKind::Public, None)), Decision::Deny);
    }
}
