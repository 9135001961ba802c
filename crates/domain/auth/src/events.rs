//! The facts of the door: all of them for the audit alone. Those that end a
//! session carry the effect that closes its sockets.

use sayso_access::{SessionId, UserId};
use sayso_db::{Effect, Fact, FactKind};
use serde_json::json;

use crate::error::SESSION_REVOKED;
use crate::model::{NewSession, Opened};
use crate::refusals::Refusal;

const fn audited(name: &'static str, summary: &'static str) -> FactKind {
    FactKind { name, is_event: false, is_audited: true, stream: "", summary }
}

/// A session was opened.
pub const LOGGED_IN: FactKind = audited("auth.logged_in", "A person came in.");
/// A login was refused.
pub const LOGIN_REFUSED: FactKind = audited("auth.login_refused", "A login was refused.");
/// A person ended a session.
pub const LOGGED_OUT: FactKind = audited("auth.logged_out", "A person ended a session.");
/// A person ended all their sessions.
pub const LOGGED_OUT_EVERYWHERE: FactKind =
    audited("auth.logged_out_everywhere", "A person ended all their sessions.");
/// A refresh token came a second time: its session was ended.
pub const REFRESH_REUSE: FactKind = audited(
    "auth.refresh_reuse",
    "A refresh token that had been exchanged came again; its session was ended.",
);
/// A person went, and all their sessions with them.
pub const SESSIONS_ENDED: FactKind =
    audited("auth.sessions_ended", "A person was deactivated or deleted: their sessions ended.");
/// A person changed their password.
pub const PASSWORD_CHANGED: FactKind =
    audited("auth.password_changed", "A person changed their password.");
/// A set-up code was made.
pub const SETUP_CODE_CREATED: FactKind =
    audited("auth.setup_code_created", "A code was made that lets the first person in.");

/// Somebody asked for what they may not have.
pub const ACCESS_REFUSED: FactKind = audited(
    "access.refused",
    "Somebody asked for what they may not have, or what there is not; as often as `count` says.",
);

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[
    &LOGGED_IN,
    &LOGIN_REFUSED,
    &LOGGED_OUT,
    &LOGGED_OUT_EVERYWHERE,
    &REFRESH_REUSE,
    &SESSIONS_ENDED,
    &PASSWORD_CHANGED,
    &SETUP_CODE_CREATED,
    &ACCESS_REFUSED,
];

/// Somebody asked for what they may not have.
#[must_use]
pub fn access_refused(refusal: &Refusal, count: u32) -> Fact {
    let fact = Fact::audit_only(&ACCESS_REFUSED).details(json!({
        "method": refusal.method,
        "route": refusal.route,
        "status": refusal.status,
        "address": refusal.address,
        "sessionId": refusal.actor.map(|actor| actor.session_id),
        "count": count,
    }));
    match refusal.actor {
        Some(actor) => fact.by(actor.user_id),
        None => fact,
    }
}

/// A session was opened.
#[must_use]
pub fn logged_in(opened: &Opened, new: &NewSession) -> Fact {
    Fact::audit_only(&LOGGED_IN)
        .about("session", opened.session_id.0)
        .details(json!({ "means": new.means.as_str() }))
        .by(opened.user.id)
}

/// A login was refused. Who was meant is told where somebody was, what was
/// typed never.
#[must_use]
pub fn login_refused(user: Option<UserId>, reason: &'static str) -> Fact {
    let fact = Fact::audit_only(&LOGIN_REFUSED).details(json!({ "reason": reason }));
    match user {
        Some(id) => fact.about("user", id.0),
        None => fact,
    }
}

/// A person ended a session.
#[must_use]
pub fn logged_out(session: SessionId) -> Fact {
    ending(Fact::audit_only(&LOGGED_OUT), &[session]).about("session", session.0)
}

/// A person ended all their sessions.
#[must_use]
pub fn logged_out_everywhere(user: UserId, sessions: &[SessionId]) -> Fact {
    ending(Fact::audit_only(&LOGGED_OUT_EVERYWHERE), sessions)
        .about("user", user.0)
        .details(json!({ "sessions": sessions.len() }))
}

/// A refresh token came a second time.
#[must_use]
pub fn refresh_reuse(session: SessionId, user: UserId, generation: i32) -> Fact {
    ending(Fact::audit_only(&REFRESH_REUSE), &[session])
        .about("session", session.0)
        .details(json!({ "userId": user, "generation": generation }))
}

/// A person went, and all their sessions with them.
#[must_use]
pub fn sessions_ended(user: UserId, sessions: &[SessionId], reason: &'static str) -> Fact {
    ending(Fact::audit_only(&SESSIONS_ENDED), sessions)
        .about("user", user.0)
        .details(json!({ "sessionsEnded": sessions.len(), "reason": reason }))
}

/// A person changed their password; the other sessions were ended.
#[must_use]
pub fn password_changed(user: UserId, ended: &[SessionId]) -> Fact {
    ending(Fact::audit_only(&PASSWORD_CHANGED), ended)
        .about("user", user.0)
        .details(json!({ "sessionsEnded": ended.len() }))
}

/// A set-up code was made.
#[must_use]
pub fn setup_code_created() -> Fact {
    Fact::audit_only(&SETUP_CODE_CREATED)
}

fn ending(fact: Fact, sessions: &[SessionId]) -> Fact {
    sessions.iter().fold(fact, |fact, session| {
        let code = SESSION_REVOKED.name.to_owned();
        fact.effect(Effect::EndSession { session: *session, code })
    })
}
