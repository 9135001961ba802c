//! Who may read the audit. Pure.

use sayso_access::{Ctx, Decision, Grant, Permission};

/// Reading the audit: the CEO, and whoever was granted it.
pub fn read(ctx: &Ctx) -> Decision {
    Decision::allow_or_deny(ctx.granted(Permission::AuditRead) == Grant::Yes)
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, Givens, Role, SessionId, UserId, Via};
    use sayso_kernel::{Clock, Random, Timestamp};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_ceo_reads_and_nobody_else() {
        let nobody =
            Ctx::anonymous(Via::Http, Clock::manual(Timestamp::UNIX_EPOCH), Random::seeded(1));
        assert_eq!(read(&nobody), Decision::Deny);
        for (role, decision) in [
            (Role::Ceo, Decision::Allow),
            (Role::Manager, Decision::Deny),
            (Role::Staff, Decision::Deny),
        ] {
            let (user_id, session_id) = (UserId(Uuid::nil()), SessionId(Uuid::nil()));
            let actor = Actor {
                user_id,
                session_id,
                role,
                time_zone: "UTC".into(),
                givens: Givens::default(),
            };
            assert_eq!(read(&nobody.clone().acting_as(actor)), decision);
        }
    }
}
