//! What one can do with people.

use std::sync::Arc;

use sayso_access::{Ctx, Decision, UserId};
use sayso_cache::{Cache, Entity, Key, Loaded, required};
use sayso_db::{Db, Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};
use sayso_kernel::page::{self, Page};

use crate::error::{HAS_PASSWORD, INACTIVE, invitation_invalid, unknown_manager};
use crate::filter::Filter;
use crate::model::{Credentials, Invitation, NewUser, User};
use crate::standing::{hidden_or, hold};
use crate::view::KEPT_USER;
use crate::{Email, PasswordHash, email, events, policy, repo};

/// What a person takes in memory, about.
const KEPT_BYTES: usize = 1024;

/// Creates a person, with a password or an invitation.
///
/// Event and audit: `user.created`. The CEO and the operator may; others 403.
/// 409 when another person has the e-mail; 422 when the manager is nobody.
pub async fn create_in(tx: &mut Tx, ctx: &Ctx, new: NewUser) -> Result<User, Fault> {
    policy::create(ctx, new.role).require()?;
    admit(tx, ctx, &new).await
}

/// Creates the first person, whoever asks: that they may is for the caller to
/// have made sure. 404 when there was anybody before.
///
/// Event and audit: `user.created`.
pub async fn found_in(tx: &mut Tx, ctx: &Ctx, new: NewUser) -> Result<User, Fault> {
    repo::lock_founding(tx).await?;
    if repo::exists(tx).await? {
        return Err(Fault::new(&NOT_FOUND));
    }
    admit(tx, ctx, &new).await
}

async fn admit(tx: &mut Tx, ctx: &Ctx, new: &NewUser) -> Result<User, Fault> {
    if let Some(id) = new.manager_id {
        let manager = repo::lookup_for_share(tx, id).await?;
        manager.filter(User::may_enter).ok_or_else(unknown_manager)?;
    }
    let now = ctx.now();
    let user = repo::insert(tx, new, now).await?;
    if let Some(invitation) = new.credential.invitation() {
        let hash = Invitation::hash(invitation.token.expose());
        repo::insert_invitation(tx, &hash, user.id, now, invitation.expires_at).await?;
    }
    tx.emit(events::created(&user, new));
    Ok(user)
}

/// Invites a person again who has no password yet: what they were invited with
/// before is good no more.
///
/// Audit: `user.invited`.
///
/// # Errors
/// 403, 404; 409 `user.has_password`, `user.inactive`.
pub async fn invite_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: UserId,
    invitation: &Invitation,
) -> Result<User, Fault> {
    let held = hold(tx, ctx, id, None).await?;
    let user = held.target.filter(|user| user.deleted_at.is_none());
    let user = user.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    if policy::create(&held.ctx, user.role).require().is_err() {
        return Err(hidden_or(tx, ctx, id, Fault::new(&FORBIDDEN)).await?);
    }
    if !user.active {
        return Err(Fault::new(&INACTIVE));
    }
    if repo::password_hash_for_share(tx, id).await?.is_some() {
        return Err(Fault::new(&HAS_PASSWORD));
    }
    let hash = Invitation::hash(invitation.token.expose());
    repo::forget_invitation(tx, id).await?;
    repo::insert_invitation(tx, &hash, id, ctx.now(), invitation.expires_at).await?;
    tx.emit(events::invited(&user));
    Ok(user)
}

/// A person that the caller sees.
///
/// # Errors
/// 404 where the caller may not know of them.
pub async fn get(db: &mut impl Queries, ctx: &Ctx, id: UserId) -> Result<User, Fault> {
    policy::see(ctx, id).require()?;
    let user = repo::lookup_seen(db, ctx.user_id(), id).await?;
    user.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// Those of some people that the caller sees, in no order.
///
/// # Errors
/// Those of the database alone: who is hidden is left out.
pub async fn seen(db: &mut impl Queries, ctx: &Ctx, ids: &[UserId]) -> Result<Vec<User>, Fault> {
    let mut found = repo::lookup_all_seen(db, ctx.user_id(), ids).await?;
    found.retain(|user| policy::see(ctx, user.id) == Decision::Allow);
    Ok(found)
}

/// The same, from what is kept where it can be: who sees whom is decided anew
/// each time, from what is known of the caller as long as that is fresh.
///
/// # Errors
/// 404 where the caller may not know of them.
pub async fn get_kept(cache: &Cache, db: &Db, ctx: &Ctx, id: UserId) -> Result<Arc<User>, Fault> {
    policy::see(ctx, id).require()?;
    let reader = ctx.user_id();
    // Everybody sees themselves, and all but guests see everybody.
    let sees_everybody = match reader {
        Some(reader) if reader != id => !is_guest(cache, db, reader).await?,
        _ => true,
    };
    if !sees_everybody {
        return Ok(Arc::new(get(&mut db.read(), ctx, id).await?));
    }
    let load = async || {
        let user = repo::lookup(&mut db.read(), id).await?;
        let user = user.filter(|user| user.deleted_at.is_none());
        Ok(Loaded::perhaps(user, |_| KEPT_BYTES))
    };
    let key = Key::of(Entity::User, id.0);
    required(cache.get_or_load_shared(key, (&KEPT_USER, &[]), load).await)
}

async fn is_guest(cache: &Cache, db: &Db, reader: UserId) -> Result<bool, Fault> {
    let load = async || Ok(Loaded::of(repo::is_guest(&mut db.read(), reader).await?, 1));
    let found = cache.get_or_load(Key::of(Entity::Guest, reader.0), load).await?;
    // Who is not known to be none is one.
    Ok(found.is_none_or(|is_guest| *is_guest))
}

/// One page of the people that the caller sees.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &Filter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<User>, Fault> {
    policy::list(ctx).require()?;
    let question = filter.question();
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, ctx.user_id(), filter, after, limit).await?;
    Ok(page_of(rows, limit, &question))
}

/// One page of those who report to a person, directly or in the whole line, by
/// name, as far as the caller sees them.
///
/// # Errors
/// 403, 404.
pub async fn reports(
    db: &mut impl Queries,
    ctx: &Ctx,
    (id, whole_line): (UserId, bool),
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<User>, Fault> {
    get(db, ctx, id).await?;
    policy::list(ctx).require()?;
    let question = format!("reports {id} {whole_line}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::reports(db, ctx.user_id(), (id, whole_line), after, limit).await?;
    Ok(page_of(rows, limit, &question))
}

/// A page of people, each with the text of the key they are sorted by.
fn page_of(rows: Vec<(User, String)>, limit: u32, question: &str) -> Page<User> {
    let page = Page::of(rows, limit, question, |(user, key)| (key.clone(), user.id.0));
    page.map(|(user, _)| user)
}

/// What a login needs to know of whoever has this e-mail. For `auth` only: it
/// asks nobody's permission.
pub async fn credentials(db: &mut impl Queries, raw: &str) -> Result<Option<Credentials>, Fault> {
    Ok(repo::credentials(db, &email::fold(raw)).await?)
}

/// The same, of a person who is known. For `auth` only.
pub async fn credentials_of(
    db: &mut impl Queries,
    id: UserId,
) -> Result<Option<Credentials>, Fault> {
    Ok(repo::credentials_of(db, id).await?)
}

/// The person behind a session that is being opened or refreshed, kept as they
/// are until the transaction ends; `None` when they may not come in. For
/// `auth` only.
pub async fn hold_in(tx: &mut Tx, _: &Ctx, id: UserId) -> Result<Option<User>, Fault> {
    Ok(repo::lookup_for_share(tx, id).await?.filter(User::may_enter))
}

/// The same, if the person's hash still is the one that a password was
/// compared with; it is replaced by `dearer` where that is given. For `auth`
/// only.
pub async fn hold_proven_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (proven, dearer): (&Credentials, Option<&PasswordHash>),
) -> Result<Option<User>, Fault> {
    let Some(compared) = &proven.password_hash else { return Ok(None) };
    let is_unchanged = match dearer {
        // The stronger lock comes first: two logins that both held the weaker
        // one would wait for each other.
        Some(dearer) => repo::rehash(tx, proven.user_id, dearer, compared).await?,
        None => {
            let present = repo::password_hash_for_share(tx, proven.user_id).await?;
            present.as_ref() == Some(compared)
        }
    };
    if is_unchanged { hold_in(tx, ctx, proven.user_id).await } else { Ok(None) }
}

/// Stores another password, if the present one still is `old`; the person, or
/// `None` when it is not. No fact: the caller tells why it changed.
pub async fn set_password_in(
    tx: &mut Tx,
    _: &Ctx,
    (id, new, old): (UserId, &PasswordHash, Option<&PasswordHash>),
) -> Result<Option<User>, Fault> {
    Ok(repo::set_password(tx, id, new, old).await?)
}

/// Gives a person another address, if the password that they proved still is
/// theirs; `None` when it is not. For `auth` only.
///
/// Event and audit: `user.email_changed`. 409 when another person has it.
pub async fn set_email_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (proven, email): (&Credentials, &Email),
) -> Result<Option<User>, Fault> {
    let Some(compared) = &proven.password_hash else { return Ok(None) };
    let changed = repo::set_email(tx, (proven.user_id, compared), email, ctx.now()).await?;
    if let Some(user) = &changed {
        tx.emit(events::email_changed(user));
    }
    Ok(changed)
}

/// Whether an invitation can be spent; 422 when not. Asked before the password
/// is hashed, so that nonsense costs nothing.
pub async fn check_invitation(db: &mut impl Queries, ctx: &Ctx, token: &str) -> Result<(), Fault> {
    let found = repo::find_invitation(db, &Invitation::hash(token), ctx.now()).await?;
    found.map(drop).ok_or_else(invitation_invalid)
}

/// Spends an invitation: its person has this password from now on.
///
/// Audit: `user.invitation_accepted`. 422 when it is spent, too old or none,
/// or when the person may not come in any more.
pub async fn accept_invitation_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (token, password): (&str, &PasswordHash),
) -> Result<User, Fault> {
    let spent = repo::spend_invitation(tx, &Invitation::hash(token), ctx.now()).await?;
    let id = spent.ok_or_else(invitation_invalid)?;
    let user = repo::set_password(tx, id, password, None).await?;
    let user = user.ok_or_else(invitation_invalid)?;
    tx.emit(events::invitation_accepted(&user));
    Ok(user)
}

/// Whether there ever was anybody.
pub async fn is_founded(db: &mut impl Queries) -> Result<bool, Fault> {
    Ok(repo::exists(db).await?)
}
