//! Who may do what with sessions.

use sayso_access::{Ctx, Decision, UserId};

/// Ending a session: one's own. Those of others one does not know of.
pub fn end_session(ctx: &Ctx, owner: UserId) -> Decision {
    if ctx.user_id() == Some(owner) { Decision::Allow } else { Decision::Hide }
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, Givens, Role, SessionId, Via};
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
    }
}
