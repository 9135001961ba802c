//! The SQL of messages.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_channels::repo::Standing;
use sayso_channels::{ChannelId, ChannelKind, MemberRole};
use sayso_db::{Db, DbError, Fact, Queries, Row, Sql, Tx, change_with_fact};
use sayso_kernel::{Fault, page};
use uuid::Uuid;

use crate::model::{Message, MessageId};

/// The columns of a message, in the order in which [`message`] reads them.
macro_rules! columns {
    ($of:literal) => {
        concat!(
            $of,
            ".id, ",
            $of,
            ".channel_id, ",
            $of,
            ".sender_id, ",
            $of,
            ".content, ",
            $of,
            ".thread_id, ",
            $of,
            ".client_id, ",
            $of,
            ".mentions, ",
            $of,
            ".reactions, ",
            $of,
            ".task_id, ",
            $of,
            ".metadata, ",
            $of,
            ".edited_at, ",
            $of,
            ".created_at, ",
            $of,
            ".version, ",
            $of,
            ".revision"
        )
    };
}

/// How many they are.
const MESSAGE_COLUMNS: usize = 14;

const INSERT: Sql = Sql::new(
    "messages.insert",
    "INSERT INTO messages (id, channel_id, sender_id, content, thread_id, client_id, metadata,
                           created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
);

/// A message and its fact in one statement. The membership it rests on is
/// locked before the message is inserted; without it nothing is inserted.
const SEND: Sql = Sql::new(
    "messages.send",
    change_with_fact!(
        "WITH standing AS (
             SELECT c.id FROM channels c
             JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $15
             WHERE c.id = $14 AND c.deleted_at IS NULL AND NOT c.archived
             FOR SHARE
         ), change AS (
             INSERT INTO messages (id, channel_id, sender_id, content, client_id, metadata,
                                   created_at, updated_at)
             SELECT $13, s.id, $15, $16, $17, $18, $19, $19 FROM standing s
             RETURNING id
         )",
        "id"
    ),
);

const THREAD: Sql = Sql::new(
    "messages.thread",
    "SELECT id FROM messages
     WHERE id = $1 AND channel_id = $2 AND thread_id IS NULL AND deleted_at IS NULL FOR SHARE",
);

/// What the reader `$2` is in the message's channel, read with a message.
const LOOKUP: Sql = Sql::new(
    "messages.lookup",
    concat!(
        "SELECT ",
        columns!("m"),
        ", c.kind, c.archived, cm.role FROM messages m
         JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
         LEFT JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = $2
         WHERE m.id = $1 AND m.deleted_at IS NULL"
    ),
);

/// Whatever is done to a message rests on its channel and on the membership of
/// who does it; all three are held until the write commits.
const HOLD: Sql = Sql::new(
    "messages.hold",
    concat!(
        "SELECT ",
        columns!("m"),
        ", c.kind, c.archived, cm.role FROM messages m
         JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
         JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = $2
         WHERE m.id = $1 AND m.deleted_at IS NULL
         FOR SHARE OF c, cm FOR UPDATE OF m"
    ),
);

const LINK_TASK: Sql = Sql::new(
    "messages.link_task",
    concat!(
        "UPDATE messages m SET task_id = $2, updated_at = $3, revision = m.revision + 1
         WHERE m.id = $1 RETURNING ",
        columns!("m")
    ),
);

const LIST: Sql = Sql::new(
    "messages.list",
    concat!(
        "SELECT ",
        columns!("m"),
        " FROM messages m
         WHERE m.channel_id = $1 AND m.deleted_at IS NULL
           AND ($2::timestamptz IS NULL OR (m.created_at, m.id) < ($2, $3))
         ORDER BY m.created_at DESC, m.id DESC LIMIT $4"
    ),
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    vec![&INSERT, &SEND, &THREAD, &LOOKUP, &HOLD, &LINK_TASK, &LIST]
}

pub(crate) async fn insert(tx: &mut Tx, m: &Message) -> Result<(), DbError> {
    tx.rows(
        &INSERT,
        &[
            &m.id,
            &m.channel_id,
            &m.sender_id,
            &m.content,
            &m.thread_id,
            &m.client_id,
            &m.metadata,
            &m.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Inserts a message outside any thread with its fact, in one statement.
/// `false`: the sender may not send there, and nothing happened.
pub(crate) async fn insert_with_fact(
    db: &Db,
    ctx: &Ctx,
    m: &Message,
    fact: Fact,
) -> Result<bool, Fault> {
    let own: &[&(dyn postgres_types::ToSql + Sync)] =
        &[&m.id, &m.channel_id, &m.sender_id, &m.content, &m.client_id, &m.metadata, &m.created_at];
    Ok(db.write_statement(ctx, &SEND, fact, own).await??.is_some())
}

/// Whether a message that can be answered to stands in the channel; held until
/// the end of the transaction.
pub(crate) async fn thread_exists(
    tx: &mut Tx,
    channel: ChannelId,
    id: MessageId,
) -> Result<bool, DbError> {
    Ok(tx.row(&THREAD, &[&id, &channel]).await?.is_some())
}

/// A message, and what `reader` is in its channel.
pub(crate) async fn lookup(
    db: &mut impl Queries,
    id: MessageId,
    reader: UserId,
) -> Result<Option<(Message, Standing)>, DbError> {
    Ok(db.row(&LOOKUP, &[&id, &reader]).await?.as_ref().map(|row| (message(row), standing(row))))
}

/// A message of a channel that `reader` is a member of, locked against every
/// other change until the end of the transaction.
pub(crate) async fn hold(
    tx: &mut Tx,
    id: MessageId,
    reader: UserId,
) -> Result<Option<(Message, Standing)>, DbError> {
    Ok(tx.row(&HOLD, &[&id, &reader]).await?.as_ref().map(|row| (message(row), standing(row))))
}

/// Names the task that was made from a message that is held.
pub(crate) async fn link_task(
    tx: &mut Tx,
    id: MessageId,
    task: Uuid,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    Ok(tx.row(&LINK_TASK, &[&id, &task, &now]).await?.as_ref().map(message))
}

/// The messages of a channel, newest first; one more than `limit`.
pub(crate) async fn list(
    db: &mut impl Queries,
    channel: ChannelId,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Message>, DbError> {
    let (at, id) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(&LIST, &[&channel, &at, &id, &limit]).await?;
    Ok(rows.iter().map(message).collect())
}

fn message(row: &Row) -> Message {
    Message {
        id: row.get(0),
        channel_id: row.get(1),
        sender_id: row.get(2),
        content: row.get(3),
        thread_id: row.get(4),
        client_id: row.get(5),
        mentions: row.get(6),
        reactions: row.get(7),
        task_id: row.get(8),
        metadata: row.get(9),
        edited_at: row.get(10),
        created_at: row.get(11),
        version: row.get(12),
        revision: row.get(13),
    }
}

/// Reads what stands behind the columns of a message.
fn standing(row: &Row) -> Standing {
    Standing {
        kind: ChannelKind::parse(row.get(MESSAGE_COLUMNS)),
        archived: row.get(MESSAGE_COLUMNS + 1),
        role: row.get::<_, Option<&str>>(MESSAGE_COLUMNS + 2).map(MemberRole::parse),
    }
}
