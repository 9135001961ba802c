//! The SQL of messages.

mod change;
mod list;
mod reaction;
mod thread;

use sayso_access::{Ctx, UserId};
use sayso_channels::repo::Standing;
use sayso_channels::{ChannelId, ChannelKind, MemberRole};
use sayso_db::{Db, DbError, Fact, Queries, Row, Sql, Tx, change_with_fact};
use sayso_kernel::Fault;

use crate::model::{Message, MessageId, Reaction, TaskState};

/// The columns of a message, in the order in which [`message`] reads them. How
/// far the task is that was made from it is read with it, as long as it is in
/// the same channel: who reads one there sees the other.
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
            ".mentions_channel, ",
            $of,
            ".reactions, ",
            $of,
            ".reply_count, ",
            $of,
            ".last_reply_at, ",
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
            ".revision, (SELECT jsonb_build_object('status', t.status, 'title', t.title)
                         FROM tasks t
                         WHERE t.id = ",
            $of,
            ".task_id AND t.channel_id = ",
            $of,
            ".channel_id
                           AND t.deleted_at IS NULL) AS task"
        )
    };
}

use columns;

/// How many they are.
const COLUMNS: usize = 18;

const INSERT: Sql = Sql::new(
    "messages.insert",
    "INSERT INTO messages (id, channel_id, sender_id, content, thread_id, client_id, metadata,
                           created_at, updated_at, mentions, mentions_channel)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)",
);

/// A message and its fact in one statement. The memberships it rests on, of
/// the sender and of everybody it names, are locked before the message is
/// inserted; without one of them nothing is inserted.
const SEND: Sql = Sql::new(
    "messages.send",
    change_with_fact!(
        "WITH standing AS (
             SELECT c.id FROM channels c
             JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $16
             WHERE c.id = $15 AND c.deleted_at IS NULL AND NOT c.archived
             FOR SHARE
         ), named AS (
             SELECT m.user_id FROM channel_members m
             JOIN users u ON u.id = m.user_id AND u.active AND u.deleted_at IS NULL
             WHERE m.channel_id = $15 AND m.user_id = ANY($21::uuid[])
             FOR SHARE OF m
         ), change AS (
             INSERT INTO messages (id, channel_id, sender_id, content, client_id, metadata,
                                   created_at, updated_at, mentions, mentions_channel)
             SELECT $14, s.id, $16, $17, $18, $19, $20, $20, $21, $22 FROM standing s
             WHERE cardinality($21::uuid[]) = (SELECT count(*) FROM named)
             RETURNING id
         )",
        "id"
    ),
);

/// Who of `$2` can be called in a channel.
const MENTIONABLE: Sql = Sql::new(
    "messages.mentionable",
    "SELECT m.user_id FROM channel_members m
     JOIN users u ON u.id = m.user_id AND u.active AND u.deleted_at IS NULL
     WHERE m.channel_id = $1 AND m.user_id = ANY($2)
     FOR SHARE OF m",
);

/// What the reader `$2` is in the message's channel, read with the messages that
/// `$which` names by `$1`.
macro_rules! lookup {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!("m"),
            ", c.kind, c.archived, cm.role FROM messages m
             JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
             LEFT JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = $2
             WHERE m.id ",
            $which,
            " AND m.deleted_at IS NULL"
        )
    };
}

const LOOKUP: Sql = Sql::new("messages.lookup", lookup!("= $1"));

const LOOKUP_ALL: Sql = Sql::new("messages.lookup_all", lookup!("= ANY($1)"));

/// Whatever is done to a message rests on its channel and on the membership of
/// who does it; all three are held until the write commits.
macro_rules! hold {
    ($deleted:literal) => {
        concat!(
            "SELECT ",
            columns!("m"),
            ", c.kind, c.archived, cm.role, m.deleted_by FROM messages m
             JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
             JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = $2
             WHERE m.id = $1 AND m.deleted_at ",
            $deleted,
            " FOR SHARE OF c, cm FOR UPDATE OF m"
        )
    };
}

const HOLD: Sql = Sql::new("messages.hold", hold!("IS NULL"));

const HOLD_DELETED: Sql = Sql::new("messages.hold_deleted", hold!("IS NOT NULL"));

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = vec![&INSERT, &SEND, &MENTIONABLE, &LOOKUP, &LOOKUP_ALL, &HOLD, &HOLD_DELETED];
    for part in [change::ALL, list::ALL, reaction::ALL, thread::ALL] {
        all.extend_from_slice(part);
    }
    all
}

pub(crate) use change::{history, link_task, restore, revision, soft_delete, update};
pub(crate) use list::{around, list};
pub(crate) use reaction::{add_reactions, remove_reactions, show_reactions};
pub(crate) use thread::{
    answer, mark_thread, message_of_thread, recount_answers, thread, thread_reading,
};

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
            &m.mentions,
            &m.mentions_channel,
        ],
    )
    .await?;
    Ok(())
}

/// Inserts a message outside any thread with its fact, in one statement.
/// `false`: the sender may not send there, or somebody whom it names is not
/// there, and nothing happened.
pub(crate) async fn insert_with_fact(
    db: &Db,
    ctx: &Ctx,
    m: &Message,
    fact: Fact,
) -> Result<bool, Fault> {
    let own: &[&(dyn postgres_types::ToSql + Sync)] = &[
        &m.id,
        &m.channel_id,
        &m.sender_id,
        &m.content,
        &m.client_id,
        &m.metadata,
        &m.created_at,
        &m.mentions,
        &m.mentions_channel,
    ];
    Ok(db.write_statement(ctx, &SEND, fact, own).await??.is_some())
}

/// Those of `users` who can be called in a channel: its members, as long as
/// they are active. They stay so until the end of the transaction.
pub(crate) async fn mentionable(
    tx: &mut Tx,
    channel: ChannelId,
    users: &[UserId],
) -> Result<Vec<UserId>, DbError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.rows(&MENTIONABLE, &[&channel, &users]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A message, and what `reader` is in its channel.
pub(crate) async fn lookup(
    db: &mut impl Queries,
    id: MessageId,
    reader: UserId,
) -> Result<Option<(Message, Standing)>, DbError> {
    Ok(db.row(&LOOKUP, &[&id, &reader]).await?.as_ref().map(|row| (message(row), standing(row))))
}

/// The same for several messages at once, in no order.
pub(crate) async fn lookup_all(
    db: &mut impl Queries,
    ids: &[MessageId],
    reader: UserId,
) -> Result<Vec<(Message, Standing)>, DbError> {
    let rows = db.rows(&LOOKUP_ALL, &[&ids, &reader]).await?;
    Ok(rows.iter().map(|row| (message(row), standing(row))).collect())
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

/// The same for a deleted message, with who deleted it, if that is known.
pub(crate) async fn hold_deleted(
    tx: &mut Tx,
    id: MessageId,
    reader: UserId,
) -> Result<Option<(Message, Standing, Option<UserId>)>, DbError> {
    let row = tx.row(&HOLD_DELETED, &[&id, &reader]).await?;
    Ok(row.as_ref().map(|row| (message(row), standing(row), row.get(COLUMNS + 3))))
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
        mentions_channel: row.get(7),
        reactions: reactions(row.get(8)),
        reply_count: row.get(9),
        last_reply_at: row.get(10),
        task_id: row.get(11),
        metadata: row.get(12),
        edited_at: row.get(13),
        created_at: row.get(14),
        version: row.get(15),
        revision: row.get(16),
        task: row.get::<_, Option<serde_json::Value>>(17).and_then(task_state),
    }
}

fn task_state(read: serde_json::Value) -> Option<TaskState> {
    let text = |name: &str| read[name].as_str().map(ToOwned::to_owned);
    Some(TaskState { status: text("status")?, title: text("title")? })
}

/// The message of a row in which there may be none.
fn message_if_any(row: &Row) -> Option<Message> {
    row.get::<_, Option<MessageId>>(0).map(|_| message(row))
}

fn reactions(stored: serde_json::Value) -> Vec<Reaction> {
    let serde_json::Value::Array(stored) = stored else { return Vec::new() };
    let reaction = |one: serde_json::Value| {
        let users = one["userIds"].as_array()?.iter().filter_map(|id| id.as_str()?.parse().ok());
        Some(Reaction {
            emoji: one["emoji"].as_str()?.to_owned(),
            count: one["count"].as_i64()?,
            user_ids: users.map(UserId).collect(),
        })
    };
    stored.into_iter().filter_map(reaction).collect()
}

/// Reads what stands behind the columns of a message.
fn standing(row: &Row) -> Standing {
    standing_at(row, COLUMNS)
}

fn standing_at(row: &Row, at: usize) -> Standing {
    Standing {
        kind: ChannelKind::parse(row.get(at)),
        archived: row.get(at + 1),
        role: row.get::<_, Option<&str>>(at + 2).map(MemberRole::parse),
    }
}
