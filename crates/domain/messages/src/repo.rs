//! The SQL of messages.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_channels::ChannelId;
use sayso_db::{Db, DbError, Fact, Queries, Row, Sql, Tx, change_with_fact};
use sayso_kernel::{Fault, page};
use uuid::Uuid;

use crate::model::{Message, MessageId};

macro_rules! columns {
    () => {
        "id, channel_id, sender_id, content, thread_id, client_id, mentions, reactions, task_id, \
         metadata, edited_at, created_at, version, revision"
    };
}

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

const LOOKUP: Sql = Sql::new(
    "messages.lookup",
    concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE id = $1 AND deleted_at IS NULL
           AND EXISTS (SELECT 1 FROM channel_members m
                       JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
                       WHERE m.channel_id = messages.channel_id AND m.user_id = $2)"
    ),
);

const LIST: Sql = Sql::new(
    "messages.list",
    concat!(
        "SELECT ",
        columns!(),
        " FROM messages
         WHERE channel_id = $1 AND deleted_at IS NULL
           AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
         ORDER BY created_at DESC, id DESC LIMIT $4"
    ),
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    vec![&INSERT, &SEND, &THREAD, &LOOKUP, &LIST]
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

/// A message of a channel that `reader` is a member of.
pub(crate) async fn lookup(
    db: &mut impl Queries,
    id: MessageId,
    reader: UserId,
) -> Result<Option<Message>, DbError> {
    Ok(db.row(&LOOKUP, &[&id, &reader]).await?.as_ref().map(message))
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
