//! Who a person is elsewhere: what single sign-on will rest on
//! (`docs/adr/0013-single-sign-on.md`).
//!
//! An identity is a provider's name and what that provider calls the person
//! for ever (`iss` and `sub` of OpenID Connect), never an e-mail address: those
//! pass from one person to another. It is sealed, and found by a keyed hash.

use sayso_access::{Ctx, UserId};
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::{Fault, Random, Vault};
use sayso_users::service as users;
use uuid::Uuid;

use crate::error::identity_taken;
use crate::repo::external as repo;
use crate::{events, policy};

/// An identity of somebody, as a provider knows them.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's name, as it is configured.
    pub provider: String,
    /// What it calls the person.
    pub subject: String,
}

/// An identity as it is stored.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The id of the link.
    pub id: Uuid,
    /// By what it is found.
    pub lookup: [u8; 32],
    /// The subject, sealed.
    pub subject: Vec<u8>,
}

impl Sealed {
    /// Seals the subject of a link.
    #[must_use]
    pub fn of(vault: &Vault, random: &Random, id: Uuid, identity: &Identity) -> Self {
        let subject = vault.seal(random, &label(id), identity.subject.as_bytes());
        let lookups = vault.lookups(&place(&identity.provider), identity.subject.as_bytes());
        Self { id, lookup: lookups[0], subject }
    }
}

/// What ties a sealed subject to its row.
#[must_use]
pub fn label(id: Uuid) -> String {
    format!("external/{id}")
}

fn place(provider: &str) -> String {
    format!("external/{provider}")
}

/// Links an identity to a person. 404 for a person who may not come in; 409
/// when it is somebody's already, or the person has one of this provider.
///
/// Audit: `auth.identity_linked`.
pub async fn link_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, provider, sealed): (UserId, &str, &Sealed),
) -> Result<(), Fault> {
    policy::link(ctx, user).require()?;
    users::hold_in(tx, ctx, user).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    let by = (ctx.now(), ctx.user_id());
    if !repo::insert(tx, (user, provider), sealed, by).await? {
        return Err(identity_taken());
    }
    tx.emit(events::identity_linked(user, provider));
    Ok(())
}

/// Unlinks a person's identity of a provider. 404 when there is none.
///
/// Audit: `auth.identity_unlinked`.
pub async fn unlink_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (user, provider): (UserId, &str),
) -> Result<(), Fault> {
    policy::link(ctx, user).require()?;
    repo::delete(tx, user, provider).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    tx.emit(events::identity_unlinked(user, provider));
    Ok(())
}

/// Whose identity it is, if it is linked. For the callback of a sign-on, which
/// has made sure of the identity; it asks nobody's permission.
pub async fn find(
    db: &mut impl Queries,
    vault: &Vault,
    identity: &Identity,
) -> Result<Option<UserId>, Fault> {
    let lookups = vault.lookups(&place(&identity.provider), identity.subject.as_bytes());
    let lookups: Vec<&[u8]> = lookups.iter().map(|lookup| &lookup[..]).collect();
    Ok(repo::find(db, &identity.provider, &lookups).await?)
}
