//! Signing keys that take turns.
//!
//! A new key is published a moment before it signs, so that no node meets a
//! token whose key it has not read; the ones before it are believed until the
//! last token they signed has expired. Nodes read the keys when the log says
//! that there are others, once a minute (five times a second while the log may
//! have more than they know), and when a token names one that is not known.

use std::time::{Duration, Instant};

use sayso_access::{Ctx, Via};
use sayso_db::{Db, Tx};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Fault, hex};
use tokio_util::sync::CancellationToken;

use crate::model::{Lifetimes, after};
use crate::repo::key;
use crate::token::NamedKey;
use crate::{AuthState, Keys, events, policy};

/// How long a key is published before it signs: nodes hear of it within a
/// fraction of that.
pub const SIGNS_AFTER: Duration = Duration::from_secs(3);
/// How far the clocks of two nodes may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// How often the keys are read without a reason.
const READ_EVERY: Duration = Duration::from_secs(60);
/// How often they are read while the log may be silent: that it may be is
/// noticed within 750 ms, and a key that is revoked is to be believed by no
/// node a second later.
const SILENT_EVERY: Duration = Duration::from_millis(200);
/// How often they are read because of a name that is not known: whoever makes
/// names up must not make us read.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Loads the keys of the deployment; the first node to start makes the first.
pub async fn load(db: &Db, ctx: &Ctx, root: &RootKey, lifetimes: Lifetimes) -> Result<Keys, Fault> {
    let first = new_name(ctx, Duration::ZERO);
    let work = async move |tx: &mut Tx, ctx: &Ctx| load_in(tx, ctx, &first).await;
    let names = db.transaction(ctx, work).await?;
    Keys::named(root, names, lifetimes).ok_or_else(|| Fault::internal("there is no signing key"))
}

async fn load_in(tx: &mut Tx, ctx: &Ctx, first: &NamedKey) -> Result<Vec<NamedKey>, Fault> {
    key::lock(tx).await?;
    let mut names = in_use(key::list(tx).await?, ctx);
    if names.is_empty() {
        key::insert(tx, first).await?;
        names.push(first.clone());
    }
    Ok(names)
}

fn in_use(mut names: Vec<NamedKey>, ctx: &Ctx) -> Vec<NamedKey> {
    names.retain(|name| name.verifies(ctx.now()));
    names
}

fn new_name(ctx: &Ctx, after_now: Duration) -> NamedKey {
    let kid = hex::encode(&ctx.random.bytes::<8>());
    let created_at = ctx.now();
    NamedKey { kid, created_at, signs_from: after(created_at, after_now), verifies_until: None }
}

/// Whether the old keys are to go on being believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// Until the last token they signed has expired.
    Overlap,
    /// Not at all: one of them is known to others. Everybody refreshes.
    Revoked,
}

/// Makes the key that signs from now on. The operator alone may.
///
/// Audit: `auth.keys_rotated`.
pub async fn rotate(db: &Db, ctx: &Ctx, access: Duration, old: Old) -> Result<NamedKey, Fault> {
    policy::operate(ctx).require()?;
    let wait = if old == Old::Overlap { SIGNS_AFTER } else { Duration::ZERO };
    let new = new_name(ctx, wait);
    let until = match old {
        Old::Overlap => after(new.signs_from, access.saturating_add(LEEWAY)),
        Old::Revoked => ctx.now(),
    };
    let made = new.clone();
    let work = async move |tx: &mut Tx, _: &Ctx| {
        key::lock(tx).await?;
        key::insert(tx, &new).await?;
        let retired = key::retire_others(tx, &new.kid, until).await?;
        tx.emit(events::keys_rotated(&new.kid, &retired, old == Old::Revoked));
        Ok(())
    };
    db.transaction(ctx, work).await?;
    Ok(made)
}

/// All keys that ever were, the one that signs last first.
pub async fn list(db: &Db) -> Result<Vec<NamedKey>, Fault> {
    Ok(key::list(&mut db.read()).await?)
}

/// Reads the keys again. Where they are others, what is remembered of tokens is
/// forgotten: one of them may not be believed any more.
pub async fn read_again(auth: &AuthState) -> Result<(), Fault> {
    let app = &auth.app;
    let ctx = Ctx::anonymous(Via::System, app.clock.clone(), app.random.clone());
    let names = in_use(key::list(&mut app.db.read()).await?, &ctx);
    auth.keys.replace(names, ctx.now(), || auth.memory.forget_all());
    Ok(())
}

/// Whether the keys may be read now because a token names one that is not
/// known.
pub(crate) fn may_ask(keys: &Keys) -> bool {
    let mut asked = keys.asked.lock();
    let now = Instant::now();
    let is_due = asked.is_none_or(|at| now.duration_since(at) >= ASK_EVERY);
    if is_due {
        *asked = Some(now);
    }
    is_due
}

/// Keeps the keys of this node up to date until told to stop.
pub async fn run(auth: AuthState, stop: CancellationToken) {
    let mut is_owed = false;
    loop {
        let untold = async {
            tokio::time::sleep(if is_owed { ASK_EVERY } else { SILENT_EVERY }).await;
            if !is_owed {
                // While the log is silent, nobody says that there are others.
                auth.app.hub.grown_old().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = auth.keys.changed.notified() => {}
            () = untold => {}
            () = tokio::time::sleep(READ_EVERY) => {}
        }
        let outcome = read_again(&auth).await;
        // It is said once that there are others: who could not read them then
        // tries again.
        is_owed = outcome.is_err();
        if let Err(fault) = outcome {
            tracing::warn!(%fault, "the signing keys cannot be read at the moment");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use sayso_kernel::Timestamp;

    use super::*;

    fn name(kid: &str) -> NamedKey {
        let (created_at, signs_from) = (Timestamp::MIN, Timestamp::MIN);
        NamedKey { kid: kid.to_owned(), created_at, signs_from, verifies_until: None }
    }

    fn is_told(keys: &Keys) -> bool {
        pin!(keys.revoked()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn what_a_revoked_key_let_in_is_forgotten_before_anybody_is_told_and_only_then() {
        let hour = Duration::from_secs(3600);
        let lifetimes = Lifetimes { access: hour, idle: hour, absolute: hour };
        let names = vec![name("new"), name("old")];
        let keys = Keys::named(&RootKey::new([7; 32]), names.clone(), lifetimes);
        let keys = keys.expect("there are names");
        let now = Timestamp::UNIX_EPOCH;
        let forgotten = Cell::new(0);
        let forget = || {
            assert!(!is_told(&keys), "sockets are sent away while their tokens are remembered");
            forgotten.set(forgotten.get() + 1);
        };

        keys.replace(names, now, forget);
        assert_eq!((forgotten.get(), is_told(&keys)), (0, false), "they are the same");
        keys.replace(vec![name("newest"), name("new"), name("old")], now, forget);
        assert_eq!((forgotten.get(), is_told(&keys)), (1, false), "all are believed");
        keys.replace(vec![name("newest")], now, forget);
        assert_eq!((forgotten.get(), is_told(&keys)), (2, true), "two are not");
    }
}
