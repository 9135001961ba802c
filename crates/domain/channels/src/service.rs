//! What one can do with channels. Every door calls these functions.

use std::collections::BTreeMap;

use sayso_access::{Actor, Ctx, UserId};
use sayso_db::{OnConstraint, Queries, Tx};
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND, Place};
use sayso_kernel::page::{self, Page};
use sayso_kernel::secret::sha256;
use sayso_kernel::{Fault, hex};

use crate::category::{self, CategoryKind};
use crate::error::{DIRECT_IS_FIXED, LAST_OWNER, NAME_TAKEN, NOT_A_MEMBER};
use crate::model::{
    Channel, ChannelFilter, ChannelId, ChannelKind, Draft, MemberChange, MemberRole, Membership,
    Reading,
};
use crate::repo::Standing;
use crate::{events, policy, repo};

/// Members of a direct channel at the most, its maker included.
pub const DIRECT_MEMBERS_MAX: usize = 9;
/// Members shown with a channel.
pub const PARTICIPANTS_SHOWN: i64 = 50;

/// What making a channel answers.
#[derive(Debug)]
pub struct Created {
    /// The channel.
    pub channel: Channel,
    /// Whether it was there before: the same people have one direct channel.
    pub existed: bool,
}

/// Makes a channel with its first members; its maker is its owner. A direct
/// channel between the same people is found instead of made.
///
/// Events: `channel.joined` to each member, then `channel.created`.
///
/// # Errors
/// 403; 409 `channel.name_taken`; 422 for a member or a category that does not
/// exist.
pub async fn create_in(tx: &mut Tx, ctx: &Ctx, draft: &Draft) -> Result<Created, Fault> {
    let actor = ctx.require_actor()?;
    policy::create(ctx, draft.kind).require()?;
    let draft = with_maker(draft, actor);
    let direct_key = direct_key(&draft)?;
    check_people(tx, "members", &draft.members).await?;
    if let Some(category) = draft.category_id {
        category::require_in(tx, category, CategoryKind::Channel).await?;
    }
    let (id, now) = (ChannelId(ctx.new_id()), ctx.now());
    let made = repo::insert(tx, id, &draft, direct_key.as_deref(), actor.user_id, now)
        .await
        .on_constraint("channels_name_key", || Fault::new(&NAME_TAKEN))?;
    let Some(channel) = made else {
        let key = direct_key.unwrap_or_default();
        let found = repo::find_direct(tx, &key).await?;
        let channel = found.ok_or_else(|| Fault::unavailable("a direct channel went away"))?;
        return Ok(Created { channel, existed: true });
    };
    repo::set_members(tx, id, &draft.members, now).await?;
    for (user, role) in &draft.members {
        tx.emit(events::joined(&channel, *user, *role));
    }
    tx.emit(events::created(&channel));
    Ok(Created { channel, existed: false })
}

/// The draft with its maker among the members, each person once.
fn with_maker(draft: &Draft, actor: &Actor) -> Draft {
    let is_direct = draft.kind == ChannelKind::Direct;
    let own = if is_direct { MemberRole::Member } else { MemberRole::Owner };
    let mut members: BTreeMap<UserId, MemberRole> = BTreeMap::new();
    for (user, role) in &draft.members {
        members.insert(*user, if is_direct { MemberRole::Member } else { *role });
    }
    members.insert(actor.user_id, own);
    // The maker first: participants are shown in the order they came.
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by_key(|(user, _)| *user != actor.user_id);
    Draft { members, ..draft.clone() }
}

/// What makes two direct channels the same: the people in them.
fn direct_key(draft: &Draft) -> Result<Option<String>, Fault> {
    if draft.kind != ChannelKind::Direct {
        return Ok(None);
    }
    if draft.members.len() > DIRECT_MEMBERS_MAX || draft.members.len() < 2 {
        let detail = format!("name 1 to {} other people", DIRECT_MEMBERS_MAX - 1);
        return Err(Fault::at_pointer("#/members", "field.items", detail));
    }
    let mut ids: Vec<UserId> = draft.members.iter().map(|(user, _)| *user).collect();
    ids.sort();
    let bytes: Vec<&[u8]> = ids.iter().map(|id| id.0.as_bytes().as_slice()).collect();
    Ok(Some(hex::encode(&sha256(&bytes))))
}

/// A channel with what it is to the reader and its first members.
///
/// # Errors
/// 404 where the reader may not know of it.
pub async fn get(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
) -> Result<(Channel, Reading, Vec<Membership>), Fault> {
    let (channel, reading) = visible(db, ctx, id).await?;
    let participants = repo::participants(db, id, PARTICIPANTS_SHOWN).await?;
    Ok((channel, reading, participants))
}

/// A channel that the reader sees.
///
/// # Errors
/// 404 where the reader may not know of it.
pub async fn visible(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
) -> Result<(Channel, Reading), Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id, reader).await?;
    let (channel, reading) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(channel.kind, reading.role).require()?;
    Ok((channel, reading))
}

/// The channels that the reader sees, newest first.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &ChannelFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<(Channel, Reading)>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("channels {filter:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, reader, filter, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |(channel, _)| (channel.created_at, channel.id.0)))
}

/// Holds the caller's right to read and write in a channel until the end of
/// the transaction.
///
/// # Errors
/// 404 where the caller may not know of the channel, 403
/// `channel.not_a_member` where joining comes first.
pub async fn require_member(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Result<Standing, Fault> {
    let actor = ctx.require_actor()?;
    let standing = repo::standing(tx, id, actor.user_id).await?;
    let standing = standing.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    match policy::talk(standing.kind, standing.role) {
        sayso_access::Decision::Deny => Err(Fault::new(&NOT_A_MEMBER)),
        decision => decision.require().map(|()| standing),
    }
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
    let channel = repo::lock(tx, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    let before: BTreeMap<UserId, MemberRole> = repo::members(tx, id).await?.into_iter().collect();
    allow_change(actor, &channel, &before, change)?;
    check_people(tx, "add", &change.add).await?;
    let (added, removed, after) = apply(&before, change);
    if added.is_empty() && removed.is_empty() {
        return Ok(channel);
    }
    if !after.values().any(|role| *role == MemberRole::Owner) {
        return Err(Fault::new(&LAST_OWNER));
    }
    let now = ctx.now();
    repo::set_members(tx, id, &added, now).await?;
    let gone: Vec<UserId> = removed.iter().map(|(user, _)| *user).collect();
    repo::remove_members(tx, id, &gone).await?;
    let count = i32::try_from(after.len()).unwrap_or(i32::MAX);
    let channel = repo::recount(tx, id, count, now).await?;
    for (user, role) in removed {
        tx.emit(events::left(&channel, user, role));
        tx.emit(events::member_removed(&channel, user, role));
    }
    for (user, role) in added {
        if !before.contains_key(&user) {
            tx.emit(events::joined(&channel, user, role));
        }
        tx.emit(events::member_added(&channel, user, role));
    }
    Ok(channel)
}

/// Managing needs the right to manage; coming in and going by oneself do not.
fn allow_change(
    actor: &Actor,
    channel: &Channel,
    before: &BTreeMap<UserId, MemberRole>,
    change: &MemberChange,
) -> Result<(), Fault> {
    let own = before.get(&actor.user_id).copied();
    let comes_in = change.remove.is_empty()
        && change.add == [(actor.user_id, MemberRole::Member)]
        && own.is_none();
    let goes = change.add.is_empty() && change.remove == [actor.user_id] && own.is_some();
    if comes_in && policy::manage(actor.role, channel.kind, own) != sayso_access::Decision::Allow {
        return policy::enter(actor.role, channel.kind).require();
    }
    if !goes {
        policy::manage(actor.role, channel.kind, own).require()?;
    }
    if channel.kind == ChannelKind::Direct {
        return Err(Fault::new(&DIRECT_IS_FIXED));
    }
    Ok(())
}

type Members = Vec<(UserId, MemberRole)>;

/// Who really comes (or changes role), who really goes, and who is in then.
fn apply(
    before: &BTreeMap<UserId, MemberRole>,
    change: &MemberChange,
) -> (Members, Members, BTreeMap<UserId, MemberRole>) {
    let mut after = before.clone();
    for (user, role) in &change.add {
        after.insert(*user, *role);
    }
    for user in &change.remove {
        after.remove(user);
    }
    let added = after.iter().filter(|(user, role)| before.get(user) != Some(role));
    let removed = before.iter().filter(|(user, _)| !after.contains_key(user));
    let (added, removed) =
        (added.map(|(u, r)| (*u, *r)).collect(), removed.map(|(u, r)| (*u, *r)).collect());
    (added, removed, after)
}

/// 422 at each place that names somebody who does not exist. Hidden and absent
/// are answered alike.
async fn check_people(
    tx: &mut Tx,
    field: &str,
    people: &[(UserId, MemberRole)],
) -> Result<(), Fault> {
    let ids: Vec<UserId> = people.iter().map(|(user, _)| *user).collect();
    let known = if ids.is_empty() { Vec::new() } else { repo::people(tx, &ids).await? };
    let unknown: Vec<FieldFault> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !known.contains(id))
        .map(|(index, _)| FieldFault {
            place: Place::Pointer(format!("#/{field}/{index}")),
            code: "user.unknown",
            detail: "There is no such person".into(),
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(unknown)) }
}

/// What a channel is to the caller, whether or not they are (still) a member.
pub async fn reading(db: &mut impl Queries, ctx: &Ctx, id: ChannelId) -> Result<Reading, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id, reader).await?;
    Ok(found.map(|(_, reading)| reading).unwrap_or_default())
}
