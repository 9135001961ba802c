//! What one can do with channels. Every door calls these functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use sayso_access::{Actor, Ctx, Decision, UserId};
use sayso_cache::{Cache, Entity, Key, Loaded, required};
use sayso_db::{Db, OnConstraint, Queries, Tx};
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND};
use sayso_kernel::page::{self, Page};
use sayso_kernel::secret::sha256;
use sayso_kernel::{Fault, hex};

pub use crate::edit::update_in;
pub use crate::membership::{change_members_in, join_in, leave_in};
pub use crate::reading::{mute_in, read_in};
pub use crate::trash::{delete_in, restore_in};

use crate::category::{self, CategoryKind};
use crate::error::{NAME_TAKEN, NOT_A_MEMBER};
use crate::filter::{ChannelFilter, Sort};
use crate::membership::unknown_people;
use crate::model::{Channel, ChannelId, ChannelKind, Draft, MemberRole, Membership, Reading};
use crate::repo::Standing;
use crate::{events, policy, repo};

/// What a channel, or a member of one, takes in memory, about.
const KEPT_BYTES: usize = 512;
/// Members of a direct channel at the most, its maker included.
pub const DIRECT_MEMBERS_MAX: usize = 9;
/// Members shown with a channel.
pub const PARTICIPANTS_SHOWN: i64 = 50;
/// Members of a channel who are asked after, those seen last first, when it is
/// told who is here.
pub const PRESENT_MAX: i64 = 1000;

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
    let asked = draft;
    let actor = ctx.require_actor()?;
    policy::create(ctx, draft.kind).require()?;
    let draft = with_maker(draft, actor);
    let direct_key = direct_key(&draft)?;
    let ids = |members: &[(UserId, MemberRole)]| -> Vec<UserId> {
        members.iter().map(|(user, _)| *user).collect()
    };
    let known = repo::people(tx, &ids(&draft.members)).await?;
    let mut wrong = unknown_people("members", &ids(&asked.members), &known);
    wrong.extend(unknown_category(tx, draft.category_id).await?);
    valid(wrong)?;
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

/// What is wrong with a category that a channel is to be in.
pub(crate) async fn unknown_category(
    tx: &mut Tx,
    category: Option<category::CategoryId>,
) -> Result<Vec<FieldFault>, Fault> {
    let Some(category) = category else { return Ok(Vec::new()) };
    match category::require_in(tx, category, CategoryKind::Channel).await {
        Err(fault) if fault.is(&INVALID) => Ok(fault.errors().to_vec()),
        other => other.map(|()| Vec::new()),
    }
}

/// 422 with everything that is wrong, if anything is.
pub(crate) fn valid(wrong: Vec<FieldFault>) -> Result<(), Fault> {
    if wrong.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(wrong)) }
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
pub async fn get(db: &mut impl Queries, ctx: &Ctx, id: ChannelId) -> Result<Shown, Fault> {
    let (channel, reading) = visible(db, ctx, id).await?;
    let participants = repo::participants(db, id, PARTICIPANTS_SHOWN).await?;
    Ok((channel, reading, participants))
}

/// A channel, what it is to a reader, and its first members.
pub type Shown = (Channel, Reading, Vec<Membership>);

/// The same, from what is kept for this reader where it can be.
///
/// # Errors
/// 404 where the reader may not know of it.
pub async fn get_kept(
    cache: &Cache,
    db: &Db,
    ctx: &Ctx,
    id: ChannelId,
) -> Result<Arc<Shown>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let load = async || {
        let shown = sayso_cache::seen(get(&mut db.read(), ctx, id).await)?;
        Ok(Loaded::perhaps(shown, |(_, _, members)| (1 + members.len()) * KEPT_BYTES))
    };
    let key = Key::of(Entity::Channel, id.0).read_by(reader.0);
    required(cache.get_or_load(key, load).await)
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

/// Those of some channels that the caller sees, in no order.
///
/// # Errors
/// Those of the database alone: what is hidden is left out.
pub async fn seen(
    db: &mut impl Queries,
    ctx: &Ctx,
    ids: &[ChannelId],
) -> Result<Vec<(Channel, Reading)>, Fault> {
    let mut found = repo::lookup_all(db, ids, ctx.require_actor()?.user_id).await?;
    found.retain(|(channel, reading)| policy::view(channel.kind, reading.role) == Decision::Allow);
    Ok(found)
}

/// The channels that the reader sees, decided in the query.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &ChannelFilter,
    sort: Sort,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<(Channel, Reading)>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("channels {filter:?} {sort:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, reader, filter, sort, after, limit).await?;
    let key = |((channel, _), key): &((Channel, Reading), String)| (key.clone(), channel.id.0);
    Ok(Page::of(rows, limit, &question, key).map(|(entry, _)| entry))
}

/// The members of a channel in the order in which they came, all or those of
/// some roles.
///
/// # Errors
/// 404 where the reader may not know of it.
pub async fn list_members(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
    roles: Option<&[MemberRole]>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Membership>, Fault> {
    visible(db, ctx, id).await?;
    let question = format!("members of {id} {roles:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list_members(db, id, roles, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |member| (member.joined_at, member.user_id.0)))
}

/// The members of a channel who may be here: those who were seen last.
///
/// # Errors
/// 404 where the reader may not know of it.
pub async fn present(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: ChannelId,
) -> Result<Vec<Membership>, Fault> {
    visible(db, ctx, id).await?;
    Ok(repo::present(db, id, PRESENT_MAX).await?)
}

/// Holds the caller's right to read and write in a channel until the end of
/// the transaction.
///
/// # Errors
/// 404 where the caller may not know of the channel, 403
/// `channel.not_a_member` where joining comes first.
pub async fn require_member(tx: &mut Tx, ctx: &Ctx, id: ChannelId) -> Result<Standing, Fault> {
    let actor = ctx.require_actor()?;
    as_member(repo::standing(tx, id, actor.user_id).await?)
}

/// Whether somebody may read and write where they stand so; `None` where there
/// is no such channel.
///
/// # Errors
/// As [`require_member`].
pub fn as_member(standing: Option<Standing>) -> Result<Standing, Fault> {
    let standing = standing.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    match policy::talk(standing.kind, standing.role) {
        sayso_access::Decision::Deny => Err(Fault::new(&NOT_A_MEMBER)),
        decision => decision.require().map(|()| standing),
    }
}

/// What a channel is to the caller, whether or not they are (still) a member.
pub async fn reading(db: &mut impl Queries, ctx: &Ctx, id: ChannelId) -> Result<Reading, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id, reader).await?;
    Ok(found.map(|(_, reading)| reading).unwrap_or_default())
}
