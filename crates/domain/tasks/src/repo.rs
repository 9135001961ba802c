//! The SQL of tasks.

mod audience;
mod bulk;
mod change;
mod dependency;
mod list;
mod search;
mod talk;
mod walk;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::{ChannelId, ChannelKind, MemberRole};
use sayso_db::{DbError, Queries, Row, Sql, Tx};

use crate::due::Due;
use crate::model::{Task, TaskId};
use crate::policy::Sight;
use crate::status::{Priority, Status};

/// The columns of a task, in the order in which [`task`] reads them.
macro_rules! columns {
    () => {
        "t.id, t.channel_id, t.category_id, t.title, t.description, t.status, t.priority, \
         t.assigned_to, t.tags, t.due_date, t.due_all_day, t.blocked, t.message_id, t.metadata, \
         t.created_by, t.completed_at, t.created_at, t.updated_at, t.version, t.revision"
    };
}

/// How many they are: what a statement selects behind them is counted from here.
const COLUMNS: usize = 20;

/// Everybody who reports to `$1`, directly or not.
macro_rules! reports {
    () => {
        "RECURSIVE reports AS (
             SELECT id FROM users WHERE manager_id = $1
             -- OFFSET 0 keeps this a look into the index for each of them.
             UNION SELECT u.id FROM reports r CROSS JOIN LATERAL (
                 SELECT id FROM users WHERE manager_id = r.id OFFSET 0) u
         ), line AS MATERIALIZED (SELECT coalesce(array_agg(id), '{}') AS ids FROM reports)"
    };
}

const INSERT: Sql = Sql::new(
    "tasks.insert",
    "INSERT INTO tasks (id, channel_id, category_id, title, description, priority, assigned_to, tags,
                        due_date, due_all_day, metadata, created_by, created_at, updated_at,
                        message_id)
     VALUES ($1, $2, $13, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $14)",
);

/// What stands in a deleted channel went out of sight with it.
macro_rules! in_sight {
    () => {
        "(t.channel_id IN (SELECT d.id FROM channels d WHERE d.deleted_at IS NOT NULL)) IS NOT TRUE"
    };
}

/// Whether the reader `$1` sees the task `t`; needs [`reports`].
macro_rules! visible {
    () => {
        concat!(
            in_sight!(),
            " AND (t.created_by = $1 OR t.assigned_to @> ARRAY[$1]
          OR t.channel_id IN (
              SELECT c.id FROM channels c WHERE c.kind = 'public'
              UNION ALL
              SELECT m.channel_id FROM channel_members m WHERE m.user_id = $1)
          OR (t.channel_id IS NULL
              AND (t.created_by = ANY(line.ids) OR t.assigned_to && line.ids)))"
        )
    };
}

use {columns, in_sight, reports, visible};

/// What connects the reader `$1` with the tasks that `$which` names by `$2`, in the order in which
/// [`sight`] reads it.
macro_rules! lookup {
    ($which:literal, $deleted:literal) => {
        concat!(
            "WITH ",
            reports!(),
            " SELECT ",
            columns!(),
            ", c.kind, m.role,
              line.ids @> ARRAY[t.created_by] OR line.ids && t.assigned_to
             FROM tasks t CROSS JOIN line
             LEFT JOIN channels c ON c.id = t.channel_id
             LEFT JOIN channel_members m ON m.channel_id = t.channel_id AND m.user_id = $1
             WHERE t.id ",
            $which,
            " AND c.deleted_at IS NULL AND t.deleted_at ",
            $deleted
        )
    };
}

const LOOKUP: Sql = Sql::new("tasks.lookup", lookup!("= $2", "IS NULL"));

const LOOKUP_ALL: Sql = Sql::new("tasks.lookup_all", lookup!("= ANY($2)", "IS NULL"));

const LOOKUP_DELETED: Sql = Sql::new("tasks.lookup_deleted", lookup!("= $2", "IS NOT NULL"));

const FIND: Sql = Sql::new(
    "tasks.find",
    concat!("SELECT ", columns!(), " FROM tasks t WHERE t.id = $1 AND t.deleted_at IS NULL"),
);

const LOCK: Sql = Sql::new(
    "tasks.lock",
    "SELECT channel_id FROM tasks WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
);

/// The same for whoever may then lock those that wait for it: beside others of
/// the kind, but not beside anybody who locks several tasks in another order.
const LOCK_TURNING: Sql = Sql::new(
    "tasks.lock_turning",
    "SELECT t.channel_id
     FROM (SELECT pg_advisory_xact_lock_shared(hashtextextended('task_dependencies', 3)) OFFSET 0) g
     CROSS JOIN tasks t
     WHERE t.id = $1 AND t.deleted_at IS NULL FOR UPDATE OF t",
);

const LOCK_DELETED: Sql = Sql::new(
    "tasks.lock_deleted",
    "SELECT channel_id FROM tasks WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE",
);

/// The membership that a write rests on, held until it commits.
const HOLD_MEMBERSHIP: Sql = Sql::new(
    "tasks.hold_membership",
    "SELECT 1 FROM channel_members WHERE channel_id = $1 AND user_id = $2 FOR SHARE",
);

const ASSIGNABLE: Sql = Sql::new(
    "tasks.assignable",
    "SELECT a.channel_id, u.id FROM unnest($1::uuid[], $2::uuid[]) AS a(channel_id, user_id)
     JOIN users u ON u.id = a.user_id
     WHERE u.active AND u.deleted_at IS NULL
       AND (a.channel_id IS NULL
            OR EXISTS (SELECT 1 FROM channels c WHERE c.id = a.channel_id AND c.kind = 'public')
            OR EXISTS (SELECT 1 FROM channel_members m
                       WHERE m.channel_id = a.channel_id AND m.user_id = u.id))
     FOR SHARE OF u",
);

/// All statements of this file, for the test that prepares each of them against
/// the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = vec![
        &INSERT,
        &LOOKUP,
        &LOOKUP_ALL,
        &LOOKUP_DELETED,
        &FIND,
        &LOCK,
        &LOCK_DELETED,
        &LOCK_TURNING,
        &HOLD_MEMBERSHIP,
        &ASSIGNABLE,
    ];
    all.extend(list::all());
    all.extend(walk::all());
    all.extend(search::all());
    for part in [audience::ALL, bulk::ALL, change::ALL, dependency::ALL, talk::ALL] {
        all.extend_from_slice(part);
    }
    all
}

pub(crate) async fn insert(tx: &mut Tx, t: &Task) -> Result<(), DbError> {
    let (due, all_day) = (t.due.map(|due| due.at), t.due.is_some_and(|due| due.all_day));
    tx.rows(
        &INSERT,
        &[
            &t.id,
            &t.channel_id,
            &t.title,
            &t.description,
            &t.priority.rank(),
            &t.assigned_to,
            &t.tags,
            &due,
            &all_day,
            &t.metadata,
            &t.created_by,
            &t.created_at,
            &t.category_id,
            &t.message_id,
        ],
    )
    .await?;
    Ok(())
}

/// A task and what connects `reader` with it.
pub(crate) async fn lookup(
    db: &mut impl Queries,
    id: TaskId,
    reader: UserId,
) -> Result<Option<(Task, Sight)>, DbError> {
    let row = db.row(&LOOKUP, &[&reader, &id]).await?;
    Ok(row.map(|row| (task(&row), sight(&row, reader))))
}

/// The same for several tasks at once, in no order.
pub(crate) async fn lookup_all(
    db: &mut impl Queries,
    ids: &[TaskId],
    reader: UserId,
) -> Result<Vec<(Task, Sight)>, DbError> {
    let rows = db.rows(&LOOKUP_ALL, &[&reader, &ids]).await?;
    Ok(rows.iter().map(|row| (task(row), sight(row, reader))).collect())
}

/// The same for a deleted task.
pub(crate) async fn lookup_deleted(
    db: &mut impl Queries,
    id: TaskId,
    reader: UserId,
) -> Result<Option<(Task, Sight)>, DbError> {
    let row = db.row(&LOOKUP_DELETED, &[&reader, &id]).await?;
    Ok(row.map(|row| (task(&row), sight(&row, reader))))
}

/// A task, whoever asks.
pub(crate) async fn find(tx: &mut Tx, id: TaskId) -> Result<Option<Task>, DbError> {
    Ok(tx.row(&FIND, &[&id]).await?.as_ref().map(task))
}

/// The same as [`lock`] for a deleted task.
pub(crate) async fn lock_deleted(tx: &mut Tx, id: TaskId, reader: UserId) -> Result<bool, DbError> {
    lock_by(tx, &LOCK_DELETED, id, reader).await
}

/// Locks a task, and the reader's membership in its channel, until the end of
/// the transaction. `false`: there is no such task.
pub(crate) async fn lock(tx: &mut Tx, id: TaskId, reader: UserId) -> Result<bool, DbError> {
    lock_by(tx, &LOCK, id, reader).await
}

/// As [`lock`], for whoever may then lock those that wait for it.
pub(crate) async fn lock_turning(tx: &mut Tx, id: TaskId, reader: UserId) -> Result<bool, DbError> {
    lock_by(tx, &LOCK_TURNING, id, reader).await
}

async fn lock_by(
    tx: &mut Tx,
    sql: &'static Sql,
    id: TaskId,
    reader: UserId,
) -> Result<bool, DbError> {
    let Some(row) = tx.row(sql, &[&id]).await? else { return Ok(false) };
    if let Some(channel) = row.get::<_, Option<ChannelId>>(0) {
        tx.rows(&HOLD_MEMBERSHIP, &[&channel, &reader]).await?;
    }
    Ok(true)
}

/// Those of some people who may be assigned to a task of the channel beside
/// them, or of none.
pub(crate) async fn assignable(
    tx: &mut Tx,
    pairs: impl Iterator<Item = (Option<ChannelId>, UserId)>,
) -> Result<BTreeSet<(Option<ChannelId>, UserId)>, DbError> {
    let (channels, users): (Vec<Option<ChannelId>>, Vec<UserId>) = pairs.unzip();
    let rows = tx.rows(&ASSIGNABLE, &[&channels, &users]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub(crate) use audience::{concerned, hold_channels, lines_of, members, without_sight};
pub(crate) use bulk::{blockers_of, find_many, lock_many, update_all};
pub(crate) use change::{restore, set_assignees, soft_delete, touch, update};
pub(crate) use dependency::{
    Edge, Related, add_dependencies, blockers, drop_dependencies, edges_from, flips, has_too_many,
    hidden_dependencies, hide_dependencies, is_waiting, lock_all, lock_dependents, lock_graph,
    relations, remove_dependencies, seen, show_dependencies, standing,
};
pub(crate) use list::list;
pub(crate) use search::{Search, fold};
pub(crate) use talk::{
    delete_comment, edit_comment, find_comment, find_deleted_comment, insert_comment,
    list_comments, list_history, restore_comment,
};

fn task(row: &Row) -> Task {
    let (due, all_day): (Option<Timestamp>, bool) = (row.get(9), row.get(10));
    Task {
        id: row.get(0),
        channel_id: row.get(1),
        category_id: row.get(2),
        title: row.get(3),
        description: row.get(4),
        status: Status::parse(row.get(5)),
        priority: Priority::of_rank(row.get(6)),
        assigned_to: row.get(7),
        tags: row.get(8),
        due: due.map(|at| Due { at, all_day }),
        blocked: row.get(11),
        message_id: row.get(12),
        metadata: row.get(13),
        created_by: row.get(14),
        completed_at: row.get(15),
        created_at: row.get(16),
        updated_at: row.get(17),
        version: row.get(18),
        revision: row.get(19),
    }
}

fn sight(row: &Row, reader: UserId) -> Sight {
    let kind: Option<&str> = row.get(COLUMNS);
    let role: Option<&str> = row.get(COLUMNS + 1);
    let (created_by, assigned_to): (UserId, Vec<UserId>) = (row.get(14), row.get(7));
    Sight {
        is_creator: created_by == reader,
        is_assignee: assigned_to.contains(&reader),
        is_in_line: row.get(COLUMNS + 2),
        channel: kind.map(|kind| (ChannelKind::parse(kind), role.map(MemberRole::parse))),
    }
}
