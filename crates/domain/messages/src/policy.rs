//! Who may do what with messages (contract, chapter 3). Pure.
//!
//! That the caller is a member of the channel was asked before: who is not
//! reads nothing, and what cannot be read is not there.

use sayso_access::Decision;
use sayso_channels::MemberRole;
use sayso_channels::repo::Standing;

/// Sending and reacting is for members of a channel that is not put away.
pub fn send(standing: Standing) -> Decision {
    Decision::allow_or_deny(standing.role.is_some() && !standing.archived)
}

/// Editing is for whoever said it, as long as they are a member.
pub fn edit(standing: Standing, is_sender: bool) -> Decision {
    Decision::allow_or_deny(standing.role.is_some() && is_sender)
}

/// Deleting is for whoever said it and for the channel's owners and admins;
/// also where the channel is put away.
pub fn delete(standing: Standing, is_sender: bool) -> Decision {
    let runs_it = standing.role.is_some_and(|role| role >= MemberRole::Admin);
    Decision::allow_or_deny(runs_it || edit(standing, is_sender) == Decision::Allow)
}

/// Bringing back likewise, but who said it brings back only what they took back
/// themselves.
pub fn restore(standing: Standing, is_sender: bool, took_back: bool) -> Decision {
    delete(standing, is_sender && took_back)
}

#[cfg(test)]
mod tests {
    use sayso_channels::ChannelKind;

    use super::*;

    #[test]
    fn who_may_do_what() {
        use Decision::{Allow, Deny};
        use MemberRole::{Admin, Guest, Member, Owner};

        // role, archived, sender → send, edit, delete
        let table = [
            (Some(Guest), false, false, [Allow, Deny, Deny]),
            (Some(Guest), false, true, [Allow, Allow, Allow]),
            (Some(Member), false, false, [Allow, Deny, Deny]),
            (Some(Member), false, true, [Allow, Allow, Allow]),
            (Some(Admin), false, false, [Allow, Deny, Allow]),
            (Some(Owner), false, false, [Allow, Deny, Allow]),
            (Some(Member), true, true, [Deny, Allow, Allow]),
            (Some(Admin), true, false, [Deny, Deny, Allow]),
            (None, false, false, [Deny, Deny, Deny]),
            (None, false, true, [Deny, Deny, Deny]),
        ];
        for kind in [ChannelKind::Public, ChannelKind::Private, ChannelKind::Direct] {
            for (role, archived, is_sender, expected) in table {
                let standing = Standing { kind, archived, role };
                let decided =
                    [send(standing), edit(standing, is_sender), delete(standing, is_sender)];
                assert_eq!(decided, expected, "{standing:?} sender: {is_sender}");
                assert_eq!(restore(standing, is_sender, true), expected[2], "{standing:?}");
                let removed = restore(standing, is_sender, false);
                assert_eq!(removed, restore(standing, false, true), "{standing:?}");
            }
        }
    }
}
