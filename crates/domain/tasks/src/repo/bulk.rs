//! The SQL of many tasks at once.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};

use super::{columns, task};
use crate::model::{Task, TaskId};

const LOCK_MANY: Sql = Sql::new(
    "tasks.lock_many",
    "SELECT id FROM tasks WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR UPDATE",
);

/// The memberships that the edits rest on, held until they commit.
const HOLD_MEMBERSHIPS: Sql = Sql::new(
    "tasks.hold_memberships",
    "SELECT 1 FROM channel_members m
     WHERE m.user_id = $2 AND m.channel_id IN (SELECT t.channel_id FROM tasks t WHERE t.id = ANY($1))
     ORDER BY m.channel_id FOR SHARE OF m",
);

const FIND_MANY: Sql = Sql::new(
    "tasks.find_many",
    concat!(
        "SELECT ",
        columns!(),
        " FROM tasks t WHERE t.id = ANY($1) AND t.deleted_at IS NULL ORDER BY t.id"
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&LOCK_MANY, &HOLD_MEMBERSHIPS, &FIND_MANY];

/// Locks tasks, and the reader's memberships in their channels, until the end
/// of the transaction. Those that do not exist are passed over.
pub(crate) async fn lock_many(tx: &mut Tx, ids: &[TaskId], reader: UserId) -> Result<(), DbError> {
    tx.rows(&LOCK_MANY, &[&ids]).await?;
    tx.rows(&HOLD_MEMBERSHIPS, &[&ids, &reader]).await?;
    Ok(())
}

/// Tasks, whoever asks, by id.
pub(crate) async fn find_many(tx: &mut Tx, ids: &[TaskId]) -> Result<Vec<Task>, DbError> {
    Ok(tx.rows(&FIND_MANY, &[&ids]).await?.iter().map(task).collect())
}
