//! The SQL of many tasks at once.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};
use serde_json::{Value, json};

use super::{columns, task};
use crate::history::Note;
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

/// What tasks wait for, and whether that is still to be done.
const BLOCKERS_OF: Sql = Sql::new(
    "task_dependencies.blockers_of",
    "SELECT d.task_id, b.id, b.status NOT IN ('done', 'cancelled')
     FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on_id
     WHERE d.task_id = ANY($1) AND d.type = 'blocks' AND d.deleted_at IS NULL
       AND b.deleted_at IS NULL
     ORDER BY d.id",
);

/// Edited tasks, which are locked, each with its entry in the history. As JSON,
/// because lists of lists have no type of their own.
const UPDATE_ALL: Sql = Sql::new(
    "tasks.update_all",
    concat!(
        "WITH n AS (
             SELECT * FROM ROWS FROM (
                 jsonb_to_recordset($1::jsonb) AS (
                     id uuid, title text, description text, status text, priority smallint,
                     tags text[], due_all_day boolean, metadata jsonb, category_id uuid,
                     blocked boolean, channel_id uuid, assigned_to uuid[], note uuid,
                     changes jsonb),
                 unnest($2::timestamptz[]), unnest($3::timestamptz[])
             ) AS n(id, title, description, status, priority, tags, due_all_day, metadata,
                    category_id, blocked, channel_id, assigned_to, note, changes, due_date,
                    completed_at)
         ), t AS (
             UPDATE tasks t
             SET title = n.title, description = n.description, status = n.status,
                 priority = n.priority, tags = n.tags, due_date = n.due_date,
                 due_all_day = n.due_all_day, metadata = n.metadata,
                 completed_at = n.completed_at, updated_at = $5, category_id = n.category_id,
                 blocked = n.blocked, channel_id = n.channel_id, assigned_to = n.assigned_to,
                 version = t.version + 1, revision = t.revision + 1
             FROM n WHERE t.id = n.id RETURNING t.*, n.note, n.changes
         ), noted AS (
             INSERT INTO task_history (id, task_id, at, actor_id, action, changes, version)
             SELECT t.note, t.id, t.updated_at, $4::uuid, 'updated', t.changes, t.version FROM t)
         SELECT ",
        columns!(),
        " FROM t ORDER BY t.id"
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] =
    &[&LOCK_MANY, &HOLD_MEMBERSHIPS, &FIND_MANY, &BLOCKERS_OF, &UPDATE_ALL];

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

/// What tasks wait for: task, blocker, and whether that is still to be done.
pub(crate) async fn blockers_of(
    tx: &mut Tx,
    ids: &[TaskId],
) -> Result<Vec<(TaskId, TaskId, bool)>, DbError> {
    let rows = tx.rows(&BLOCKERS_OF, &[&ids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Writes edited tasks that are locked. Answers them by id.
pub(crate) async fn update_all(
    tx: &mut Tx,
    edited: &[(Note, &Task)],
    now: Timestamp,
) -> Result<Vec<Task>, DbError> {
    let rows: Vec<Value> = edited.iter().map(|(note, task)| row_of(note, task)).collect();
    let due: Vec<_> = edited.iter().map(|(_, task)| task.due.map(|due| due.at)).collect();
    let completed: Vec<_> = edited.iter().map(|(_, task)| task.completed_at).collect();
    let actor = edited.first().and_then(|(note, _)| note.actor);
    let rows = Value::Array(rows);
    let rows = tx.rows(&UPDATE_ALL, &[&rows, &due, &completed, &actor, &now]).await?;
    Ok(rows.iter().map(task).collect())
}

fn row_of(note: &Note, t: &Task) -> Value {
    json!({
        "id": t.id, "title": t.title, "description": t.description,
        "status": t.status.as_str(), "priority": t.priority.rank(), "tags": t.tags,
        "due_all_day": t.due.is_some_and(|due| due.all_day),
        "metadata": t.metadata, "category_id": t.category_id,
        "blocked": t.blocked, "channel_id": t.channel_id, "assigned_to": t.assigned_to,
        "note": note.id, "changes": note.changes,
    })
}
