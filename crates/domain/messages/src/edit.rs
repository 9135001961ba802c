//! Editing a message, what it said before, and going back to that.

use sayso_access::{Ctx, UserId};
use sayso_channels::repo::Standing;
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::{INVALID, NOT_FOUND, STALE};
use sayso_kernel::page::{self, Page};
use sayso_kernel::{Fault, Patch, patch};

use crate::model::{Edit, Message, MessageId, Revision};
use crate::service::{held, known, require_open, require_size, require_to_read};
use crate::view::MessageView;
use crate::{events, mention, policy, repo};

/// Edits a message from the version its sender has read. The text that is
/// replaced is kept.
///
/// Event: `message.edited` with the names of the changed fields. An edit that
/// changes nothing leaves version and log as they are.
///
/// # Errors
/// 404; 403, also `channel.not_a_member`; 409 `channel.archived`; 412 with the
/// present state when the version is not the present one; 422 for somebody who
/// is mentioned and not a member.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    version: i32,
    edit: Edit,
) -> Result<Message, Fault> {
    let (before, _) = editable(tx, ctx, id).await?;
    require_version(&before, Some(version))?;
    change(tx, ctx, &before, edit).await
}

/// A message that the caller may edit, held.
async fn editable(tx: &mut Tx, ctx: &Ctx, id: MessageId) -> Result<(Message, Standing), Fault> {
    let (message, standing) = held(tx, ctx, id).await?;
    let is_sender = ctx.user_id() == Some(message.sender_id);
    policy::edit(ctx, standing, is_sender).require()?;
    require_open(standing)?;
    Ok((message, standing))
}

/// 412 with the message as it is now, where a version is given and is another.
pub(crate) fn require_version(current: &Message, version: Option<i32>) -> Result<(), Fault> {
    if version.is_none_or(|version| version == current.version) {
        return Ok(());
    }
    let view = serde_json::to_value(MessageView::of(current)).expect("a view is plain JSON");
    Err(Fault::new(&STALE).current(view))
}

async fn change(tx: &mut Tx, ctx: &Ctx, before: &Message, edit: Edit) -> Result<Message, Fault> {
    let named = match &edit.mentions {
        Patch::Set(users) => users.clone(),
        Patch::Keep | Patch::Clear => Vec::new(),
    };
    let mut after = edited(before, edit);
    require_size(&after)?;
    let new = without(&after.mentions, &before.mentions);
    let (new, faults) = known(tx, before.channel_id, &new, &named).await?;
    if !faults.is_empty() {
        return Err(Fault::new(&INVALID).with_all(faults));
    }
    after.mentions.retain(|user| before.mentions.contains(user) || new.contains(user));
    let fields = differing(before, &after);
    if fields.is_empty() {
        return Ok(before.clone());
    }
    let says_else = fields != ["metadata"];
    if says_else {
        after.edited_at = Some(ctx.now());
    }
    let updated = repo::update(tx, &after, says_else, ctx.now()).await?;
    let after = updated.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    tx.emit(events::edited(&after, &fields, &new));
    Ok(after)
}

/// The message after the edit. Whom the text names is read from it anew;
/// whoever was mentioned besides stays, unless the edit says otherwise.
fn edited(before: &Message, edit: Edit) -> Message {
    let mut after = before.clone();
    after.content = edit.content.unwrap_or(after.content);
    let besides = match edit.mentions {
        Patch::Keep => without(&before.mentions, &mention::named(&before.content)),
        Patch::Clear => Vec::new(),
        Patch::Set(users) => users,
    };
    after.mentions = mention::union(&besides, &mention::named(&after.content));
    after.mentions_channel = mention::calls_channel(&after.content);
    match edit.metadata {
        Patch::Keep => {}
        Patch::Clear => after.metadata = serde_json::json!({}),
        Patch::Set(metadata) => patch::merge(&mut after.metadata, &metadata),
    }
    after
}

fn without(users: &[UserId], others: &[UserId]) -> Vec<UserId> {
    users.iter().copied().filter(|user| !others.contains(user)).collect()
}

/// The wire names of the fields in which two states of a message differ. In
/// which order people are mentioned is no difference.
fn differing(before: &Message, after: &Message) -> Vec<&'static str> {
    let others = |one: &Message, other: &Message| {
        one.mentions.iter().any(|user| !other.mentions.contains(user))
    };
    [
        ("content", before.content != after.content),
        ("mentions", others(before, after) || others(after, before)),
        ("mentionsChannel", before.mentions_channel != after.mentions_channel),
        ("metadata", before.metadata != after.metadata),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

/// What a message said before, newest first. Who reads a message reads its
/// history.
///
/// # Errors
/// As [`crate::service::get`].
pub async fn history(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: MessageId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Revision>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("history of message {id}");
    let below = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let found = repo::history(db, id, reader, below, limit).await?;
    let (rows, standing) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    require_to_read(standing)?;
    Ok(Page::of(rows, limit, &question, |revision| revision.version))
}

/// Has a message say again what it said in a version that was replaced. Whoever
/// was mentioned then and is no longer a member is not mentioned again.
///
/// Event: as [`update_in`], of which this is one.
///
/// # Errors
/// As [`update_in`]; 404 for a version of which nothing is kept.
pub async fn revert_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    to: i32,
    version: Option<i32>,
) -> Result<Message, Fault> {
    let (before, _) = editable(tx, ctx, id).await?;
    require_version(&before, version)?;
    let kept = repo::revision(tx, id, to).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    let there = repo::mentionable(tx, before.channel_id, &kept.mentions).await?;
    let mentions = kept.mentions.into_iter().filter(|user| there.contains(user)).collect();
    let edit =
        Edit { content: Some(kept.content), mentions: Patch::Set(mentions), metadata: Patch::Keep };
    change(tx, ctx, &before, edit).await
}
