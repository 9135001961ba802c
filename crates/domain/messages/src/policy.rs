//! Who may do what with messages (contract, chapter 3). Pure.
//!
//! That the caller is a member of the channel was asked before: who is not
//! reads nothing, and what cannot be read is not there.

use sayso_access::{Ctx, Decision, Permission, Tie, Ties};
use sayso_channels::repo::Standing;

/// What ties a member of its channel to a message; whoever is none is a stranger
/// to what they said themselves.
#[must_use]
pub fn ties(standing: Standing, is_sender: bool) -> Ties {
    sayso_channels::policy::ties(standing.kind, standing.role)
        .with(Tie::Own, is_sender && standing.role.is_some())
}

/// Sending and reacting is for members.
pub fn send(ctx: &Ctx, standing: Standing) -> Decision {
    Decision::allow_or_deny(ctx.may(Permission::MessageSend, ties(standing, false)))
}

/// Whether who acts may send wherever they are a member, which the statement
/// that keeps the message sees to.
#[must_use]
pub fn sends_as_member(ctx: &Ctx) -> bool {
    ctx.may(Permission::MessageSend, Ties::NONE.with(Tie::Member, true))
}

/// Editing is for whoever said it, as long as they are a member.
pub fn edit(ctx: &Ctx, standing: Standing, is_sender: bool) -> Decision {
    Decision::allow_or_deny(ctx.may(Permission::MessageEdit, ties(standing, is_sender)))
}

/// Deleting is for whoever said it and for the channel's owners and admins;
/// also where the channel is put away.
pub fn delete(ctx: &Ctx, standing: Standing, is_sender: bool) -> Decision {
    Decision::allow_or_deny(ctx.may(Permission::MessageDelete, ties(standing, is_sender)))
}

/// Bringing back likewise, but who said it brings back only what they took back
/// themselves.
pub fn restore(ctx: &Ctx, standing: Standing, is_sender: bool, took_back: bool) -> Decision {
    delete(ctx, standing, is_sender && took_back)
}

#[cfg(test)]
mod tests {
    use sayso_access::Role;
    use sayso_channels::{ChannelKind, MemberRole};
    use sayso_testkit::TestCtx;

    use super::*;

    #[test]
    fn who_may_do_what() {
        use Decision::{Allow, Deny};
        use MemberRole::{Admin, Guest, Member, Owner};

        // role, sender → send, edit, delete
        let table = [
            (Some(Guest), false, [Allow, Deny, Deny]),
            (Some(Guest), true, [Allow, Allow, Allow]),
            (Some(Member), false, [Allow, Deny, Deny]),
            (Some(Member), true, [Allow, Allow, Allow]),
            (Some(Admin), false, [Allow, Deny, Allow]),
            (Some(Owner), false, [Allow, Deny, Allow]),
            (None, false, [Deny, Deny, Deny]),
            (None, true, [Deny, Deny, Deny]),
        ];
        let stage = TestCtx::new();
        for caller in Role::ALL.map(|role| stage.acting(role)) {
            let ctx = &caller;
            for kind in [ChannelKind::Public, ChannelKind::Private, ChannelKind::Direct] {
                for (role, is_sender, expected) in table {
                    let standing = Standing { kind, archived: false, role };
                    let decided = [
                        send(ctx, standing),
                        edit(ctx, standing, is_sender),
                        delete(ctx, standing, is_sender),
                    ];
                    assert_eq!(decided, expected, "{standing:?} sender: {is_sender}");
                    let back = |took_back| restore(ctx, standing, is_sender, took_back);
                    assert_eq!(back(true), expected[2], "{standing:?}");
                    assert_eq!(back(false), restore(ctx, standing, false, true), "{standing:?}");
                }
            }
        }
    }
}
