//! What one can do with messages. Every door calls these functions.

use sayso_access::{Ctx, Decision};
use sayso_channels::ChannelId;
use sayso_channels::error::NOT_A_MEMBER;
use sayso_channels::repo::Standing;
use sayso_channels::service::{require_member, visible};
use sayso_db::{Db, Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::page::{self, Page};
use uuid::Uuid;

use crate::error::CHANNEL_ARCHIVED;
use crate::model::{Draft, Message, MessageId};
use crate::{events, policy, repo};

/// Sends a message as part of an open transaction.
///
/// Event: `message.sent` on the channel's stream.
///
/// # Errors
/// 404 where the caller may not know of the channel; 403
/// `channel.not_a_member`; 409 `channel.archived`; 422 for a thread that is
/// not in this channel.
pub async fn send_in(
    tx: &mut Tx,
    ctx: &Ctx,
    channel: ChannelId,
    draft: &Draft,
) -> Result<Message, Fault> {
    let standing = require_member(tx, ctx, channel).await?;
    if policy::send(standing) != Decision::Allow {
        return Err(Fault::new(&CHANNEL_ARCHIVED));
    }
    if let Some(thread) = draft.thread_id
        && !repo::thread_exists(tx, channel, thread).await?
    {
        return Err(Fault::at_pointer(
            "#/threadId",
            "message.unknown",
            "There is no such message in this channel",
        ));
    }
    let message = message(ctx, channel, draft)?;
    repo::insert(tx, &message).await?;
    tx.emit(events::sent(&message));
    Ok(message)
}

/// Sends a message by itself: the same promises as [`send_in`], with one flush
/// to the database where that is possible.
///
/// # Errors
/// As [`send_in`].
pub async fn send(db: &Db, ctx: &Ctx, channel: ChannelId, draft: &Draft) -> Result<Message, Fault> {
    if draft.thread_id.is_none() {
        let message = message(ctx, channel, draft)?;
        if repo::insert_with_fact(db, ctx, &message, events::sent(&message)).await? {
            return Ok(message);
        }
    }
    // What is refused is refused here, with its reason.
    let draft = draft.clone();
    db.transaction(ctx, async move |tx, ctx| send_in(tx, ctx, channel, &draft).await).await
}

fn message(ctx: &Ctx, channel: ChannelId, draft: &Draft) -> Result<Message, Fault> {
    Ok(Message {
        id: MessageId(ctx.new_id()),
        channel_id: channel,
        sender_id: ctx.require_actor()?.user_id,
        content: draft.content.clone(),
        thread_id: draft.thread_id,
        client_id: draft.client_id.clone(),
        mentions: Vec::new(),
        reactions: serde_json::Value::Array(Vec::new()),
        task_id: None,
        metadata: draft.metadata.clone(),
        edited_at: None,
        created_at: ctx.now(),
        version: 1,
        revision: 1,
    })
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

/// Reading is for members; who sees a public channel and has not joined is
/// told so.
fn require_to_read(standing: Standing) -> Result<(), Fault> {
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
    tx.emit(events::edited(&message, &["taskId"]));
    Ok(message)
}

/// The messages of a channel, newest first.
///
/// # Errors
/// 404 where the caller may not know of the channel; 403
/// `channel.not_a_member`.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    channel: ChannelId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Message>, Fault> {
    let (found, reading) = visible(db, ctx, channel).await?;
    if sayso_channels::policy::talk(found.kind, reading.role) != Decision::Allow {
        return Err(Fault::new(&NOT_A_MEMBER));
    }
    let question = format!("messages of {channel}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, channel, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |message| (message.created_at, message.id.0)))
}
