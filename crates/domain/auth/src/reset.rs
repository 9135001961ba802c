//! Another password for whoever forgot theirs, and another address.
//!
//! Somebody else starts a reset and does not choose: they are answered a code
//! of 256 bits, good once and for an hour, to hand over as they see fit. Until
//! it is spent nothing ends and nothing changes.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sayso_access::{Ctx, UserId};
use sayso_db::Tx;
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Fault, Timestamp};
use sayso_users::{Email, PasswordHash, User, service as users};

use crate::error::{password_wrong_here, reset_invalid};
use crate::model::after;
use crate::repo::{api_token, reset as repo};
use crate::{AuthState, events, login, policy};

/// How long a code is good.
pub const CODE_LIFE: Duration = Duration::from_secs(3600);
/// How often a hash that changes under us is looked at again.
const TRIES_MAX: u32 = 3;

/// What whoever starts a reset hands over.
#[derive(Clone, Debug)]
pub struct ResetCode {
    /// The code.
    pub code: Secret<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

fn hash(code: &str) -> [u8; 32] {
    sha256(&[b"reset/v1\0", code.trim().as_bytes()])
}

/// Starts a reset for somebody else. The CEO and the operator may. 404 for a
/// person who may not come in, and for a program, which has no password.
///
/// Audit: `auth.password_reset_started`.
pub async fn start(auth: &AuthState, ctx: &Ctx, user: UserId) -> Result<ResetCode, Fault> {
    policy::help_in(ctx, user).require()?;
    let code = URL_SAFE_NO_PAD.encode(ctx.random.bytes::<32>());
    let expires_at = after(ctx.now(), CODE_LIFE);
    let kept = hash(&code);
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let person = users::hold_in(tx, ctx, user).await?;
        if person.is_none() || api_token::is_account(tx, user).await? {
            return Err(Fault::new(&NOT_FOUND));
        }
        repo::insert(tx, user, &kept, (ctx.now(), expires_at)).await?;
        tx.emit(events::password_reset_started(user));
        Ok(())
    };
    auth.app.db.transaction(ctx, work).await?;
    Ok(ResetCode { code: Secret::new(code), expires_at })
}

/// Spends a code: its person has this password, and all their sessions and API
/// tokens have ended.
///
/// Audit: `auth.password_reset`, with the ends as its effects. 422 for a code
/// that is spent, too old or none.
pub async fn finish(
    auth: &AuthState,
    ctx: &Ctx,
    (code, password): (&str, Secret<String>),
) -> Result<(), Fault> {
    let kept = hash(code);
    // Before the password is hashed, so that nonsense costs nothing.
    let open = repo::find(&mut auth.app.db.read(), &kept, ctx.now()).await?;
    open.ok_or_else(reset_invalid)?;
    let password = auth.hasher.hash(password).await?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| finish_in(tx, ctx, (&kept, &password)).await;
    auth.app.db.transaction(ctx, work).await
}

async fn finish_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (kept, password): (&[u8], &PasswordHash),
) -> Result<(), Fault> {
    let now = ctx.now();
    let user = repo::spend(tx, kept, now).await?.ok_or_else(reset_invalid)?;
    set_password_in(tx, ctx, (user, password)).await?;
    let mut ended = crate::repo::end_all(tx, user, None, now, "password_reset").await?;
    ended.extend(api_token::revoke_all(tx, user, now).await?);
    tx.emit(events::password_reset(user, &ended));
    Ok(())
}

/// Whatever the present password is. A login may be making its hash dearer.
async fn set_password_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, new): (UserId, &PasswordHash),
) -> Result<User, Fault> {
    for _ in 0..TRIES_MAX {
        let known = users::credentials_of(tx, user).await?.ok_or_else(reset_invalid)?;
        let old = known.password_hash.as_ref();
        if let Some(user) = users::set_password_in(tx, ctx, (user, new, old)).await? {
            return Ok(user);
        }
    }
    Err(reset_invalid())
}

/// Gives the caller another address to log in with, if the password is right;
/// a reset that was started for the old one is void.
///
/// Event and audit: `user.email_changed`. 409 when another person has it.
pub async fn change_email(
    auth: &AuthState,
    ctx: &Ctx,
    (password, email): (Secret<String>, Email),
) -> Result<User, Fault> {
    let proven = login::prove_again(auth, ctx, password).await?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let changed = users::set_email_in(tx, ctx, (&proven, &email)).await?;
        let changed = changed.ok_or_else(|| password_wrong_here("#/password"))?;
        repo::forget(tx, changed.id).await?;
        Ok(changed)
    };
    auth.app.db.transaction(ctx, work).await
}
