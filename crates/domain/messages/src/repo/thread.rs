//! The SQL of threads: the head that counts its answers, the answers, and how
//! far somebody has read.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_channels::repo::Standing;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;

use super::list::goes_up;
use super::{COLUMNS, columns, message, standing};
use crate::model::{Message, MessageId, ThreadReading};
use crate::window::{Order, Start};

/// Counts one more answer, in a message of the channel that can be answered.
/// Writers of one thread follow each other here.
const ANSWER: Sql = Sql::new(
    "messages.answer",
    concat!(
        "UPDATE messages m
         SET reply_count = m.reply_count + 1, last_reply_at = greatest(m.last_reply_at, $3),
             updated_at = $3, revision = m.revision + 1
         WHERE m.id = $1 AND m.channel_id = $2 AND m.thread_id IS NULL AND m.deleted_at IS NULL
         RETURNING ",
        columns!("m")
    ),
);

/// Counting the answers reads other rows, so the head is locked before by a
/// statement of its own: nobody adds or deletes one in between.
const LOCK_HEAD: Sql =
    Sql::new("messages.lock_head", "SELECT 1 FROM messages WHERE id = $1 FOR UPDATE");

const RECOUNT: Sql = Sql::new(
    "messages.recount_answers",
    concat!(
        "UPDATE messages m
         SET reply_count = a.count, last_reply_at = a.last, updated_at = $2,
             revision = m.revision + 1
         FROM (SELECT count(*)::int AS count, max(created_at) AS last FROM messages
               WHERE thread_id = $1 AND deleted_at IS NULL) a
         WHERE m.id = $1 RETURNING ",
        columns!("m"),
        ", m.deleted_at IS NULL"
    ),
);

/// How many answers of others in the thread `h` lie behind the watermark of the
/// reader `$1` (`t`; without one, behind joining, `cm`). Counting stops at
/// 1,000, as for channels.
macro_rules! unread {
    () => {
        "(SELECT count(*) FROM (
             SELECT 1 FROM messages u
             WHERE u.thread_id = h.id AND u.deleted_at IS NULL AND u.sender_id <> $1
               AND (u.created_at, u.id) > (
                   coalesce(t.last_read_at, cm.joined_at),
                   coalesce(t.last_read_message_id, '00000000-0000-0000-0000-000000000000'))
             LIMIT 1000) answers)"
    };
}

/// The head of the thread that `$2` is in, then its answers from a place
/// onwards; with each what the reader `$1` is there and has read.
macro_rules! thread {
    ($beyond:literal, $way:literal, $end:literal, $last:literal) => {
        concat!(
            "WITH head AS MATERIALIZED (
                 SELECT h.id, c.kind, c.archived, cm.role, t.last_read_message_id, ",
            unread!(),
            " AS unread
                 FROM messages o
                 JOIN messages h ON h.id = coalesce(o.thread_id, o.id) AND h.deleted_at IS NULL
                 JOIN channels c ON c.id = h.channel_id AND c.deleted_at IS NULL
                 LEFT JOIN channel_members cm ON cm.channel_id = c.id AND cm.user_id = $1
                 LEFT JOIN thread_reads t ON t.thread_id = h.id AND t.user_id = $1
                 WHERE o.id = $2 AND o.deleted_at IS NULL
             )
             SELECT p.*, head.kind, head.archived, head.role, head.last_read_message_id,
                    head.unread
             FROM head CROSS JOIN LATERAL (
                 (SELECT ",
            columns!("m"),
            " FROM messages m WHERE m.id = head.id)
                 UNION ALL
                 (SELECT ",
            columns!("m"),
            " FROM messages m
                  WHERE m.thread_id = head.id AND head.role IS NOT NULL AND m.deleted_at IS NULL
                    AND (m.created_at, m.id) ",
            $beyond,
            " (coalesce($3::timestamptz, '",
            $end,
            "'), coalesce($4::uuid, '",
            $last,
            "'))
                  ORDER BY m.created_at ",
            $way,
            ", m.id ",
            $way,
            " LIMIT $5)) p
             ORDER BY p.thread_id IS NOT NULL, p.created_at ",
            $way,
            ", p.id ",
            $way
        )
    };
}

const THREAD_OLDER: Sql = Sql::new(
    "messages.thread_older",
    thread!("<", "DESC", "infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
);

const THREAD_NEWER: Sql = Sql::new(
    "messages.thread_newer",
    thread!(">", "ASC", "-infinity", "00000000-0000-0000-0000-000000000000"),
);

const OF_THREAD: Sql = Sql::new(
    "messages.of_thread",
    "SELECT created_at FROM messages
     WHERE id = $2 AND deleted_at IS NULL AND (id = $1 OR thread_id = $1)",
);

/// The watermark only rises, also when two devices write it at once.
const MARK: Sql = Sql::new(
    "thread_reads.mark",
    "INSERT INTO thread_reads AS t (thread_id, user_id, last_read_at, last_read_message_id)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (thread_id, user_id) DO UPDATE
     SET last_read_at = excluded.last_read_at,
         last_read_message_id = excluded.last_read_message_id
     WHERE (t.last_read_at, t.last_read_message_id)
         < (excluded.last_read_at, excluded.last_read_message_id)
     RETURNING 1",
);

const READING: Sql = Sql::new(
    "thread_reads.reading",
    concat!(
        "SELECT h.id, h.channel_id, t.last_read_message_id, ",
        unread!(),
        " FROM messages h
         JOIN channel_members cm ON cm.channel_id = h.channel_id AND cm.user_id = $1
         LEFT JOIN thread_reads t ON t.thread_id = h.id AND t.user_id = $1
         WHERE h.id = $2 AND h.deleted_at IS NULL"
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] =
    &[&ANSWER, &LOCK_HEAD, &RECOUNT, &THREAD_OLDER, &THREAD_NEWER, &OF_THREAD, &MARK, &READING];

/// A thread as it was read.
#[derive(Debug)]
pub(crate) struct Found {
    /// The message at its head.
    pub(crate) head: Message,
    /// What the reader is in its channel, who reads no answers without being a
    /// member.
    pub(crate) standing: Standing,
    /// How far the reader has read.
    pub(crate) reading: ThreadReading,
    /// The answers from the start onwards, one more than asked for.
    pub(crate) answers: Vec<Message>,
}

/// Counts one more answer to a message; `None` where it cannot be answered.
/// The message stays locked until the end of the transaction.
pub(crate) async fn answer(
    tx: &mut Tx,
    channel: ChannelId,
    thread: MessageId,
    at: Timestamp,
) -> Result<Option<Message>, DbError> {
    Ok(tx.row(&ANSWER, &[&thread, &channel, &at]).await?.as_ref().map(message))
}

/// Counts the answers of a thread anew. `None`: its head is deleted, and nobody
/// sees the count.
pub(crate) async fn recount_answers(
    tx: &mut Tx,
    thread: MessageId,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    tx.rows(&LOCK_HEAD, &[&thread]).await?;
    let row = tx.row(&RECOUNT, &[&thread, &now]).await?;
    Ok(row.filter(|row| row.get(COLUMNS)).as_ref().map(message))
}

/// The thread that a message is in. `None`: there is no such message, or the
/// head of its thread is deleted.
pub(crate) async fn thread(
    db: &mut impl Queries,
    reader: UserId,
    id: MessageId,
    (order, limit): (Order, u32),
    start: Option<&Start>,
) -> Result<Option<Found>, DbError> {
    let sql = if goes_up(order, start) { &THREAD_NEWER } else { &THREAD_OLDER };
    let (at, last) = start.map(|start| start.key).unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(sql, &[&reader, &id, &at, &last, &limit]).await?;
    let Some((first, answers)) = rows.split_first() else { return Ok(None) };
    let head = message(first);
    Ok(Some(Found {
        standing: standing(first),
        reading: ThreadReading {
            thread_id: head.id,
            channel_id: head.channel_id,
            last_read_message_id: first.get(COLUMNS + 3),
            unread_count: first.get(COLUMNS + 4),
        },
        head,
        answers: answers.iter().map(message).collect(),
    }))
}

/// When a message of a thread was said, its head included. `None`: it is not
/// one.
pub(crate) async fn message_of_thread(
    tx: &mut Tx,
    thread: MessageId,
    id: MessageId,
) -> Result<Option<Timestamp>, DbError> {
    Ok(tx.row(&OF_THREAD, &[&thread, &id]).await?.map(|row: Row| row.get(0)))
}

/// Moves the watermark of a person forward; whether it moved.
pub(crate) async fn mark_thread(
    tx: &mut Tx,
    thread: MessageId,
    reader: UserId,
    (at, id): (Timestamp, MessageId),
) -> Result<bool, DbError> {
    Ok(tx.row(&MARK, &[&thread, &reader, &at, &id]).await?.is_some())
}

/// How far a member has read a thread.
pub(crate) async fn thread_reading(
    tx: &mut Tx,
    thread: MessageId,
    reader: UserId,
) -> Result<Option<ThreadReading>, DbError> {
    let row = tx.row(&READING, &[&reader, &thread]).await?;
    Ok(row.map(|row| ThreadReading {
        thread_id: row.get(0),
        channel_id: row.get(1),
        last_read_message_id: row.get(2),
        unread_count: row.get(3),
    }))
}
