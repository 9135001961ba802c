//! What one can do with sessions.

use std::collections::HashMap;

use sayso_access::{Ctx, SessionId, UserId};
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::{Code, Fault, Timestamp, mutants};
use sayso_users::{PasswordHash, User, model::Credentials};

use crate::error::{
    REFRESH_EXPIRED, REFRESH_INVALID, REFRESH_SUPERSEDED, SESSION_REVOKED, password_wrong,
};
use crate::model::{Lifetimes, NewSession, Opened, Outcome, Session, after, before, device};
use crate::refresh::{RefreshToken, SuccessorKey, Verdict};
use crate::repo::Found;
use crate::view::too_many_sessions;
use crate::{events, policy, repo};

/// Opens a session for a person whom the caller has made sure of, and who is
/// held until the transaction ends.
///
/// With as many sessions as there may be, the one that was not used for longest
/// ends, or 409 `auth.too_many_sessions` with the list.
///
/// Audit: `auth.logged_in`, and `auth.session_evicted`.
pub async fn open_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, new): (User, NewSession),
) -> Result<Opened, Fault> {
    let now = ctx.now();
    make_room_in(tx, ctx, (&user, &new)).await?;
    let session_expires_at = after(now, new.lifetimes.absolute);
    let token_expires_at = after(now, new.lifetimes.idle).min(session_expires_at);
    let ends = (session_expires_at, token_expires_at);
    repo::insert(tx, user.id, &new, (&ctx.origin, now), ends).await?;
    let refresh = new.refresh.clone();
    let opened = Opened { session_id: new.id, session_expires_at, user, refresh, generation: 1 };
    tx.emit(events::logged_in(&opened, &new));
    Ok(opened)
}

/// One login of a person after the other, so that none overlooks another.
async fn make_room_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, new): (&User, &NewSession),
) -> Result<(), Fault> {
    repo::lock_of(tx, user.id).await?;
    let live = repo::list(tx, user.id, living(ctx, new.lifetimes)).await?;
    let max = new.rules.sessions_max(user.role);
    if live.len() < max {
        return Ok(());
    }
    if new.rules.refuses_more() {
        return Err(too_many_sessions(live, ctx));
    }
    let mut ended = Vec::new();
    for session in live.iter().skip(max.saturating_sub(1)) {
        if repo::end(tx, session.id, ctx.now(), "evicted").await? {
            ended.push(session.id);
        }
    }
    tx.emit(events::session_evicted(user.id, &ended));
    Ok(())
}

/// What makes a session live: it has not come to its end, and was used since.
fn living(ctx: &Ctx, lifetimes: Lifetimes) -> (Timestamp, Timestamp) {
    (ctx.now(), before(ctx.now(), lifetimes.idle))
}

/// A refresh token that is presented, and what may come of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    token: RefreshToken,
    successor: RefreshToken,
    lifetimes: Lifetimes,
}

impl Exchange {
    /// Presents a token.
    #[must_use]
    pub fn new(token: RefreshToken, key: &SuccessorKey, lifetimes: Lifetimes) -> Self {
        let successor = token.successor(key);
        Self { token, successor, lifetimes }
    }
}

/// Exchanges a refresh token for its successor, or answers what it was
/// exchanged for before. Reuse ends the session, and that commits.
///
/// Audit: `auth.refresh_reuse`, with the end of the session as its effect. An
/// exchange is a trace of use and no change; it leaves no fact.
pub async fn refresh_in(
    tx: &mut Tx,
    ctx: &Ctx,
    mut exchange: Exchange,
) -> Result<Outcome<Opened>, Fault> {
    let Some(found) = repo::present(tx, &exchange.token).await? else {
        return Ok(refused(&REFRESH_INVALID));
    };
    let device = device(&ctx.origin);
    let now = ctx.now();
    let generation = match found.presented.verdict(now, &device) {
        Verdict::Rotate => {
            let expires_at = after(now, exchange.lifetimes.idle);
            let expires_at = expires_at.min(found.presented.session_expires_at);
            let tokens = (&exchange.token, &exchange.successor);
            let rotated = repo::rotate(tx, tokens, (now, expires_at), &device).await?;
            rotated.ok_or_else(|| Fault::internal("a token was exchanged past the lock"))?
        }
        Verdict::Repeat => {
            if mutants::is("token-each") {
                exchange.successor = RefreshToken::new(&ctx.random);
            }
            found.generation + 1
        }
        Verdict::Superseded => return Ok(refused(&REFRESH_SUPERSEDED)),
        Verdict::Expired => return Ok(refused(&REFRESH_EXPIRED)),
        Verdict::Ended => return Ok(refused(&SESSION_REVOKED)),
        Verdict::Reuse => return end_reused(tx, ctx, &found).await,
    };
    let Some(user) = sayso_users::service::hold_in(tx, ctx, found.user).await? else {
        // Whoever may not come in has no session; an exchange that has just
        // been made goes back with this.
        return Err(Fault::new(&SESSION_REVOKED));
    };
    Ok(Outcome::Done(Opened {
        session_id: found.session,
        session_expires_at: found.presented.session_expires_at,
        user,
        refresh: exchange.successor,
        generation,
    }))
}

fn refused<T>(code: &'static Code) -> Outcome<T> {
    Outcome::Refused(Fault::new(code))
}

async fn end_reused(tx: &mut Tx, ctx: &Ctx, found: &Found) -> Result<Outcome<Opened>, Fault> {
    if repo::end(tx, found.session, ctx.now(), "refresh_reuse").await? {
        tx.emit(events::refresh_reuse(found.session, found.user, found.generation));
    }
    Ok(refused(&SESSION_REVOKED))
}

/// Until when the newest access token of each of these sessions is good, for
/// sockets that came with an older one. Sessions that have ended are left out.
pub async fn renewed(
    db: &mut impl Queries,
    sessions: &[SessionId],
    lifetimes: Lifetimes,
) -> Result<HashMap<SessionId, Timestamp>, Fault> {
    let newest = repo::newest(db, sessions).await?;
    let until = |(id, ends_at, issued_at)| (id, after(issued_at, lifetimes.access).min(ends_at));
    Ok(newest.into_iter().map(until).collect())
}

/// Ends the caller's session.
///
/// Audit: `auth.logged_out`, with the end of the session as its effect.
pub async fn log_out_in(tx: &mut Tx, ctx: &Ctx, (): ()) -> Result<(), Fault> {
    let session = ctx.require_actor()?.session_id;
    if repo::end(tx, session, ctx.now(), "logged_out").await? {
        tx.emit(events::logged_out(session));
    }
    Ok(())
}

/// Ends all sessions of the caller, this one too.
///
/// Audit: `auth.logged_out_everywhere`, with the ends as its effects.
pub async fn log_out_all_in(tx: &mut Tx, ctx: &Ctx, (): ()) -> Result<(), Fault> {
    let user = ctx.require_actor()?.user_id;
    let ended = repo::end_all(tx, user, None, ctx.now(), "logged_out").await?;
    if !ended.is_empty() {
        tx.emit(events::logged_out_everywhere(user, &ended));
    }
    Ok(())
}

/// Ends all sessions of the caller but this one.
///
/// Audit: `auth.others_logged_out`, with the ends as its effects.
pub async fn log_out_others_in(tx: &mut Tx, ctx: &Ctx, (): ()) -> Result<(), Fault> {
    let actor = ctx.require_actor()?;
    let (user, but) = (actor.user_id, Some(actor.session_id));
    let ended = repo::end_all(tx, user, but, ctx.now(), "logged_out").await?;
    if !ended.is_empty() {
        tx.emit(events::others_logged_out(user, &ended));
    }
    Ok(())
}

/// Ends one session of the caller; 404 when it is not theirs or has ended.
///
/// Audit: `auth.logged_out`, with the end of the session as its effect.
pub async fn end_session_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (session, lifetimes): (SessionId, Lifetimes),
) -> Result<(), Fault> {
    let not_found = || Fault::new(&NOT_FOUND);
    let owner = repo::owner(tx, session, living(ctx, lifetimes)).await?.ok_or_else(not_found)?;
    policy::end_session(ctx, owner).require()?;
    if !repo::end(tx, session, ctx.now(), "logged_out").await? {
        return Err(not_found());
    }
    tx.emit(events::logged_out(session));
    Ok(())
}

/// Ends a session in the course of a login that takes its place; nothing when
/// it is not the person's, or has ended.
///
/// Audit: `auth.logged_out`, with the end of the session as its effect.
pub(crate) async fn replace_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, session, lifetimes): (UserId, SessionId, Lifetimes),
) -> Result<(), Fault> {
    let owner = repo::owner(tx, session, living(ctx, lifetimes)).await?;
    if owner == Some(user) && repo::end(tx, session, ctx.now(), "replaced").await? {
        tx.emit(events::logged_out(session).by(user));
    }
    Ok(())
}

/// Ends all sessions of a person. The CEO may, and everybody their own; 404 for
/// nobody.
///
/// Audit: `auth.sessions_ended`, with the ends as its effects.
pub async fn end_sessions_of_in(tx: &mut Tx, ctx: &Ctx, user: UserId) -> Result<(), Fault> {
    policy::sessions_of(ctx, user).require()?;
    sayso_users::service::get(tx, ctx, user).await?;
    let ended = repo::end_all(tx, user, None, ctx.now(), "ended_by_other").await?;
    if !ended.is_empty() {
        tx.emit(events::sessions_ended(user, &ended, "ended_by_other"));
    }
    Ok(())
}

/// Gives the caller another password, if the present one still is what was
/// compared; all their other sessions end.
///
/// Audit: `auth.password_changed`, with the ends as its effects.
pub async fn change_password_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (proven, new): (&Credentials, &PasswordHash),
) -> Result<(), Fault> {
    let actor = ctx.require_actor()?;
    let old = proven.password_hash.as_ref();
    let changed =
        sayso_users::service::set_password_in(tx, ctx, (proven.user_id, new, old)).await?;
    let user = changed.ok_or_else(password_wrong)?;
    let but = Some(actor.session_id);
    let ended = repo::end_all(tx, user.id, but, ctx.now(), "password_changed").await?;
    // A code that was handed out before does not open what was just closed.
    repo::reset::forget(tx, user.id).await?;
    tx.emit(events::password_changed(user.id, &ended));
    Ok(())
}

/// The sessions of a person that live, the last used first. The CEO may ask,
/// and everybody of their own; 404 for nobody.
pub async fn sessions_of(
    db: &mut impl Queries,
    ctx: &Ctx,
    (user, lifetimes): (UserId, Lifetimes),
) -> Result<Vec<Session>, Fault> {
    policy::sessions_of(ctx, user).require()?;
    // That the caller is there, they have shown.
    if ctx.user_id() != Some(user) {
        sayso_users::service::get(db, ctx, user).await?;
    }
    Ok(repo::list(db, user, living(ctx, lifetimes)).await?)
}
