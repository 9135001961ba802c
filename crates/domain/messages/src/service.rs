//! Sending and reading. Every door calls these functions.

use sayso_access::{Ctx, Decision, UserId};
use sayso_channels::ChannelId;
use sayso_channels::error::NOT_A_MEMBER;
use sayso_channels::repo::Standing;
use sayso_channels::service::require_member;
use sayso_db::{Db, Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND, Place};
use uuid::Uuid;

use crate::error::CHANNEL_ARCHIVED;
use crate::model::{Draft, MENTIONS_MAX, Message, MessageId};
use crate::window::{Order, Start, Window};
use crate::{events, mention, policy, repo, size};

/// Sends a message as part of an open transaction.
///
/// Events on the channel's stream: `message.sent`; for an answer also
/// `message.thread_changed` with the message at the head of the thread.
///
/// # Errors
/// 404 where the caller may not know of the channel; 403
/// `channel.not_a_member`; 409 `channel.archived`; 422 for a thread that is
/// not in this channel, and for somebody who is mentioned and not a member.
pub async fn send_in(
    tx: &mut Tx,
    ctx: &Ctx,
    channel: ChannelId,
    draft: &Draft,
) -> Result<Message, Fault> {
    let standing = require_member(tx, ctx, channel).await?;
    policy::send(ctx, standing).require()?;
    require_open(standing)?;
    let mut message = compose(ctx, channel, draft)?;
    let (mentions, mut faults) = known(tx, channel, &message.mentions, &draft.mentions).await?;
    message.mentions = mentions;
    let head = match draft.thread_id {
        Some(thread) => repo::answer(tx, channel, thread, message.created_at).await?,
        None => None,
    };
    if draft.thread_id.is_some() && head.is_none() {
        faults.push(unknown_message("threadId"));
    }
    if !faults.is_empty() {
        return Err(Fault::new(&INVALID).with_all(faults));
    }
    repo::insert(tx, &message).await?;
    tx.emit(events::sent(&message));
    if let Some(head) = head {
        tx.emit(events::thread_changed(&head));
    }
    Ok(message)
}

/// Sends a message by itself: the same promises as [`send_in`], with one flush
/// to the database where that is possible.
///
/// # Errors
/// As [`send_in`].
pub async fn send(db: &Db, ctx: &Ctx, channel: ChannelId, draft: &Draft) -> Result<Message, Fault> {
    if draft.thread_id.is_none()
        && policy::sends_as_member(ctx)
        && let Ok(message) = compose(ctx, channel, draft)
        && repo::insert_with_fact(db, ctx, &message, events::sent(&message)).await?
    {
        return Ok(message);
    }
    // What is refused is refused here, with its reason.
    let draft = draft.clone();
    db.transaction(ctx, async move |tx, ctx| send_in(tx, ctx, channel, &draft).await).await
}

/// The message that a draft becomes, everybody in it whom it names.
fn compose(ctx: &Ctx, channel: ChannelId, draft: &Draft) -> Result<Message, Fault> {
    let now = ctx.now();
    let mentions = mention::union(&draft.mentions, &mention::named(&draft.content));
    let message = Message {
        id: MessageId(ctx.new_id()),
        channel_id: channel,
        sender_id: ctx.require_actor()?.user_id,
        content: draft.content.clone(),
        thread_id: draft.thread_id,
        client_id: draft.client_id.clone(),
        mentions,
        mentions_channel: mention::calls_channel(&draft.content),
        reactions: Vec::new(),
        reply_count: 0,
        last_reply_at: None,
        task_id: None,
        task: None,
        metadata: draft.metadata.clone(),
        edited_at: None,
        created_at: now,
        version: 1,
        revision: 1,
    };
    require_size(&message).map(|()| message)
}

/// 422 for what the schema of a body cannot measure.
pub(crate) fn require_size(message: &Message) -> Result<(), Fault> {
    let mut faults = size::faults(&message.content, &message.metadata);
    if message.mentions.len() > MENTIONS_MAX {
        faults.push(FieldFault {
            place: Place::Pointer("#/mentions".into()),
            code: "field.too_many",
            detail: format!("with those in the text there are more than {MENTIONS_MAX}"),
        });
    }
    if faults.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(faults)) }
}

/// Those of `mentions` who can be called in the channel, and what is wrong
/// with the ones that were `named` one by one. Somebody whom only the text
/// names and who is not there is just a text.
pub(crate) async fn known(
    tx: &mut Tx,
    channel: ChannelId,
    mentions: &[UserId],
    named: &[UserId],
) -> Result<(Vec<UserId>, Vec<FieldFault>), Fault> {
    if mentions.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let there = repo::mentionable(tx, channel, mentions).await?;
    let asked = |user: &UserId| mentions.contains(user) && !there.contains(user);
    let unknown = named.iter().enumerate().filter(|(_, user)| asked(user));
    let faults = unknown.map(|(index, _)| FieldFault {
        place: Place::Pointer(format!("#/mentions/{index}")),
        code: "user.unknown",
        detail: "There is no such person in this channel".into(),
    });
    let faults = faults.collect();
    Ok((mentions.iter().copied().filter(|user| there.contains(user)).collect(), faults))
}

pub(crate) fn unknown_message(field: &str) -> FieldFault {
    FieldFault {
        place: Place::Pointer(format!("#/{field}")),
        code: "message.unknown",
        detail: "There is no such message here".into(),
    }
}

/// 409 for a channel that is put away.
pub(crate) fn require_open(standing: Standing) -> Result<(), Fault> {
    if standing.archived { Err(Fault::new(&CHANNEL_ARCHIVED)) } else { Ok(()) }
}

/// A message of a channel that the caller is a member of.
///
/// # Errors
/// 404 where the caller may not know of its channel; 403
/// `channel.not_a_member` where joining comes first.
pub async fn get(db: &mut impl Queries, ctx: &Ctx, id: MessageId) -> Result<Message, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id, reader).await?;
    let (message, standing) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    require_to_read(standing).map(|()| message)
}

/// Those of some messages that the caller may read, in no order.
///
/// # Errors
/// Those of the database alone: what is hidden is left out.
pub async fn readable(
    db: &mut impl Queries,
    ctx: &Ctx,
    ids: &[MessageId],
) -> Result<Vec<Message>, Fault> {
    let found = repo::lookup_all(db, ids, ctx.require_actor()?.user_id).await?;
    let read = found.into_iter().filter(|(_, standing)| require_to_read(*standing).is_ok());
    Ok(read.map(|(message, _)| message).collect())
}

/// Reading is for members; who sees a public channel and has not joined is
/// told so.
pub(crate) fn require_to_read(standing: Standing) -> Result<(), Fault> {
    match sayso_channels::policy::talk(standing.kind, standing.role) {
        Decision::Deny => Err(Fault::new(&NOT_A_MEMBER)),
        decision => decision.require(),
    }
}

/// Holds a message that the caller may read until the end of the transaction:
/// nobody else changes it, and the caller stays a member.
///
/// # Errors
/// As [`get`].
pub async fn hold_in(tx: &mut Tx, ctx: &Ctx, id: MessageId) -> Result<Message, Fault> {
    held(tx, ctx, id).await.map(|(message, _)| message)
}

/// The same with where the caller stands in its channel.
pub(crate) async fn held(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
) -> Result<(Message, Standing), Fault> {
    let reader = ctx.require_actor()?.user_id;
    if let Some(found) = repo::hold(tx, id, reader).await? {
        return Ok(found);
    }
    // What is refused is refused with its reason.
    get(tx, ctx, id).await?;
    Err(Fault::new(&NOT_FOUND))
}

/// Names in a message the task that was made from it, in the transaction that
/// makes the task. Hold the message first ([`hold_in`]).
///
/// Event: `message.edited` with `taskId` among the changed fields. The version
/// stays: nobody has edited what was said.
///
/// # Errors
/// As [`get`].
pub async fn link_task_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    task: Uuid,
) -> Result<Message, Fault> {
    held(tx, ctx, id).await?;
    let linked = repo::link_task(tx, id, task, ctx.now()).await?;
    let message = linked.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    tx.emit(events::edited(&message, &["taskId"], &[]));
    Ok(message)
}

/// Which messages of a channel to show.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Which comes first.
    pub order: Order,
    /// Whether answers are among them, or only what stands in no thread.
    pub threads: bool,
    /// Where to go on.
    pub cursor: Option<&'a str>,
    /// How many.
    pub limit: u32,
}

impl Asked<'_> {
    fn question(&self, channel: ChannelId) -> String {
        format!("messages of {channel} {:?} {}", self.order, self.threads)
    }
}

/// The messages of a channel.
///
/// # Errors
/// 404 where the caller may not know of the channel; 403
/// `channel.not_a_member`.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    channel: ChannelId,
    asked: Asked<'_>,
) -> Result<Window, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = asked.question(channel);
    let start = Start::parse(&question, asked.cursor)?;
    let found = repo::list(db, reader, channel, asked, start.as_ref()).await?;
    let (rows, standing) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    require_to_read(standing)?;
    Ok(Window::of(rows, asked.limit, &question, start.as_ref()))
}

/// The messages around one: itself, and its neighbours on both sides.
///
/// # Errors
/// As [`list`]; 422 for a message that is not in this channel.
pub async fn around(
    db: &mut impl Queries,
    ctx: &Ctx,
    channel: ChannelId,
    center: MessageId,
    asked: Asked<'_>,
) -> Result<Window, Fault> {
    let reader = ctx.require_actor()?.user_id;
    if asked.cursor.is_some() {
        let detail = "does not go with around: either begins the page";
        return Err(Fault::at_parameter("cursor", "cursor.invalid", detail));
    }
    // The older half has the message itself.
    let newer = asked.limit.saturating_sub(1) / 2;
    let older = asked.limit - newer;
    let found = repo::around(db, reader, (channel, center), asked.threads, (older, newer)).await?;
    let (mut rows, standing) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    require_to_read(standing)?;
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let Some(place) = rows.iter().position(|message| message.id == center) else {
        let detail = "There is no such message in this channel";
        return Err(Fault::at_parameter("around", "message.unknown", detail));
    };
    // Newest first, one more on each side than was asked for.
    let (more_newer, more_older) = (place > size(newer), rows.len() - place > size(older));
    rows.truncate(place + size(older));
    rows.drain(..place.saturating_sub(size(newer)));
    let (before, behind) = match asked.order {
        Order::NewestFirst => (more_newer, more_older),
        Order::OldestFirst => {
            rows.reverse();
            (more_older, more_newer)
        }
    };
    Ok(Window::between(rows, &asked.question(channel), before, behind))
}
