//! The facts of the door: all of them for the audit alone. Those that end a
//! session carry the effect that closes its sockets.

use sayso_access::{SessionId, UserId};
use sayso_db::{Came, Effect, Fact, FactKind};
use sayso_users::events::ACCESS_CHANGED;
use serde_json::json;

use crate::api_token::NewToken;
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
/// A person changed their password.
pub const PASSWORD_CHANGED: FactKind =
    audited("auth.password_changed", "A person changed their password.");
/// A set-up code was made.
pub const SETUP_CODE_CREATED: FactKind =
    audited("auth.setup_code_created", "A code was made that lets the first person in.");

/// All sessions of a person ended, and not by a logout.
pub const SESSIONS_ENDED: FactKind = audited(
    "auth.sessions_ended",
    "All sessions of a person ended: somebody ended them, or the person was deactivated or deleted.",
);
/// A person ended all their sessions but this one.
pub const OTHERS_LOGGED_OUT: FactKind =
    audited("auth.others_logged_out", "A person ended all their sessions but one.");
/// A login ended older sessions: there were as many as there may be.
pub const SESSION_EVICTED: FactKind = audited(
    "auth.session_evicted",
    "A login ended the session that was not used for longest: there were too many.",
);
/// A reset was started.
pub const PASSWORD_RESET_STARTED: FactKind = audited(
    "auth.password_reset_started",
    "A code was made that lets a person choose another password.",
);
/// A reset was done.
pub const PASSWORD_RESET: FactKind = audited(
    "auth.password_reset",
    "A person chose another password by a code; all their sessions and tokens were ended.",
);
/// A second factor is being set up.
pub const SECOND_FACTOR_STARTED: FactKind =
    audited("auth.second_factor_started", "A person began to set up a second factor.");
/// A second factor counts.
pub const SECOND_FACTOR_ENABLED: FactKind =
    audited("second_factor.enabled", "A person has a second factor from now on.");
/// A second factor is gone.
pub const SECOND_FACTOR_DISABLED: FactKind =
    audited("second_factor.disabled", "The second factor of a person was removed.");
/// A recovery code was spent.
pub const RECOVERY_CODE_USED: FactKind =
    audited("auth.recovery_code_used", "A recovery code stood in for the second factor.");
/// There is another signing key.
pub const KEYS_ROTATED: FactKind =
    audited("auth.keys_rotated", "Another key signs access tokens from now on.");
/// Secrets were sealed anew.
pub const SECRETS_RESEALED: FactKind =
    audited("auth.secrets_resealed", "Secrets at rest were sealed under the present root key.");
/// An API token was made.
pub const TOKEN_CREATED: FactKind = audited("auth.token_created", "An API token was made.");
/// An API token was revoked.
pub const TOKEN_REVOKED: FactKind = audited("auth.token_revoked", "An API token was revoked.");
/// A service account was made.
pub const SERVICE_ACCOUNT_CREATED: FactKind =
    audited("auth.service_account_created", "A person was made that is a program.");
/// An identity elsewhere was linked.
pub const IDENTITY_LINKED: FactKind =
    audited("auth.identity_linked", "An identity elsewhere was linked to a person.");
/// An identity elsewhere was unlinked.
pub const IDENTITY_UNLINKED: FactKind =
    audited("auth.identity_unlinked", "An identity elsewhere was unlinked from a person.");

/// Somebody asked for what they may not have.
pub const ACCESS_REFUSED: FactKind = audited(
    "access.refused",
    "Somebody asked for what they may not have, or what there is not, or presented a wrong proof or \
     too many; as often as `count` says.",
);

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[
    &LOGGED_IN,
    &LOGIN_REFUSED,
    &LOGGED_OUT,
    &LOGGED_OUT_EVERYWHERE,
    &REFRESH_REUSE,
    &PASSWORD_CHANGED,
    &SETUP_CODE_CREATED,
    &ACCESS_REFUSED,
    &SESSIONS_ENDED,
    &OTHERS_LOGGED_OUT,
    &SESSION_EVICTED,
    &PASSWORD_RESET_STARTED,
    &PASSWORD_RESET,
    &SECOND_FACTOR_STARTED,
    &SECOND_FACTOR_ENABLED,
    &SECOND_FACTOR_DISABLED,
    &RECOVERY_CODE_USED,
    &KEYS_ROTATED,
    &SECRETS_RESEALED,
    &TOKEN_CREATED,
    &TOKEN_REVOKED,
    &SERVICE_ACCOUNT_CREATED,
    &IDENTITY_LINKED,
    &IDENTITY_UNLINKED,
];

/// Somebody asked for what they may not have.
#[must_use]
pub fn access_refused(refusal: &Refusal, first: Came, count: u32) -> Fact {
    let details = json!({
        "method": refusal.method,
        "route": refusal.route,
        "status": refusal.status,
        "count": count,
    });
    let fact = Fact::audit_only(&ACCESS_REFUSED).details(details).came(first);
    match refusal.actor {
        Some((user, _)) => fact.by(user),
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

/// All that let a person in has ended: sessions, and API tokens where those
/// went too.
#[must_use]
pub fn sessions_ended(user: UserId, sessions: &[SessionId], reason: &'static str) -> Fact {
    ending(Fact::audit_only(&SESSIONS_ENDED), sessions)
        .about("user", user.0)
        .details(json!({ "sessionsEnded": sessions.len(), "reason": reason }))
}

/// A person ended their other sessions.
#[must_use]
pub fn others_logged_out(user: UserId, sessions: &[SessionId]) -> Fact {
    of_many(&OTHERS_LOGGED_OUT, user, sessions)
}

/// A login ended older sessions.
#[must_use]
pub fn session_evicted(user: UserId, sessions: &[SessionId]) -> Fact {
    of_many(&SESSION_EVICTED, user, sessions).by(user)
}

/// A reset was done.
#[must_use]
pub fn password_reset(user: UserId, ended: &[SessionId]) -> Fact {
    of_many(&PASSWORD_RESET, user, ended).by(user)
}

fn of_many(kind: &'static FactKind, user: UserId, ended: &[SessionId]) -> Fact {
    ending(Fact::audit_only(kind), ended)
        .about("user", user.0)
        .details(json!({ "sessionsEnded": ended.len() }))
}

/// A reset was started.
#[must_use]
pub fn password_reset_started(user: UserId) -> Fact {
    Fact::audit_only(&PASSWORD_RESET_STARTED).about("user", user.0)
}

/// A second factor is being set up.
#[must_use]
pub fn second_factor_started(user: UserId) -> Fact {
    Fact::audit_only(&SECOND_FACTOR_STARTED).about("user", user.0)
}

/// A second factor counts.
#[must_use]
pub fn second_factor_enabled(user: UserId) -> Fact {
    Fact::audit_only(&SECOND_FACTOR_ENABLED).about("user", user.0)
}

/// A second factor is gone. The person's sockets come back, as somebody who may
/// lack what their role asks for.
#[must_use]
pub fn second_factor_disabled(user: UserId) -> Fact {
    let renewed = Effect::Reconnect { user, code: ACCESS_CHANGED.to_owned() };
    Fact::audit_only(&SECOND_FACTOR_DISABLED).about("user", user.0).effect(renewed)
}

/// A recovery code was spent; so many are left.
#[must_use]
pub fn recovery_code_used(user: UserId, left: i64) -> Fact {
    let fact = Fact::audit_only(&RECOVERY_CODE_USED).about("user", user.0);
    fact.details(json!({ "left": left })).by(user)
}

/// There is another signing key.
#[must_use]
pub fn keys_rotated(kid: &str, retired: &[String], are_revoked: bool) -> Fact {
    let details = json!({ "kid": kid, "retired": retired, "revoked": are_revoked });
    Fact::audit_only(&KEYS_ROTATED).details(details)
}

/// Secrets were sealed anew.
#[must_use]
pub fn secrets_resealed(count: u32) -> Fact {
    Fact::audit_only(&SECRETS_RESEALED).details(json!({ "count": count }))
}

/// An API token was made.
#[must_use]
pub fn token_created(new: &NewToken) -> Fact {
    let details = json!({
        "userId": new.user_id,
        "scopes": new.scopes.names(),
        "expiresAt": new.expires_at,
    });
    Fact::audit_only(&TOKEN_CREATED).about("token", new.id.0).details(details)
}

/// An API token was revoked: its sockets close.
#[must_use]
pub fn token_revoked(id: SessionId, user: UserId) -> Fact {
    ending(Fact::audit_only(&TOKEN_REVOKED), &[id])
        .about("token", id.0)
        .details(json!({ "userId": user }))
}

/// A service account was made.
#[must_use]
pub fn service_account_created(user: UserId) -> Fact {
    Fact::audit_only(&SERVICE_ACCOUNT_CREATED).about("user", user.0)
}

/// An identity elsewhere was linked; which, is not told.
#[must_use]
pub fn identity_linked(user: UserId, provider: &str) -> Fact {
    let fact = Fact::audit_only(&IDENTITY_LINKED).about("user", user.0);
    fact.details(json!({ "provider": provider }))
}

/// An identity elsewhere was unlinked.
#[must_use]
pub fn identity_unlinked(user: UserId, provider: &str) -> Fact {
    let fact = Fact::audit_only(&IDENTITY_UNLINKED).about("user", user.0);
    fact.details(json!({ "provider": provider }))
}

fn ending(fact: Fact, sessions: &[SessionId]) -> Fact {
    sessions.iter().fold(fact, |fact, session| {
        let code = SESSION_REVOKED.name.to_owned();
        fact.effect(Effect::EndSession { session: *session, code })
    })
}
