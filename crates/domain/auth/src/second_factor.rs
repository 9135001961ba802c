//! The second factor: set up, asked for, spent, lost.
//!
//! A code is asked for only after a right password, so that nobody learns
//! from being asked whether a password was right that was not. A wrong one is
//! counted; after a few within minutes no code is taken for a while. Whoever
//! could use that to keep a person out knows that person's password already.

use std::time::Duration;

use sayso_access::{Ctx, UserId};
use sayso_db::Tx;
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Fault, Timestamp, Vault};

use crate::error::{CODE_INVALID, CODE_REQUIRED, CODE_THROTTLED, TOTP_ENABLED, code_wrong};
use crate::model::{Outcome, before};
use crate::repo::second_factor as repo;
use crate::totp::{self, Seed, base32};
use crate::{AuthState, events, login, policy};

/// Recovery codes that a person is given.
pub const RECOVERY_CODES: usize = 10;
/// Wrong codes within [`FAILURES_WITHIN`] after which none is taken.
const FAILURES_MAX: i32 = 5;
const FAILURES_WITHIN: Duration = Duration::from_secs(300);
/// Bytes of a recovery code: 80 bits are not guessed.
const RECOVERY_LEN: usize = 10;

/// A second factor as it is stored.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The seed, sealed.
    pub seed: Vec<u8>,
    /// Whether it counts.
    pub is_confirmed: bool,
    /// The last step that was spent.
    pub last_step: i64,
    /// Wrong codes in a row.
    pub failures: i32,
    /// When the last of them came.
    pub failed_at: Option<Timestamp>,
}

impl Factor {
    fn seed(&self, vault: &Vault, user: UserId) -> Result<Seed, Fault> {
        let opened = vault.open(&label(user), &self.seed);
        let seed = opened.and_then(|bytes| Seed::from_bytes(bytes.expose()));
        seed.ok_or_else(|| {
            Fault::internal("a seed does not open: its root key is not among those that are known")
        })
    }

    /// For how long no code is taken.
    fn is_held(&self, now: Timestamp) -> Option<Duration> {
        let failed_at = self.failed_at.filter(|_| self.failures >= FAILURES_MAX)?;
        let since = now.as_second().saturating_sub(failed_at.as_second()).max(0);
        let left = FAILURES_WITHIN.checked_sub(Duration::from_secs(since.unsigned_abs()))?;
        (!left.is_zero()).then_some(left)
    }
}

/// What ties a sealed seed to its row.
#[must_use]
pub fn label(user: UserId) -> String {
    format!("totp/{user}")
}

/// What a person sets the app up with.
#[derive(Clone, Debug)]
pub struct Started {
    /// The seed.
    pub seed: Seed,
    /// What the app calls it.
    pub account: String,
}

/// Begins, if the password is right: whoever has stolen a session must not be
/// able to keep its person out. The seed counts once a code of it came back.
///
/// Audit: `auth.second_factor_started`.
///
/// # Errors
/// 409 when there is a second factor; 422 for a wrong password.
pub async fn start(
    auth: &AuthState,
    ctx: &Ctx,
    password: Secret<String>,
) -> Result<Started, Fault> {
    let proven = login::prove_again(auth, ctx, password).await?;
    let user = proven.user_id;
    let seed = Seed::new(&ctx.random);
    let sealed = auth.vault.seal(&ctx.random, &label(user), seed.as_bytes());
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let person = login::hold_proven_in(tx, ctx, &proven).await?;
        if !repo::start(tx, user, &sealed, ctx.now()).await? {
            return Err(Fault::new(&TOTP_ENABLED));
        }
        tx.emit(events::second_factor_started(user));
        Ok(person.email.unwrap_or(person.name))
    };
    let account = auth.app.db.transaction(ctx, work).await?;
    Ok(Started { seed, account })
}

/// The seed counts from now on; the codes for whoever loses the device.
///
/// Audit: `second_factor.enabled`. 422 for a wrong code, 404 when nothing was
/// begun, 409 when it counts already.
pub async fn confirm(auth: &AuthState, ctx: &Ctx, code: &str) -> Result<Vec<String>, Fault> {
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(ctx)).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| hash(code).to_vec()).collect();
    let (vault, code) = (auth.vault.clone(), code.to_owned());
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let (user, now) = (ctx.require_actor()?.user_id, ctx.now());
        let factor = repo::lock(tx, user).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
        if factor.is_confirmed {
            return Err(Fault::new(&TOTP_ENABLED));
        }
        let step = factor.seed(&vault, user)?.step_of(code.trim(), now, factor.last_step);
        let step = step.ok_or_else(code_wrong)?;
        repo::confirm(tx, user, now, step).await?;
        repo::insert_codes(tx, user, &hashes).await?;
        tx.emit(events::second_factor_enabled(user));
        Ok(())
    };
    auth.app.db.transaction(ctx, work).await?;
    Ok(codes)
}

fn recovery_code(ctx: &Ctx) -> String {
    let text = base32(&ctx.random.bytes::<RECOVERY_LEN>()).to_lowercase();
    let parts: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..at + 4]).collect();
    parts.join("-")
}

/// What is kept of a recovery code, however it was typed.
fn hash(code: &str) -> [u8; 32] {
    let typed = code.chars().filter(char::is_ascii_alphanumeric);
    let folded: String = typed.map(|c| c.to_ascii_lowercase()).collect();
    sha256(&[b"recovery/v1\0", folded.as_bytes()])
}

/// Asks whoever gave the right password for the second factor, where the
/// person has one. Refusals commit: a wrong code is counted.
///
/// Audit: `auth.login_refused` for a wrong code; `auth.recovery_code_used`.
pub(crate) async fn ask_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (vault, user, code): (&Vault, UserId, Option<&str>),
) -> Result<Outcome<()>, Fault> {
    let factor = repo::lock(tx, user).await?.filter(|factor| factor.is_confirmed);
    let Some(factor) = factor else { return Ok(Outcome::Done(())) };
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return Ok(Outcome::Refused(Fault::new(&CODE_REQUIRED)));
    };
    let now = ctx.now();
    if let Some(left) = factor.is_held(now) {
        return Ok(Outcome::Refused(Fault::new(&CODE_THROTTLED).retry_after(left)));
    }
    if spend_in(tx, ctx, (vault, user, &factor, code)).await? {
        return Ok(Outcome::Done(()));
    }
    repo::fail(tx, user, now, before(now, FAILURES_WITHIN)).await?;
    tx.emit(events::login_refused(Some(user), "wrong_code"));
    Ok(Outcome::Refused(Fault::new(&CODE_INVALID)))
}

async fn spend_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (vault, user, factor, code): (&Vault, UserId, &Factor, &str),
) -> Result<bool, Fault> {
    if totp::is_code(code) {
        let step = factor.seed(vault, user)?.step_of(code, ctx.now(), factor.last_step);
        let Some(step) = step else { return Ok(false) };
        return Ok(repo::spend_step(tx, user, step).await?);
    }
    let Some(left) = repo::spend_code(tx, user, &hash(code), ctx.now()).await? else {
        return Ok(false);
    };
    tx.emit(events::recovery_code_used(user, left));
    Ok(true)
}

/// Takes the caller's second factor away, if the password is right. A code alone
/// does not: tried with a stolen session it could be guessed, and wrong ones
/// would hold up the person's own logins. 404 when there is none.
///
/// Audit: `second_factor.disabled`.
///
/// # Errors
/// 422 for a wrong password.
pub async fn remove(auth: &AuthState, ctx: &Ctx, password: Secret<String>) -> Result<(), Fault> {
    let proven = login::prove_again(auth, ctx, password).await?;
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        login::hold_proven_in(tx, ctx, &proven).await?;
        remove_in(tx, proven.user_id).await
    };
    auth.app.db.transaction(ctx, work).await
}

/// Takes somebody's second factor away, who lost the device and the recovery
/// codes. The CEO and the operator may, of others. Where there is none,
/// nothing happens; 404 where there is no such person.
///
/// Audit: `second_factor.disabled`.
pub async fn remove_of_in(tx: &mut Tx, ctx: &Ctx, user: UserId) -> Result<(), Fault> {
    policy::help_in(ctx, user).require()?;
    let person = sayso_users::service::hold_in(tx, ctx, user).await?;
    person.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    match remove_in(tx, user).await {
        // There is none, as was asked.
        Err(fault) if fault.is(&NOT_FOUND) => Ok(()),
        outcome => outcome,
    }
}

async fn remove_in(tx: &mut Tx, user: UserId) -> Result<(), Fault> {
    if repo::delete(tx, user).await? != Some(true) {
        return Err(Fault::new(&NOT_FOUND));
    }
    tx.emit(events::second_factor_disabled(user));
    Ok(())
}
