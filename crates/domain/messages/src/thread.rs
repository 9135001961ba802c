//! Threads: a message and what answers to it, and how far one has read.

use sayso_access::Ctx;
use sayso_channels::service::require_member;
use sayso_db::{Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{INVALID, NOT_FOUND};

use crate::model::{Message, MessageId, ThreadReading};
use crate::service::{get, require_to_read, unknown_message};
use crate::window::{Order, Start, Window};
use crate::{events, repo};

/// A thread as one reader sees it.
#[derive(Clone, Debug)]
pub struct Thread {
    /// The message at its head.
    pub head: Message,
    /// How far the reader has read.
    pub reading: ThreadReading,
    /// The answers.
    pub answers: Window,
}

/// The thread that a message begins or belongs to.
///
/// # Errors
/// As [`crate::service::get`]; 404 also where the message at its head is
/// deleted.
pub async fn read(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: MessageId,
    (order, cursor, limit): (Order, Option<&str>, u32),
) -> Result<Thread, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("thread of {id} {order:?}");
    let start = Start::parse(&question, cursor)?;
    let found = repo::thread(db, reader, id, (order, limit), start.as_ref()).await?;
    let found = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    require_to_read(found.standing)?;
    Ok(Thread {
        head: found.head,
        reading: found.reading,
        answers: Window::of(found.answers, limit, &question, start.as_ref()),
    })
}

/// Says that the caller has read a thread up to a message of it. The watermark
/// only rises: what another device has read stays read.
///
/// Event: `thread.read` on the caller's own stream, if it rose.
///
/// # Errors
/// As [`read`]; 422 for a message that is not in the thread.
pub async fn mark_read_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    upto: MessageId,
) -> Result<ThreadReading, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let asked = get(tx, ctx, id).await?;
    let head = asked.thread_id.unwrap_or(asked.id);
    require_member(tx, ctx, asked.channel_id).await?;
    let Some(read) = repo::message_of_thread(tx, head, upto).await? else {
        return Err(Fault::new(&INVALID).with_all([unknown_message("messageId")]));
    };
    let rose = repo::mark_thread(tx, head, reader, (read, upto)).await?;
    let reading = repo::thread_reading(tx, head, reader).await?;
    let reading = reading.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    if rose {
        tx.emit(events::thread_read(reader, &reading));
    }
    Ok(reading)
}
