//! Who may do what with sessions, keys and tokens.

use sayso_access::{Ctx, Decision, Role, UserId, Via};

/// Ending a session: one's own. Those of others one does not know of.
pub fn end_session(ctx: &Ctx, owner: UserId) -> Decision {
    if ctx.user_id() == Some(owner) { Decision::Allow } else { Decision::Hide }
}

/// The sessions of somebody, to look at and to end: one's own, and for the CEO
/// everybody's.
pub fn sessions_of(ctx: &Ctx, owner: UserId) -> Decision {
    Decision::allow_or_deny(ctx.user_id() == Some(owner) || is_ceo(ctx) || is_operator(ctx))
}

/// The API tokens of somebody, to look at and to revoke: as their sessions.
pub fn tokens_of(ctx: &Ctx, owner: UserId) -> Decision {
    sessions_of(ctx, owner)
}

/// Helping somebody in who lost the password or the device: the CEO and the
/// operator, for others. For oneself there is the present password; a session
/// that was stolen must not be enough to get another.
pub fn help_in(ctx: &Ctx, whom: UserId) -> Decision {
    let for_another = ctx.user_id() != Some(whom);
    Decision::allow_or_deny(is_operator(ctx) || (is_ceo(ctx) && for_another))
}

/// Making programs, and tokens for them.
pub fn run_programs(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_ceo(ctx))
}

/// Linking an identity elsewhere: one's own, and for the CEO everybody's.
pub fn link(ctx: &Ctx, whom: UserId) -> Decision {
    sessions_of(ctx, whom)
}

/// What only whoever sits at the machine may do.
pub fn operate(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(is_operator(ctx))
}

fn is_ceo(ctx: &Ctx) -> bool {
    ctx.role() == Some(Role::Ceo)
}

fn is_operator(ctx: &Ctx) -> bool {
    ctx.actor.is_none() && ctx.via == Via::System
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, Givens, SessionId};
    use sayso_kernel::{Clock, Random, Timestamp};

    use super::*;

    #[test]
    fn a_session_of_somebody_else_does_not_exist() {
        let (ann, bob) = (UserId(uuid::Uuid::nil()), UserId(uuid::Uuid::max()));
        let ctx =
            Ctx::anonymous(Via::Http, Clock::manual(Timestamp::UNIX_EPOCH), Random::seeded(1));
        assert_eq!(end_session(&ctx, ann), Decision::Hide);

        let session_id = SessionId(uuid::Uuid::nil());
        let (role, time_zone) = (Role::Ceo, "UTC".to_owned());
        let givens = Givens::default();
        let ctx = ctx.acting_as(Actor { user_id: ann, session_id, role, time_zone, givens });
        assert_eq!(end_session(&ctx, ann), Decision::Allow);
        assert_eq!(end_session(&ctx, bob), Decision::Hide);
        // Ann is the CEO: others she helps, herself she does not.
        assert_eq!(sessions_of(&ctx, bob), Decision::Allow);
        assert_eq!(tokens_of(&ctx, bob), Decision::Allow);
        assert_eq!(help_in(&ctx, bob), Decision::Allow);
        assert_eq!(help_in(&ctx, ann), Decision::Deny);
        assert_eq!(operate(&ctx), Decision::Deny);
    }
}
