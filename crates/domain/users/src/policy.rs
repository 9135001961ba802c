//! Who may do what with people.

use sayso_access::{Ctx, Decision, Grant, Permission, Role, Via, granted};

/// Creating a person or inviting one: the CEO, and the operator at the
/// machine, who has no session.
pub fn create(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_operator(ctx) || may(ctx, Permission::UserCreate))
}

/// Seeing the people of the company.
pub fn list(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_operator(ctx) || may(ctx, Permission::UserList))
}

fn is_operator(ctx: &Ctx) -> bool {
    ctx.actor.is_none() && ctx.via == Via::System
}

fn may(ctx: &Ctx, permission: Permission) -> bool {
    let yes = |role: Role| granted(role, permission) == Grant::Yes;
    ctx.role().is_some_and(yes)
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, SessionId, UserId};
    use sayso_kernel::{Clock, Random, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn ctx(via: Via, role: Option<Role>) -> Ctx {
        let ctx = Ctx::anonymous(via, Clock::manual(Timestamp::UNIX_EPOCH), Random::seeded(1));
        let Some(role) = role else { return ctx };
        let (user_id, session_id) = (UserId(Uuid::nil()), SessionId(Uuid::nil()));
        ctx.acting_as(Actor { user_id, session_id, role, time_zone: "UTC".into() })
    }

    #[test]
    fn only_the_ceo_and_the_operator_create_people() {
        assert_eq!(create(&ctx(Via::Http, Some(Role::Ceo))), Decision::Allow);
        assert_eq!(create(&ctx(Via::Http, Some(Role::Manager))), Decision::Deny);
        assert_eq!(create(&ctx(Via::System, Some(Role::Staff))), Decision::Deny);
        assert_eq!(create(&ctx(Via::System, None)), Decision::Allow);
    }

    #[test]
    fn nobody_without_a_session_does_anything_over_http() {
        assert_eq!(create(&ctx(Via::Http, None)), Decision::Deny);
        assert_eq!(list(&ctx(Via::Http, None)), Decision::Deny);
    }

    #[test]
    fn everybody_sees_the_people() {
        for role in Role::ALL {
            assert_eq!(list(&ctx(Via::Http, Some(role))), Decision::Allow);
        }
    }
}
