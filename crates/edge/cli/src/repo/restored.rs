//! What a restored database is told before anybody may use it.

use sayso_db::Sql;

/// This is another history: what clients remember of the one before is refused.
/// Told of its server at once, so that the first leader need not name it again.
pub(crate) const NEW_EPOCH: Sql = Sql::new(
    "restored.epoch",
    "UPDATE log_head
     SET epoch = $1, timeline = c.timeline_id, system_identifier = s.system_identifier::text
     FROM pg_control_system() s, pg_control_checkpoint() c",
);

/// Sessions of the past are not those of today: who was logged out, or lost a
/// device, since then must not come in again.
pub(crate) const END_SESSIONS: Sql = Sql::new(
    "restored.end_sessions",
    "UPDATE sessions SET ended_at = $1, end_reason = 'restored' WHERE ended_at IS NULL",
);

/// The same of API tokens, and more so: one that was revoked because it leaked
/// would be good again for up to a year.
pub(crate) const REVOKE_TOKENS: Sql = Sql::new(
    "restored.revoke_tokens",
    "UPDATE api_tokens SET revoked_at = $1 WHERE revoked_at IS NULL",
);

#[cfg(test)]
pub(super) const ALL: &[&Sql] = &[&NEW_EPOCH, &END_SESSIONS, &REVOKE_TOKENS];
