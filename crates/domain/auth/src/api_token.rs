//! Tokens of programs, and the programs that have a name of their own.
//!
//! A token is 256 bits behind a prefix by which leaked ones are found; it is
//! shown once and kept as a hash. It acts in its person's name, within its
//! scopes ([`crate::scope`]), and never for longer than a year. To whoever asks
//! for a session it is one that is not refreshed: revoking it closes its
//! sockets as the end of a session does.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sayso_access::{Ctx, Role, SessionId, UserId, Via};
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Fault, Timestamp, hex};
use sayso_users::model::Credentials;
use sayso_users::{Credential, Email, NewUser, service as users};

use crate::error::TOO_MANY_TOKENS;
use crate::error::{
    SESSION_REVOKED, TOKEN_EXPIRED, TOKEN_INVALID, expiry_invalid, unknown_account,
};
use crate::model::{ApiToken, TokenState, after, before};
use crate::repo::api_token as repo;
use crate::scope::Scopes;
use crate::{AuthState, events, login, policy};

/// How every token begins.
pub const PREFIX: &str = "sayso_pat_";
/// How long a token may live.
pub const LIFE_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Tokens of one person at the most.
pub const TOKENS_MAX: i64 = 50;
/// Programs that are listed.
const ACCOUNTS_LISTED_MAX: i64 = 200;
/// How often the use of a token is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id.
    pub id: SessionId,
    /// What it is called.
    pub name: String,
    /// In whose name it acts.
    pub user_id: UserId,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The token.
    pub secret: Secret<String>,
}

impl NewToken {
    /// A new token of the caller, or of a program.
    pub fn new(
        ctx: &Ctx,
        (name, of): (String, Option<UserId>),
        scopes: Scopes,
        expires_at: Timestamp,
    ) -> Result<Self, Fault> {
        let own = ctx.require_actor()?.user_id;
        let random = URL_SAFE_NO_PAD.encode(ctx.random.bytes::<32>());
        let secret = Secret::new(format!("{PREFIX}{random}"));
        let id = SessionId(ctx.new_id());
        Ok(Self { id, name, user_id: of.unwrap_or(own), scopes, expires_at, secret })
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        hash(self.secret.expose())
    }
}

fn hash(token: &str) -> [u8; 32] {
    sha256(&[b"api-token/v1\0", token.as_bytes()])
}

/// A program with a name and a role of its own.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// It is a person to everybody else.
    pub user_id: UserId,
    /// What it is called.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it may come in.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tokens that are good.
    pub tokens: i64,
}

/// Makes a token, if the password is the caller's: it lives for longer than
/// what they came with. See [`create_in`].
///
/// # Errors
/// 422 for a wrong password.
pub async fn create(
    auth: &AuthState,
    ctx: &Ctx,
    (password, new): (Secret<String>, NewToken),
) -> Result<(), Fault> {
    let proven = login::prove_again(auth, ctx, password).await?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| create_in(tx, ctx, (&proven, &new)).await;
    auth.app.db.transaction(ctx, work).await
}

/// Keeps a token. Everybody may have some of their own; the CEO those of
/// programs, too, which for others do not exist.
///
/// Audit: `auth.token_created`.
async fn create_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (proven, new): (&Credentials, &NewToken),
) -> Result<(), Fault> {
    let (by, now) = (ctx.require_actor()?.user_id, ctx.now());
    if new.expires_at <= now || new.expires_at > after(now, LIFE_MAX) {
        return Err(expiry_invalid());
    }
    if new.user_id != by {
        let is_account = repo::is_account(tx, new.user_id).await?;
        let is_allowed = is_account && policy::run_programs(ctx).require().is_ok();
        is_allowed.then_some(()).ok_or_else(unknown_account)?;
    }
    login::hold_proven_in(tx, ctx, proven).await?;
    if new.user_id != by {
        users::hold_in(tx, ctx, new.user_id).await?.ok_or_else(unknown_account)?;
    }
    crate::repo::lock_of(tx, new.user_id).await?;
    if repo::count(tx, new.user_id, now).await? >= TOKENS_MAX {
        return Err(Fault::new(&TOO_MANY_TOKENS));
    }
    repo::insert(tx, new, by, now).await?;
    tx.emit(events::token_created(new));
    Ok(())
}

/// The caller's tokens that are good, the newest first; for the CEO those of
/// programs, too.
pub async fn list(db: &mut impl Queries, ctx: &Ctx) -> Result<Vec<ApiToken>, Fault> {
    let user = ctx.require_actor()?.user_id;
    let of_programs = policy::run_programs(ctx).require().is_ok();
    Ok(repo::list(db, (user, of_programs), ctx.now(), 4 * TOKENS_MAX).await?)
}

/// The tokens of a person that are good, the newest first. The CEO may ask,
/// and everybody of their own; 404 for nobody.
pub async fn list_of(
    db: &mut impl Queries,
    ctx: &Ctx,
    user: UserId,
) -> Result<Vec<ApiToken>, Fault> {
    policy::tokens_of(ctx, user).require()?;
    users::get(db, ctx, user).await?;
    Ok(repo::list(db, (user, false), ctx.now(), TOKENS_MAX).await?)
}

/// Revokes a token: one's own, and for the CEO anybody's; 404 for others.
///
/// Audit: `auth.token_revoked`, with the end of its sockets as its effect.
pub async fn revoke_in(tx: &mut Tx, ctx: &Ctx, id: SessionId) -> Result<(), Fault> {
    let not_found = || Fault::new(&NOT_FOUND);
    let user = repo::owner(tx, id, ctx.now()).await?.ok_or_else(not_found)?;
    // Of a token that is not theirs to end, nobody learns that there is one.
    policy::tokens_of(ctx, user).require().map_err(|_| not_found())?;
    if !repo::revoke(tx, id, ctx.now()).await? {
        return Err(not_found());
    }
    tx.emit(events::token_revoked(id, user));
    Ok(())
}

/// A program that is to be made: a person with a password that nobody knows,
/// and an address that leads nowhere (RFC 2606).
pub async fn new_account(
    auth: &AuthState,
    ctx: &Ctx,
    (name, role): (String, Role),
) -> Result<NewUser, Fault> {
    policy::run_programs(ctx).require()?;
    let password = Secret::new(hex::encode(&ctx.random.bytes::<32>()));
    let hash = auth.hasher.hash(password).await?;
    let address = format!("service-{}@service.invalid", hex::encode(&ctx.random.bytes::<8>()));
    let email = Email::parse(&address).ok_or_else(|| Fault::internal("it is an address"))?;
    Ok(NewUser::new(ctx, email, name, role, Credential::Chosen(hash)))
}

/// Makes a program. The CEO may.
///
/// Event and audit: `user.created`; audit: `auth.service_account_created`.
pub async fn create_account_in(
    tx: &mut Tx,
    ctx: &Ctx,
    new: NewUser,
) -> Result<ServiceAccount, Fault> {
    policy::run_programs(ctx).require()?;
    let user = users::create_in(tx, ctx, new).await?;
    repo::insert_account(tx, user.id, ctx.user_id(), ctx.now()).await?;
    tx.emit(events::service_account_created(user.id));
    let (user_id, created_at) = (user.id, user.created_at);
    Ok(ServiceAccount {
        user_id,
        name: user.name,
        role: user.role,
        active: user.active,
        created_at,
        tokens: 0,
    })
}

/// The programs, the newest first. The CEO may ask.
pub async fn accounts(db: &mut impl Queries, ctx: &Ctx) -> Result<Vec<ServiceAccount>, Fault> {
    policy::run_programs(ctx).require()?;
    Ok(repo::accounts(db, ctx.now(), ACCOUNTS_LISTED_MAX).await?)
}

/// Whether a token has the form of an API token.
pub(crate) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Checks an API token and whom it acts for, and notes its use.
pub(crate) async fn enter(
    auth: &AuthState,
    token: &str,
    now: Timestamp,
) -> Result<TokenState, Fault> {
    let print = hash(token);
    let mark = auth.memory.mark();
    let kept = if auth.app.hub.is_fresh() { auth.memory.token(&print) } else { None };
    let is_kept = kept.is_some();
    let mut state = match kept {
        Some(state) => state,
        None => {
            let found = repo::state(&mut auth.app.db.read(), &print, now).await?;
            found.ok_or_else(|| Fault::new(&TOKEN_INVALID))?
        }
    };
    if state.is_revoked || !state.may_enter {
        return Err(Fault::new(&SESSION_REVOKED));
    }
    if state.expires_at <= now {
        return Err(Fault::new(&TOKEN_EXPIRED));
    }
    let since = before(now, NOTED_EVERY);
    let is_noted = state.last_used_at.is_some_and(|at| at >= since);
    if !is_noted {
        note(auth, state.id, now).await?;
        state.last_used_at = Some(now);
    }
    if !is_kept || !is_noted {
        auth.memory.keep_token(mark, print, state.clone());
    }
    Ok(state)
}

/// A trace of use, once a minute: no fact.
async fn note(auth: &AuthState, id: SessionId, now: Timestamp) -> Result<(), Fault> {
    let app = &auth.app;
    let ctx = Ctx::anonymous(Via::System, app.clock.clone(), app.random.clone());
    let since = before(now, NOTED_EVERY);
    let work = async move |tx: &mut Tx, _: &Ctx| Ok(repo::touch(tx, id, now, since).await?);
    app.db.transaction(&ctx, work).await
}
