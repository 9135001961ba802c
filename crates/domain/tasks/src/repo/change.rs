//! The SQL that changes a task: each statement also writes the task's history.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};

use super::{columns, task};
use crate::history::Note;
use crate::model::{Task, TaskId};

/// A change of one task with its entry in the history: `$1` to `$4` are the
/// entry's, the change's own parameters begin at `$5`.
macro_rules! noted {
    ($name:literal, $change:literal) => {
        Sql::new(
            $name,
            concat!(
                "WITH t AS (",
                $change,
                " RETURNING t.*), noted AS (
                     INSERT INTO task_history (id, task_id, at, actor_id, action, changes, version)
                     SELECT $1::uuid, t.id, t.updated_at, $2::uuid, $3::text, $4::jsonb, t.version
                     FROM t)
                 SELECT ",
                columns!(),
                " FROM t"
            ),
        )
    };
}

const UPDATE: Sql = noted!(
    "tasks.update",
    "UPDATE tasks t
     SET title = $7, description = $8, status = $9, priority = $10, tags = $11, due_date = $12,
         due_all_day = $13, metadata = $14, completed_at = $15, updated_at = $16,
         category_id = $17, blocked = $18, channel_id = $19, assigned_to = $20,
         version = t.version + 1, revision = t.revision + 1
     WHERE t.id = $5 AND t.version = $6"
);

const SET_ASSIGNEES: Sql = noted!(
    "tasks.set_assignees",
    "UPDATE tasks t SET assigned_to = $6, updated_at = $7, revision = t.revision + 1
     WHERE t.id = $5"
);

/// Many at once, each with an entry of its own.
const TOUCH: Sql = Sql::new(
    "tasks.touch",
    concat!(
        "WITH n AS (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::boolean[])
                 AS n(task, note, action, changes, waits)
         ), t AS (
             UPDATE tasks t SET blocked = n.waits, updated_at = $7, revision = t.revision + 1
             FROM n WHERE t.id = n.task RETURNING t.*, n.note, n.action, n.changes
         ), noted AS (
             INSERT INTO task_history (id, task_id, at, actor_id, action, changes, version)
             SELECT t.note, t.id, t.updated_at, $6::uuid, t.action, t.changes, t.version FROM t)
         SELECT ",
        columns!(),
        " FROM t ORDER BY t.id"
    ),
);

const SOFT_DELETE: Sql = noted!(
    "tasks.soft_delete",
    "UPDATE tasks t SET deleted_at = $6, updated_at = $6, version = t.version + 1,
                        revision = t.revision + 1
     WHERE t.id = $5"
);

const RESTORE: Sql = noted!(
    "tasks.restore",
    "UPDATE tasks t SET deleted_at = NULL, blocked = $6, updated_at = $7,
                        version = t.version + 1, revision = t.revision + 1
     WHERE t.id = $5"
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&UPDATE, &SET_ASSIGNEES, &TOUCH, &SOFT_DELETE, &RESTORE];

type Param<'a> = &'a (dyn postgres_types::ToSql + Sync);

async fn noted(
    tx: &mut Tx,
    sql: &'static Sql,
    note: &Note,
    own: &[Param<'_>],
) -> Result<Option<Row>, DbError> {
    let mut params: Vec<Param<'_>> = vec![&note.id, &note.actor, &note.action, &note.changes];
    params.extend_from_slice(own);
    tx.row(sql, &params).await
}

fn locked(row: Option<Row>) -> Task {
    task(&row.expect("a locked task is still there"))
}

/// Writes an edited task if it still has the version it was edited from.
pub(crate) async fn update(tx: &mut Tx, note: &Note, t: &Task) -> Result<Option<Task>, DbError> {
    let (due, all_day) = (t.due.map(|due| due.at), t.due.is_some_and(|due| due.all_day));
    let own: [Param<'_>; 16] = [
        &t.id,
        &t.version,
        &t.title,
        &t.description,
        &t.status.as_str(),
        &t.priority.rank(),
        &t.tags,
        &due,
        &all_day,
        &t.metadata,
        &t.completed_at,
        &t.updated_at,
        &t.category_id,
        &t.blocked,
        &t.channel_id,
        &t.assigned_to,
    ];
    Ok(noted(tx, &UPDATE, note, &own).await?.as_ref().map(task))
}

pub(crate) async fn set_assignees(
    tx: &mut Tx,
    note: &Note,
    id: TaskId,
    users: &[UserId],
    now: Timestamp,
) -> Result<Task, DbError> {
    Ok(locked(noted(tx, &SET_ASSIGNEES, note, &[&id, &users, &now]).await?))
}

/// Raises the revision of locked tasks, whose relations have changed: each with
/// its entry and whether it waits now. Answers them by id.
pub(crate) async fn touch(
    tx: &mut Tx,
    touched: &[(TaskId, Note, bool)],
    now: Timestamp,
) -> Result<Vec<Task>, DbError> {
    let ids: Vec<TaskId> = touched.iter().map(|(id, ..)| *id).collect();
    let waits: Vec<bool> = touched.iter().map(|(.., waits)| *waits).collect();
    let notes = || touched.iter().map(|(_, note, _)| note);
    let note_ids: Vec<_> = notes().map(|note| note.id).collect();
    let actions: Vec<_> = notes().map(|note| note.action).collect();
    let changes: Vec<_> = notes().map(|note| &note.changes).collect();
    let actor = notes().next().and_then(|note| note.actor);
    let params: [Param<'_>; 7] = [&ids, &note_ids, &actions, &changes, &waits, &actor, &now];
    Ok(tx.rows(&TOUCH, &params).await?.iter().map(task).collect())
}

pub(crate) async fn soft_delete(
    tx: &mut Tx,
    note: &Note,
    id: TaskId,
    now: Timestamp,
) -> Result<Task, DbError> {
    Ok(locked(noted(tx, &SOFT_DELETE, note, &[&id, &now]).await?))
}

pub(crate) async fn restore(
    tx: &mut Tx,
    note: &Note,
    id: TaskId,
    blocked: bool,
    now: Timestamp,
) -> Result<Task, DbError> {
    Ok(locked(noted(tx, &RESTORE, note, &[&id, &blocked, &now]).await?))
}
