//! Coming in: what has to be compared before a session is opened.
//!
//! Comparing takes a quarter of a second and must hold no connection, so it
//! stands between a read and the transaction, which looks again.

use sayso_access::{Ctx, UserId};
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::secret::Secret;
use sayso_users::model::Credentials;
use sayso_users::password::Checked;
use sayso_users::{PasswordHash, service as users};

use crate::error::{INVALID_CREDENTIALS, REFRESH_INVALID, password_unchanged, password_wrong};
use crate::model::{Means, NewSession, Opened, Outcome, Pair};
use crate::refresh::RefreshToken;
use crate::service::Exchange;
use crate::{AuthState, events, service};

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
}

/// Opens a session for whoever knows the password.
///
/// An unknown e-mail, a wrong password and a person who may not come in are
/// answered alike: after the same work, with 401 `auth.invalid_credentials`.
///
/// Audit: `auth.logged_in` or `auth.login_refused`.
pub async fn log_in(auth: &AuthState, ctx: &Ctx, input: LogIn) -> Result<Pair, Fault> {
    for _ in 0..TRIES_MAX {
        let proof = match compare(auth, &input).await? {
            Ok(proof) => proof,
            Err(refusal) => return refuse(auth, ctx, refusal).await,
        };
        if let Some(opened) = open(auth, ctx, (proof, input.device_name.clone())).await? {
            return auth.keys.issue(opened, ctx.now());
        }
    }
    refuse(auth, ctx, Refusal { user: None, reason: "changing" }).await
}

/// Compares the password with the one of whoever has the e-mail, if anybody.
async fn compare(auth: &AuthState, input: &LogIn) -> Result<Result<Proof, Refusal>, Fault> {
    let known = users::credentials(&mut auth.app.db.read(), &input.email).await?;
    let stored = known.as_ref().and_then(|known| known.password_hash.clone());
    let checked = auth.hasher.check(input.password.clone(), stored).await?;
    Ok(judge(known, checked))
}

async fn open(
    auth: &AuthState,
    ctx: &Ctx,
    (proof, device_name): (Proof, Option<String>),
) -> Result<Option<Opened>, Fault> {
    let new = NewSession::new(ctx, auth.keys.lifetimes(), Means::Password, device_name);
    let work = async move |tx: &mut Tx, ctx: &Ctx| log_in_in(tx, ctx, (&proof, new.clone())).await;
    auth.app.db.transaction(ctx, work).await
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
    (proof, new): (&Proof, NewSession),
) -> Result<Option<Opened>, Fault> {
    let proven = (&proof.credentials, proof.dearer.as_ref());
    let Some(user) = users::hold_proven_in(tx, ctx, proven).await? else { return Ok(None) };
    service::open_in(tx, ctx, (user, new)).await.map(Some)
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
    let new = NewSession::new(ctx, auth.keys.lifetimes(), Means::Invitation, None);
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let user = users::accept_invitation_in(tx, ctx, (&token, &hash)).await?;
        service::open_in(tx, ctx, (user, new.clone())).await
    };
    auth.keys.issue(auth.app.db.transaction(ctx, work).await?, ctx.now())
}

/// Gives the caller another password; see [`service::change_password_in`].
pub async fn change_password(
    auth: &AuthState,
    ctx: &Ctx,
    (current, new): (Secret<String>, Secret<String>),
) -> Result<(), Fault> {
    let user = ctx.require_actor()?.user_id;
    let known = users::credentials_of(&mut auth.app.db.read(), user).await?;
    let proven = known.ok_or_else(password_wrong)?;
    let checked = auth.hasher.check(current.clone(), proven.password_hash.clone()).await?;
    if checked == Checked::Wrong {
        return Err(password_wrong());
    }
    if current == new {
        return Err(password_unchanged());
    }
    let hash = auth.hasher.hash(new).await?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        service::change_password_in(tx, ctx, (&proven, &hash)).await
    };
    auth.app.db.transaction(ctx, work).await
}
