//! The SQL that changes a message, and what it said before.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::repo::Standing;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use super::{columns, message};
use crate::model::{Message, MessageId, Revision};

/// A held message with another text; the one before is kept where `$8` says so.
const UPDATE: Sql = Sql::new(
    "messages.update",
    concat!(
        "WITH kept AS (
             INSERT INTO message_revisions (message_id, version, content, mentions, replaced_at)
             SELECT o.id, o.version, o.content, o.mentions, $7 FROM messages o
             WHERE o.id = $1 AND $8::boolean
         )
         UPDATE messages m
         SET content = $2, mentions = $3, mentions_channel = $4, metadata = $5, edited_at = $6,
             updated_at = $7, version = m.version + 1, revision = m.revision + 1
         WHERE m.id = $1 RETURNING ",
        columns!("m")
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

const SOFT_DELETE: Sql = Sql::new(
    "messages.soft_delete",
    concat!(
        "UPDATE messages m SET deleted_at = $2, deleted_by = $3, updated_at = $2,
                               version = m.version + 1, revision = m.revision + 1
         WHERE m.id = $1 RETURNING ",
        columns!("m")
    ),
);

const RESTORE: Sql = Sql::new(
    "messages.restore",
    concat!(
        "UPDATE messages m SET deleted_at = NULL, deleted_by = NULL, updated_at = $2,
                               version = m.version + 1, revision = m.revision + 1
         WHERE m.id = $1 RETURNING ",
        columns!("m")
    ),
);

const REVISION: Sql = Sql::new(
    "message_revisions.get",
    "SELECT r.message_id, r.version, r.content, r.mentions, r.replaced_at
     FROM message_revisions r WHERE r.message_id = $1 AND r.version = $2",
);

/// The history of a message together with what the reader `$2` is in its
/// channel, who sees none of it without being a member.
const HISTORY: Sql = Sql::new(
    "message_revisions.list",
    "SELECT h.message_id, h.version, h.content, h.mentions, h.replaced_at,
            c.kind, c.archived, cm.role
     FROM messages m
     JOIN channels c ON c.id = m.channel_id AND c.deleted_at IS NULL
     LEFT JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = $2
     LEFT JOIN LATERAL (
         SELECT r.message_id, r.version, r.content, r.mentions, r.replaced_at
         FROM message_revisions r
         WHERE r.message_id = m.id AND cm.user_id IS NOT NULL
           AND r.version < coalesce($3::int, 2147483647)
         ORDER BY r.version DESC LIMIT $4) h ON true
     WHERE m.id = $1 AND m.deleted_at IS NULL
     ORDER BY h.version DESC",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&UPDATE, &LINK_TASK, &SOFT_DELETE, &RESTORE, &REVISION, &HISTORY];

/// Writes an edited message that is held. `keep` says whether its text is
/// replaced.
pub(crate) async fn update(
    tx: &mut Tx,
    m: &Message,
    keep: bool,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    let row = tx
        .row(
            &UPDATE,
            &[
                &m.id,
                &m.content,
                &m.mentions,
                &m.mentions_channel,
                &m.metadata,
                &m.edited_at,
                &now,
                &keep,
            ],
        )
        .await?;
    Ok(row.as_ref().map(message))
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

/// Deletes a message that is held.
pub(crate) async fn soft_delete(
    tx: &mut Tx,
    id: MessageId,
    by: UserId,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    Ok(tx.row(&SOFT_DELETE, &[&id, &now, &by]).await?.as_ref().map(message))
}

/// Brings a message back that is held.
pub(crate) async fn restore(
    tx: &mut Tx,
    id: MessageId,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    Ok(tx.row(&RESTORE, &[&id, &now]).await?.as_ref().map(message))
}

/// What a message said in a version that was replaced.
pub(crate) async fn revision(
    tx: &mut Tx,
    id: MessageId,
    version: i32,
) -> Result<Option<Revision>, DbError> {
    Ok(tx.row(&REVISION, &[&id, &version]).await?.as_ref().map(read))
}

/// What a message said before, newest first, one more than `limit`; and what
/// `reader` is in its channel. `None`: there is no such message.
pub(crate) async fn history(
    db: &mut impl Queries,
    id: MessageId,
    reader: UserId,
    below: Option<i32>,
    limit: u32,
) -> Result<Option<(Vec<Revision>, Standing)>, DbError> {
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(&HISTORY, &[&id, &reader, &below, &limit]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let standing = super::standing_at(first, REVISION_COLUMNS);
    let is_there = |row: &&Row| row.get::<_, Option<MessageId>>(0).is_some();
    Ok(Some((rows.iter().filter(is_there).map(read).collect(), standing)))
}

const REVISION_COLUMNS: usize = 5;

fn read(row: &Row) -> Revision {
    Revision {
        message_id: row.get(0),
        version: row.get(1),
        content: row.get(2),
        mentions: row.get(3),
        replaced_at: row.get(4),
    }
}
