//! The SQL of reactions. Whoever changes them holds the message.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};

use super::{columns, message};
use crate::model::{Message, MessageId};

const REMOVE: Sql = Sql::new(
    "message_reactions.remove",
    "DELETE FROM message_reactions WHERE message_id = $1 AND user_id = $2 AND emoji = ANY($3)
     RETURNING emoji",
);

const ADD: Sql = Sql::new(
    "message_reactions.add",
    "INSERT INTO message_reactions (message_id, emoji, user_id, created_at)
     SELECT $1, n.emoji, $2, $4 FROM unnest($3::text[]) AS n(emoji)
     ON CONFLICT (message_id, emoji, user_id) DO NOTHING
     RETURNING emoji",
);

/// Writes into the message what it shows of its reactions: the emojis in the
/// order in which they came, each with its count and the first people. Those
/// are `REACTORS_SHOWN`.
const SHOW: Sql = Sql::new(
    "message_reactions.show",
    concat!(
        "UPDATE messages m SET updated_at = $2, revision = m.revision + 1, reactions = coalesce((
             SELECT jsonb_agg(jsonb_build_object('emoji', e.emoji, 'count', e.count,
                                                 'userIds', to_jsonb(e.users[1:50]))
                              ORDER BY e.since, e.emoji)
             FROM (SELECT r.emoji, count(*) AS count, min(r.created_at) AS since,
                          array_agg(r.user_id ORDER BY r.created_at, r.user_id) AS users
                   FROM message_reactions r WHERE r.message_id = $1 GROUP BY r.emoji) e), '[]')
         WHERE m.id = $1 RETURNING ",
        columns!("m")
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&REMOVE, &ADD, &SHOW];

/// Takes reactions of `user` away; answers those that were there.
pub(crate) async fn remove_reactions(
    tx: &mut Tx,
    id: MessageId,
    user: UserId,
    emojis: &[String],
) -> Result<Vec<String>, DbError> {
    if emojis.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.rows(&REMOVE, &[&id, &user, &emojis]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Adds reactions of `user`; answers those that were not there.
pub(crate) async fn add_reactions(
    tx: &mut Tx,
    id: MessageId,
    user: UserId,
    emojis: &[String],
    now: Timestamp,
) -> Result<Vec<String>, DbError> {
    if emojis.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.rows(&ADD, &[&id, &user, &emojis, &now]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Writes anew what a held message shows of its reactions.
pub(crate) async fn show_reactions(
    tx: &mut Tx,
    id: MessageId,
    now: Timestamp,
) -> Result<Option<Message>, DbError> {
    Ok(tx.row(&SHOW, &[&id, &now]).await?.as_ref().map(message))
}
