//! Coming in: what has to be compared before a session is opened.
//!
//! Comparing takes a quarter of a second and must hold no connection, so it
//! stands between a read and the transaction, which looks again.

use std::sync::Arc;

use sayso_access::{Ctx, SessionId, UserId};
use sayso_db::Tx;
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Vault};
use sayso_users::model::Credentials;
use sayso_users::password::Checked;
use sayso_users::{PasswordHash, User, service as users};

use crate::error::{
    INVALID_CREDENTIALS, REFRESH_INVALID, TOO_MANY_SESSIONS, password_unchanged, password_weak_new,
    password_wrong, password_wrong_here,
};
use crate::model::{Means, NewSession, Opened, Outcome, Pair};
use crate::refresh::RefreshToken;
use crate::service::Exchange;
use crate::{AuthState, events, second_factor, service};

/// How often a login begins again because the password was changed under it.
const TRIES_MAX: u32 = 3;

/// What a person proves who they are with.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// The address, as it was typed.
    pub email: String,
    /// The password.
    pub password: Secret<String>,
    /// What the person calls the device.
    pub device_name: Option<String>,
    /// The code of the second factor.
    pub code: Option<String>,
    /// A session that is to end for this one.
    pub replaces: Option<SessionId>,
}

/// Opens a session for whoever knows the password.
///
/// An unknown e-mail, a wrong password and a person who may not come in are
/// answered alike: after the same work, with 401 `auth.invalid_credentials`.
///
/// Whoever has a second factor is asked for it after a right password: 401
/// `auth.code_required`, `auth.code_invalid`.
///
/// Audit: `auth.logged_in` or `auth.login_refused`.
pub async fn log_in(auth: &AuthState, ctx: &Ctx, input: LogIn) -> Result<Pair, Fault> {
    for _ in 0..TRIES_MAX {
        let proof = match compare(auth, &input).await? {
            Ok(proof) => proof,
            Err(refusal) => return refuse(auth, ctx, refusal).await,
        };
        let user = proof.credentials.user_id;
        let opened = open(auth, ctx, Entry::new(auth, ctx, proof, &input)).await;
        if opened.as_ref().is_err_and(|fault| fault.is(&TOO_MANY_SESSIONS)) {
            note_refusal(auth, ctx, user).await?;
        }
        if let Some(outcome) = opened? {
            return auth.keys.issue(outcome.into_result()?, ctx.now());
        }
    }
    refuse(auth, ctx, Refusal { user: None, reason: "changing" }).await
}

/// What is refused after a right password, and so is answered in its own way.
async fn note_refusal(auth: &AuthState, ctx: &Ctx, user: UserId) -> Result<(), Fault> {
    let work = async move |tx: &mut Tx, _: &Ctx| {
        tx.emit(events::login_refused(Some(user), "too_many_sessions"));
        Ok(())
    };
    auth.app.db.transaction(ctx, work).await
}

/// Compares the password with the one of whoever has the e-mail, if anybody.
/// Whether they may come in is known by then: for who may not, a right password
/// leads to no work that a wrong one would not.
async fn compare(auth: &AuthState, input: &LogIn) -> Result<Result<Proof, Refusal>, Fault> {
    let known = users::credentials(&mut auth.app.db.read(), &input.email).await?;
    let stored = known.as_ref().and_then(|known| known.password_hash.clone());
    let (hasher, password) = (&auth.hasher, input.password.clone());
    let checked = if known.as_ref().is_some_and(|known| known.may_enter) {
        hasher.check_and_renew(password, stored).await?
    } else {
        hasher.check(password, stored).await?
    };
    Ok(judge(known, checked))
}

async fn open(auth: &AuthState, ctx: &Ctx, entry: Entry) -> Result<Option<Outcome<Opened>>, Fault> {
    let work = async move |tx: &mut Tx, ctx: &Ctx| log_in_in(tx, ctx, &entry).await;
    auth.app.db.transaction(ctx, work).await
}

/// What a login brings into its transaction.
struct Entry {
    proof: Proof,
    new: NewSession,
    code: Option<String>,
    replaces: Option<SessionId>,
    vault: Arc<Vault>,
}

impl Entry {
    fn new(auth: &AuthState, ctx: &Ctx, proof: Proof, input: &LogIn) -> Self {
        Self {
            proof,
            new: NewSession::new(auth, ctx, Means::Password, input.device_name.clone()),
            code: input.code.clone(),
            replaces: input.replaces,
            vault: Arc::clone(&auth.vault),
        }
    }
}

/// A password that was found right.
#[derive(Clone, Debug)]
struct Proof {
    credentials: Credentials,
    /// The hash to store instead of the present one, which costs too little.
    dearer: Option<PasswordHash>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    user: Option<UserId>,
    reason: &'static str,
}

fn judge(known: Option<Credentials>, checked: Checked) -> Result<Proof, Refusal> {
    let Some(credentials) = known else {
        return Err(Refusal { user: None, reason: "unknown" });
    };
    let refused = |reason| Err(Refusal { user: Some(credentials.user_id), reason });
    let dearer = match checked {
        Checked::Wrong => return refused("wrong_password"),
        Checked::Right => None,
        Checked::RightButCheap(dearer) => Some(dearer),
    };
    if !credentials.may_enter {
        return refused("inactive");
    }
    Ok(Proof { credentials, dearer })
}

/// Opens a session for whoever gave the proof; `None` when the password or the
/// person was changed meanwhile.
async fn log_in_in(
    tx: &mut Tx,
    ctx: &Ctx,
    entry: &Entry,
) -> Result<Option<Outcome<Opened>>, Fault> {
    let proven = (&entry.proof.credentials, entry.proof.dearer.as_ref());
    let Some(user) = users::hold_proven_in(tx, ctx, proven).await? else { return Ok(None) };
    let asked = (&*entry.vault, user.id, entry.code.as_deref());
    if let Outcome::Refused(fault) = second_factor::ask_in(tx, ctx, asked).await? {
        return Ok(Some(Outcome::Refused(fault)));
    }
    if let Some(session) = entry.replaces {
        service::replace_in(tx, ctx, (user.id, session, entry.new.lifetimes)).await?;
    }
    let opened = service::open_in(tx, ctx, (user, entry.new.clone())).await?;
    Ok(Some(Outcome::Done(opened)))
}

async fn refuse(auth: &AuthState, ctx: &Ctx, refusal: Refusal) -> Result<Pair, Fault> {
    let work = async move |tx: &mut Tx, ctx: &Ctx| refuse_in(tx, ctx, refusal).await;
    auth.app.db.transaction(ctx, work).await?.into_result()
}

async fn refuse_in(tx: &mut Tx, _: &Ctx, refusal: Refusal) -> Result<Outcome<Pair>, Fault> {
    tx.emit(events::login_refused(refusal.user, refusal.reason));
    Ok(Outcome::Refused(Fault::new(&INVALID_CREDENTIALS)))
}

/// Goes on with a session: a refresh token for the next.
///
/// Audit: `auth.refresh_reuse` where a token came a second time; see
/// [`service::refresh_in`].
pub async fn refresh(auth: &AuthState, ctx: &Ctx, token: &str) -> Result<Pair, Fault> {
    let token = RefreshToken::parse(token).ok_or_else(|| Fault::new(&REFRESH_INVALID))?;
    let exchange = Exchange::new(token, auth.keys.successor_key(), auth.keys.lifetimes());
    let work =
        async move |tx: &mut Tx, ctx: &Ctx| service::refresh_in(tx, ctx, exchange.clone()).await;
    let opened = auth.app.db.transaction(ctx, work).await?.into_result()?;
    auth.keys.issue(opened, ctx.now())
}

/// Spends an invitation: its person has this password and a session.
///
/// Audit: `user.invitation_accepted`, `auth.logged_in`.
pub async fn accept_invitation(
    auth: &AuthState,
    ctx: &Ctx,
    (token, password): (String, Secret<String>),
) -> Result<Pair, Fault> {
    users::check_invitation(&mut auth.app.db.read(), ctx, &token).await?;
    let hash = auth.hasher.hash(password).await?;
    let new = NewSession::new(auth, ctx, Means::Invitation, None);
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let user = users::accept_invitation_in(tx, ctx, (&token, &hash)).await?;
        service::open_in(tx, ctx, (user, new.clone())).await
    };
    auth.keys.issue(auth.app.db.transaction(ctx, work).await?, ctx.now())
}

/// Makes sure that whoever is logged in also knows the password: an access
/// token that was stolen must not be enough for what outlives it.
///
/// # Errors
/// 422 `password.wrong` at `#/password`; 503 when too many are waiting.
pub(crate) async fn prove_again(
    auth: &AuthState,
    ctx: &Ctx,
    password: Secret<String>,
) -> Result<Credentials, Fault> {
    let user = ctx.require_actor()?.user_id;
    let proven = own_password(auth, user, password).await?;
    proven.ok_or_else(|| password_wrong_here("#/password"))
}

/// The caller, held until the transaction ends; refused where the password
/// that they proved is theirs no longer.
pub(crate) async fn hold_proven_in(
    tx: &mut Tx,
    ctx: &Ctx,
    proven: &Credentials,
) -> Result<User, Fault> {
    let held = users::hold_proven_in(tx, ctx, (proven, None)).await?;
    held.ok_or_else(|| password_wrong_here("#/password"))
}

/// What proves a person who is logged in, if the password is theirs.
async fn own_password(
    auth: &AuthState,
    user: UserId,
    password: Secret<String>,
) -> Result<Option<Credentials>, Fault> {
    let known = users::credentials_of(&mut auth.app.db.read(), user).await?;
    let stored = known.as_ref().and_then(|known| known.password_hash.clone());
    let checked = auth.hasher.check(password, stored).await?;
    Ok(known.filter(|_| checked != Checked::Wrong))
}

/// Gives the caller another password; see [`service::change_password_in`].
pub async fn change_password(
    auth: &AuthState,
    ctx: &Ctx,
    (current, new): (Secret<String>, Secret<String>),
) -> Result<(), Fault> {
    let user = ctx.require_actor()?.user_id;
    let proven = own_password(auth, user, current.clone()).await?.ok_or_else(password_wrong)?;
    if current == new {
        return Err(password_unchanged());
    }
    let hash = auth.hasher.hash(new).await.map_err(password_weak_new)?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        service::change_password_in(tx, ctx, (&proven, &hash)).await
    };
    auth.app.db.transaction(ctx, work).await
}
