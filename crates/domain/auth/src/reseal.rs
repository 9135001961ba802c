//! Sealing everything anew, after the root key was changed, and looking under
//! which root key things are sealed.

use std::collections::BTreeMap;

use sayso_access::{Ctx, UserId};
use sayso_db::{Db, Tx};
use sayso_kernel::{Fault, Vault};
use uuid::Uuid;

use crate::external::{self, Identity, Sealed};
use crate::repo::{external as identities, second_factor as factors};
use crate::{events, policy, second_factor};

/// Rows that are sealed in one transaction.
const BATCH: i64 = 200;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed anew.
    pub sealed: u32,
    /// Under the present key already.
    pub current: u32,
    /// Sealed under a key that is not known: they stay as they are.
    pub lost: u32,
}

impl Resealed {
    fn add(&mut self, other: Self) {
        self.sealed += other.sealed;
        self.current += other.current;
        self.lost += other.lost;
    }
}

/// Seals under the present key what is sealed under an earlier one. The
/// operator alone may; it may be interrupted and run again. `heard` is told of all
/// that was found so far, after each transaction.
///
/// Audit: `auth.secrets_resealed`.
pub async fn reseal(
    db: &Db,
    ctx: &Ctx,
    vault: &Vault,
    mut heard: impl FnMut(Resealed),
) -> Result<Resealed, Fault> {
    policy::operate(ctx).require()?;
    let mut all = Resealed::default();
    let mut after = Some(UserId(Uuid::nil()));
    while let Some(from) = after {
        let (found, next) = db
            .transaction(ctx, async move |tx, ctx| seeds_in(tx, ctx, (vault, from)).await)
            .await?;
        all.add(found);
        heard(all);
        after = next;
    }
    let mut after = Some(Uuid::nil());
    while let Some(from) = after {
        let (found, next) = db
            .transaction(ctx, async move |tx, ctx| identities_in(tx, ctx, (vault, from)).await)
            .await?;
        all.add(found);
        heard(all);
        after = next;
    }
    Ok(all)
}

/// Under which keys something is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedUnder {
    /// How much under each key of the vault that has sealed anything, by its
    /// place there: the present one is 0.
    pub known: BTreeMap<usize, u32>,
    /// How much under a key that is none of them: it cannot be opened.
    pub unknown: u32,
}

impl SealedUnder {
    fn add(&mut self, place: Option<usize>) {
        match place {
            Some(place) => *self.known.entry(place).or_default() += 1,
            None => self.unknown += 1,
        }
    }
}

/// Counts what is sealed by the key that it names. Opens and changes nothing.
pub async fn look(db: &Db, vault: &Vault) -> Result<SealedUnder, Fault> {
    let mut found = SealedUnder::default();
    let mut after = Some(UserId(Uuid::nil()));
    while let Some(from) = after {
        let rows = factors::seeds(&mut db.read(), from, BATCH).await?;
        rows.iter().for_each(|(_, sealed)| found.add(vault.key_of(sealed)));
        after = rows.last().map(|(user, _)| *user);
    }
    let mut after = Some(Uuid::nil());
    while let Some(from) = after {
        let rows = identities::list_sealed(&mut db.read(), from, BATCH).await?;
        rows.iter().for_each(|(_, _, sealed)| found.add(vault.key_of(sealed)));
        after = rows.last().map(|(id, ..)| *id);
    }
    Ok(found)
}

async fn seeds_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (vault, from): (&Vault, UserId),
) -> Result<(Resealed, Option<UserId>), Fault> {
    let (rows, mut found) = (factors::seeds(tx, from, BATCH).await?, Resealed::default());
    for (user, old) in &rows {
        let label = second_factor::label(*user);
        if vault.is_current(old) {
            found.current += 1;
        } else if let Some(plain) = vault.open(&label, old) {
            let new = vault.seal(&ctx.random, &label, plain.expose());
            found.sealed += u32::from(factors::seal(tx, *user, old, &new).await?);
        } else {
            found.lost += 1;
        }
    }
    told(tx, found);
    Ok((found, rows.last().map(|(user, _)| *user)))
}

async fn identities_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (vault, from): (&Vault, Uuid),
) -> Result<(Resealed, Option<Uuid>), Fault> {
    let (rows, mut found) = (identities::list_sealed(tx, from, BATCH).await?, Resealed::default());
    for (id, provider, old) in &rows {
        if vault.is_current(old) {
            found.current += 1;
            continue;
        }
        let opened = vault.open(&external::label(*id), old);
        let Some(subject) = opened.and_then(|it| String::from_utf8(it.expose().clone()).ok())
        else {
            found.lost += 1;
            continue;
        };
        let identity = Identity { provider: provider.clone(), subject };
        let new = Sealed::of(vault, &ctx.random, *id, &identity);
        found.sealed += u32::from(identities::seal(tx, old, &new).await?);
    }
    told(tx, found);
    Ok((found, rows.last().map(|(id, ..)| *id)))
}

fn told(tx: &mut Tx, found: Resealed) {
    if found.sealed > 0 {
        tx.emit(events::secrets_resealed(found.sealed));
    }
}
