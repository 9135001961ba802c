//! Who is in a channel: letting in and out, coming in and going.

use std::collections::BTreeMap;

use sayso_access::{Actor, Ctx, Decision, UserId};
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, NOT_FOUND, Place};

use crate::error::{DIRECT_IS_FIXED, LAST_OWNER};
use crate::events::{self, Entry};
use crate::model::{Channel, ChannelId, ChannelKind, MemberChange, MemberRole};
use crate::service::valid;
use crate::{policy, repo};

type Roles = BTreeMap<UserId, MemberRole>;

/// Comes in: anybody into a public channel, the CEO also into a private one,
/// where they are then visibly a member. Who is nothing but a guest elsewhere
/// is a guest here too. Who is in already stays as they are.
///
/// Events: `channel.joined` to the newcomer, `channel.member_added` to the
/// members.
///
/// # Errors
/// 404 where the caller may not come in uninvited.
pub async fn join_in(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Result<Channel, Fault> {
    let actor = ctx.require_actor()?;
    let channel = locked(tx, id).await?;
    if repo::lock_role(tx, id, actor.user_id).await?.is_some() {
        return Ok(channel);
    }
    policy::enter(ctx, channel.kind).require()?;
    let role = own_role(tx, actor.user_id).await?;
    let (newcomer, now) = ((actor.user_id, role), ctx.now());
    repo::set_members(tx, id, &[newcomer], now).await?;
    let count = channel.member_count.saturating_add(1);
    let channel = repo::recount(tx, id, count, now).await?;
    tx.emit(events::joined(&channel, newcomer.0, newcomer.1));
    let entry = entry_by_oneself(&channel);
    tx.emit(events::member_added(&channel, newcomer.0, newcomer.1, entry));
    Ok(channel)
}

/// What somebody is who comes in by themselves: a guest of the company stays
/// one, whichever door they take.
async fn own_role(tx: &mut Tx, user: UserId) -> Result<MemberRole, Fault> {
    let is_guest = repo::is_guest(tx, user).await?;
    Ok(if is_guest { MemberRole::Guest } else { MemberRole::Member })
}

fn entry_by_oneself(channel: &Channel) -> Entry {
    if channel.kind == ChannelKind::Public { Entry::Joined } else { Entry::Uninvited }
}

/// Goes. Who is not in a channel that they see changes nothing.
///
/// Events: `channel.left` to whoever goes, `channel.member_removed` to those
/// who stay.
///
/// # Errors
/// 404; 409 `channel.last_owner`, `channel.direct_is_fixed`.
pub async fn leave_in(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Result<Channel, Fault> {
    let user = ctx.require_actor()?.user_id;
    let channel = locked(tx, id).await?;
    let role = repo::lock_role(tx, id, user).await?;
    policy::view(channel.kind, role).require()?;
    if channel.kind == ChannelKind::Direct {
        return Err(Fault::new(&DIRECT_IS_FIXED));
    }
    let Some(role) = role else { return Ok(channel) };
    repo::remove_members(tx, id, &[user]).await?;
    if role == MemberRole::Owner && !repo::has_owner(tx, id).await? {
        return Err(Fault::new(&LAST_OWNER));
    }
    let count = channel.member_count.saturating_sub(1);
    let channel = repo::recount(tx, id, count, ctx.now()).await?;
    tx.emit(events::left(&channel, user, role));
    tx.emit(events::member_removed(&channel, user, role));
    Ok(channel)
}

/// Lets people in, changes their roles, and lets people go.
///
/// Events, each person in turn: `channel.joined` to a newcomer and
/// `channel.member_added` to the members; `channel.left` to whoever goes and
/// `channel.member_removed` to those who stay. Somebody who goes hears nothing
/// of the channel after `channel.left`.
///
/// # Errors
/// 403, 404; 409 `channel.last_owner`, `channel.direct_is_fixed`; 422 for a
/// person who does not exist.
pub async fn change_members_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: ChannelId,
    change: &MemberChange,
) -> Result<Channel, Fault> {
    let actor = ctx.require_actor()?;
    let channel = locked(tx, id).await?;
    let before = roles_before(tx, id, actor, change).await?;
    if comes_in(actor, &before, change) && own_role(tx, actor.user_id).await? == MemberRole::Guest {
        return join_in(tx, ctx, id).await;
    }
    let after = roles_after(&before, change);
    allow(ctx, &channel, &before, &after, change)?;
    check_people(tx, &before, change).await?;
    let added: Vec<(UserId, MemberRole)> =
        after.iter().filter(|(user, role)| before.get(user) != Some(role)).map(pair).collect();
    let removed: Vec<(UserId, MemberRole)> =
        before.iter().filter(|(user, _)| !after.contains_key(user)).map(pair).collect();
    if added.is_empty() && removed.is_empty() {
        return Ok(channel);
    }
    let now = ctx.now();
    let gone: Vec<UserId> = removed.iter().map(|(user, _)| *user).collect();
    repo::set_members(tx, id, &added, now).await?;
    repo::remove_members(tx, id, &gone).await?;
    let is_owner = |roles: &Roles, user| roles.get(user) == Some(&MemberRole::Owner);
    let loses_owner = before.keys().any(|user| is_owner(&before, user) && !is_owner(&after, user));
    if loses_owner && !repo::has_owner(tx, id).await? {
        return Err(Fault::new(&LAST_OWNER));
    }
    let growth = difference(after.len(), before.len());
    let count = channel.member_count.saturating_add(growth);
    let channel = repo::recount(tx, id, count, now).await?;
    tell(tx, actor, &channel, &before, &added, &removed);
    Ok(channel)
}

fn pair((user, role): (&UserId, &MemberRole)) -> (UserId, MemberRole) {
    (*user, *role)
}

fn difference(after: usize, before: usize) -> i32 {
    let number = |len| i32::try_from(len).unwrap_or(i32::MAX);
    number(after).saturating_sub(number(before))
}

/// The facts of a change: who goes first, and hears nothing of who comes.
fn tell(
    tx: &mut Tx,
    actor: &Actor,
    channel: &Channel,
    before: &Roles,
    added: &[(UserId, MemberRole)],
    removed: &[(UserId, MemberRole)],
) {
    for (user, role) in removed {
        tx.emit(events::left(channel, *user, *role));
        tx.emit(events::member_removed(channel, *user, *role));
    }
    for (user, role) in added {
        let was = before.get(user).copied();
        if was.is_none() {
            tx.emit(events::joined(channel, *user, *role));
        }
        let entry = match was {
            None if *user == actor.user_id => entry_by_oneself(channel),
            before => Entry::Given { before },
        };
        tx.emit(events::member_added(channel, *user, *role, entry));
    }
}

async fn locked(tx: &mut Tx, id: ChannelId) -> Result<Channel, Fault> {
    repo::lock(tx, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// The roles of those whom a change names, and of the caller.
async fn roles_before(
    tx: &mut Tx,
    id: ChannelId,
    actor: &Actor,
    change: &MemberChange,
) -> Result<Roles, Fault> {
    let mut named: Vec<UserId> = change.add.iter().map(|(user, _)| *user).collect();
    named.extend(&change.remove);
    named.push(actor.user_id);
    Ok(repo::lock_roles(tx, id, &named).await?.into_iter().collect())
}

fn roles_after(before: &Roles, change: &MemberChange) -> Roles {
    let mut after = before.clone();
    after.extend(change.add.iter().copied());
    for user in &change.remove {
        after.remove(user);
    }
    after
}

/// Whether all that is asked is to come in oneself.
fn comes_in(actor: &Actor, before: &Roles, change: &MemberChange) -> bool {
    change.remove.is_empty()
        && change.add == [(actor.user_id, MemberRole::Member)]
        && !before.contains_key(&actor.user_id)
}

/// Managing needs the right to manage; coming in and going by oneself do not.
fn allow(
    ctx: &Ctx,
    channel: &Channel,
    before: &Roles,
    after: &Roles,
    change: &MemberChange,
) -> Result<(), Fault> {
    let actor = ctx.require_actor()?;
    let own = before.get(&actor.user_id).copied();
    let comes_in = comes_in(actor, before, change);
    let goes = change.add.is_empty() && change.remove == [actor.user_id] && own.is_some();
    let manages = policy::manage(ctx, channel.kind, own);
    if comes_in && manages != Decision::Allow {
        return policy::enter(ctx, channel.kind).require();
    }
    if !goes {
        manages.require()?;
        let named = change.add.iter().map(|(user, _)| user).chain(&change.remove);
        for user in named {
            let (before, after) = (before.get(user).copied(), after.get(user).copied());
            policy::give_role(actor.role, own, before, after).require()?;
        }
    }
    if channel.kind == ChannelKind::Direct {
        return Err(Fault::new(&DIRECT_IS_FIXED));
    }
    Ok(())
}

/// 422 at each place that names somebody who cannot come in, or who never was
/// there to go. Hidden and absent are answered alike.
async fn check_people(tx: &mut Tx, before: &Roles, change: &MemberChange) -> Result<(), Fault> {
    let mut wrong = Vec::new();
    let add: Vec<UserId> = change.add.iter().map(|(user, _)| *user).collect();
    if !add.is_empty() {
        wrong.extend(unknown_people("add", &add, &repo::people(tx, &add).await?));
    }
    if change.remove.iter().any(|user| !before.contains_key(user)) {
        let known = repo::anybody(tx, &change.remove).await?;
        wrong.extend(unknown_people("remove", &change.remove, &known));
    }
    valid(wrong)
}

/// What is wrong where `named` holds somebody who is not among `known`.
pub(crate) fn unknown_people(field: &str, named: &[UserId], known: &[UserId]) -> Vec<FieldFault> {
    let unknown = named.iter().enumerate().filter(|(_, user)| !known.contains(user));
    unknown
        .map(|(index, _)| FieldFault {
            place: Place::Pointer(format!("#/{field}/{index}")),
            code: "user.unknown",
            detail: "There is no such person".into(),
        })
        .collect()
}
