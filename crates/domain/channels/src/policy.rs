//! Who may do what with a channel (contract, chapter 3). Pure.

use sayso_access::{Ctx, Decision, Grant, Permission, Role, Tie, Ties, sees};

use crate::model::{ChannelKind, MemberRole};

/// Whether the caller may make a channel of `kind`.
pub fn create(ctx: &Ctx, kind: ChannelKind) -> Decision {
    let permission = match kind {
        ChannelKind::Direct => Permission::ChannelCreateDirect,
        ChannelKind::Public | ChannelKind::Private => Permission::ChannelCreate,
    };
    Decision::allow_or_deny(ctx.granted(permission) == Grant::Yes)
}

/// Whether the caller may make, change and delete categories.
pub fn manage_categories(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(ctx.granted(Permission::CategoryManage) == Grant::Yes)
}

/// What ties somebody to a channel in which they are this.
#[must_use]
pub fn ties(kind: ChannelKind, member: Option<MemberRole>) -> Ties {
    Ties::NONE
        .with(Tie::Member, member.is_some())
        .with(Tie::Admin, member >= Some(MemberRole::Admin))
        .with(Tie::Public, kind == ChannelKind::Public)
        .with(Tie::Private, kind == ChannelKind::Private)
}

/// A channel is seen by everybody if it is public, else by its members.
pub fn view(kind: ChannelKind, member: Option<MemberRole>) -> Decision {
    if sees(Permission::ChannelView, ties(kind, member)) { Decision::Allow } else { Decision::Hide }
}

/// Reading is for members. Who sees a public channel and has not joined is
/// told so.
pub fn talk(kind: ChannelKind, member: Option<MemberRole>) -> Decision {
    match (view(kind, member), member) {
        (Decision::Allow, Some(_)) => Decision::Allow,
        (Decision::Allow, None) => Decision::Deny,
        (other, _) => other,
    }
}

/// Changing a channel, putting it away, deleting and restoring it is for its
/// owners and admins, and for the CEO where he sees it.
pub fn update(ctx: &Ctx, kind: ChannelKind, member: Option<MemberRole>) -> Decision {
    of_seen(ctx, Permission::ChannelUpdate, kind, member)
}

/// Changing its members likewise.
pub fn manage(ctx: &Ctx, kind: ChannelKind, member: Option<MemberRole>) -> Decision {
    of_seen(ctx, Permission::ChannelManageMembers, kind, member)
}

fn of_seen(
    ctx: &Ctx,
    permission: Permission,
    kind: ChannelKind,
    member: Option<MemberRole>,
) -> Decision {
    match view(kind, member) {
        Decision::Allow => Decision::allow_or_deny(ctx.may(permission, ties(kind, member))),
        other => other,
    }
}

/// Coming in by oneself: anybody into a public channel, the CEO into a private
/// one (and is then visibly a member), nobody into a direct one. Who is not in
/// it sees a public one alone.
pub fn enter(ctx: &Ctx, kind: ChannelKind) -> Decision {
    match (ctx.may(Permission::ChannelEnter, ties(kind, None)), view(kind, None)) {
        (true, _) => Decision::Allow,
        (false, Decision::Allow) => Decision::Deny,
        (false, other) => other,
    }
}

/// Giving somebody a role in a channel, or taking one: what an owner is, owners
/// say, and the CEO; nobody else raises themselves or sets an owner aside.
/// Somebody who may manage has been asked for already.
pub fn give_role(
    role: Role,
    own: Option<MemberRole>,
    before: Option<MemberRole>,
    after: Option<MemberRole>,
) -> Decision {
    let is_of_owners = before != after && [before, after].contains(&Some(MemberRole::Owner));
    Decision::allow_or_deny(!is_of_owners || own == Some(MemberRole::Owner) || role == Role::Ceo)
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, Given, Givens, SessionId, UserId, Via};
    use sayso_kernel::{Clock, Random};

    use super::*;

    /// A caller of this role, with what was granted to them or denied.
    fn caller(role: Role, given: &[(Permission, bool)]) -> Ctx {
        let given = given.iter().map(|(permission, is_granted)| {
            let (permission, is_granted) = (*permission, *is_granted);
            Given { permission, is_granted, expires_at: None }
        });
        let ctx = Ctx::anonymous(
            Via::Http,
            Clock::manual(jiff::Timestamp::UNIX_EPOCH),
            Random::seeded(1),
        );
        ctx.acting_as(Actor {
            user_id: UserId(uuid::Uuid::nil()),
            session_id: SessionId(uuid::Uuid::nil()),
            role,
            time_zone: "UTC".into(),
            givens: Givens::new(given.collect()),
        })
    }

    #[test]
    fn who_is_not_a_member_does_not_know_of_private_and_direct_channels() {
        assert_eq!(view(ChannelKind::Public, None), Decision::Allow);
        assert_eq!(view(ChannelKind::Private, None), Decision::Hide);
        assert_eq!(view(ChannelKind::Direct, None), Decision::Hide);
        assert_eq!(view(ChannelKind::Direct, Some(MemberRole::Guest)), Decision::Allow);
    }

    #[test]
    fn talking_in_a_public_channel_needs_joining_first() {
        assert_eq!(talk(ChannelKind::Public, None), Decision::Deny);
        assert_eq!(talk(ChannelKind::Private, None), Decision::Hide);
        assert_eq!(talk(ChannelKind::Public, Some(MemberRole::Guest)), Decision::Allow);
    }

    #[test]
    fn members_are_managed_by_admins_and_by_a_ceo_who_sees_the_channel() {
        let member = Some(MemberRole::Member);
        let admin = Some(MemberRole::Admin);
        let of = |role| caller(role, &[]);
        for may in [manage, update] {
            assert_eq!(may(&of(Role::Manager), ChannelKind::Public, member), Decision::Deny);
            assert_eq!(may(&of(Role::Ceo), ChannelKind::Public, None), Decision::Allow);
            assert_eq!(may(&of(Role::Ceo), ChannelKind::Private, None), Decision::Hide);
            assert_eq!(may(&of(Role::Staff), ChannelKind::Private, admin), Decision::Allow);
        }
    }

    #[test]
    fn only_the_ceo_enters_a_private_channel_uninvited_and_nobody_a_direct_one() {
        let (ceo, manager) = (caller(Role::Ceo, &[]), caller(Role::Manager, &[]));
        assert_eq!(enter(&ceo, ChannelKind::Private), Decision::Allow);
        assert_eq!(enter(&manager, ChannelKind::Private), Decision::Hide);
        assert_eq!(enter(&manager, ChannelKind::Public), Decision::Allow);
        assert_eq!(enter(&ceo, ChannelKind::Direct), Decision::Hide);
        let kept_out = caller(Role::Ceo, &[(Permission::ChannelEnter, false)]);
        assert_eq!(enter(&kept_out, ChannelKind::Public), Decision::Deny);
        assert_eq!(enter(&kept_out, ChannelKind::Private), Decision::Hide);
    }

    #[test]
    fn who_is_an_owner_is_for_owners_and_the_ceo_to_say() {
        use MemberRole::{Admin, Guest, Member, Owner};
        let cases = [
            // role, own, before, after
            (Role::Staff, Some(Owner), Some(Member), Some(Owner), Decision::Allow),
            (Role::Staff, Some(Owner), Some(Owner), None, Decision::Allow),
            (Role::Ceo, None, None, Some(Owner), Decision::Allow),
            (Role::Manager, Some(Admin), Some(Admin), Some(Owner), Decision::Deny),
            (Role::Manager, Some(Admin), None, Some(Owner), Decision::Deny),
            (Role::Manager, Some(Admin), Some(Owner), Some(Member), Decision::Deny),
            (Role::Manager, Some(Admin), Some(Owner), None, Decision::Deny),
            (Role::Manager, Some(Admin), Some(Owner), Some(Owner), Decision::Allow),
            (Role::Staff, Some(Admin), Some(Guest), Some(Admin), Decision::Allow),
            (Role::Staff, Some(Admin), Some(Admin), None, Decision::Allow),
        ];
        for (role, own, before, after, wanted) in cases {
            let decision = give_role(role, own, before, after);
            assert_eq!(decision, wanted, "{role:?} {own:?}: {before:?} to {after:?}");
        }
    }

    #[test]
    fn staff_makes_direct_channels_only() {
        let (staff, manager) = (caller(Role::Staff, &[]), caller(Role::Manager, &[]));
        assert_eq!(create(&staff, ChannelKind::Direct), Decision::Allow);
        assert_eq!(create(&staff, ChannelKind::Public), Decision::Deny);
        assert_eq!(create(&manager, ChannelKind::Private), Decision::Allow);
    }

    #[test]
    fn a_grant_and_a_denial_go_before_the_role() {
        let trusted = caller(
            Role::Staff,
            &[(Permission::ChannelCreate, true), (Permission::CategoryManage, true)],
        );
        let muted = caller(
            Role::Manager,
            &[(Permission::ChannelCreateDirect, false), (Permission::CategoryManage, false)],
        );
        assert_eq!(create(&trusted, ChannelKind::Public), Decision::Allow);
        assert_eq!(manage_categories(&trusted), Decision::Allow);
        assert_eq!(create(&muted, ChannelKind::Direct), Decision::Deny);
        assert_eq!(create(&muted, ChannelKind::Public), Decision::Allow);
        assert_eq!(manage_categories(&muted), Decision::Deny);
    }
}
