//! The SQL of what tasks depend on.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use uuid::Uuid;

use super::{COLUMNS, columns, in_sight, reports, task, visible};
use crate::dependency::{DependencyType, Neighbour, Relation};
use crate::model::{Task, TaskId};
use crate::status::Status;

/// Whether the task `t` waits for one that is not finished.
macro_rules! waits {
    () => {
        "EXISTS (SELECT 1 FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on_id
                 WHERE d.task_id = t.id AND d.type = 'blocks' AND d.deleted_at IS NULL
                   AND b.deleted_at IS NULL AND b.status NOT IN ('done', 'cancelled'))"
    };
}

/// Whoever changes the graph holds this: two relations that each are well could
/// close a circle together.
const LOCK_GRAPH: Sql = Sql::new(
    "task_dependencies.lock_graph",
    "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('task_dependencies', 3))",
);

const LOCK_ALL: Sql = Sql::new(
    "tasks.lock_all",
    "SELECT id FROM tasks WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR UPDATE",
);

const LOCK_DEPENDENTS: Sql = Sql::new(
    "tasks.lock_dependents",
    "SELECT t.id FROM task_dependencies d JOIN tasks t ON t.id = d.task_id
     WHERE d.depends_on_id = ANY($1) AND d.type = 'blocks' AND d.deleted_at IS NULL
       AND t.deleted_at IS NULL
     ORDER BY t.id FOR UPDATE OF t",
);

const FLIPS: Sql = Sql::new(
    "tasks.flips",
    concat!(
        "SELECT ",
        columns!(),
        " FROM tasks t
         WHERE t.id = ANY($1) AND t.deleted_at IS NULL
           AND t.blocked <> (t.status NOT IN ('done', 'cancelled') AND ",
        waits!(),
        ") ORDER BY t.id"
    ),
);

/// Tasks, and whether they wait.
const STANDING: Sql = Sql::new(
    "tasks.standing",
    concat!(
        "SELECT ",
        columns!(),
        ", t.status NOT IN ('done', 'cancelled') AND ",
        waits!(),
        " FROM tasks t WHERE t.id = ANY($1) AND t.deleted_at IS NULL ORDER BY t.id"
    ),
);

const IS_WAITING: Sql =
    Sql::new("tasks.is_waiting", concat!("SELECT 1 FROM tasks t WHERE t.id = $1 AND ", waits!()));

const BLOCKERS: Sql = Sql::new(
    "task_dependencies.blockers",
    "SELECT b.id FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on_id
     WHERE d.task_id = $1 AND d.type = 'blocks' AND d.deleted_at IS NULL
       AND b.deleted_at IS NULL AND b.status NOT IN ('done', 'cancelled')
     ORDER BY d.id",
);

const SEEN: Sql = Sql::new(
    "tasks.seen",
    concat!(
        "WITH ",
        reports!(),
        " SELECT t.id, t.title, t.status FROM tasks t CROSS JOIN line
         WHERE t.id = ANY($2) AND t.deleted_at IS NULL AND ",
        visible!(),
        " ORDER BY t.id"
    ),
);

const RELATIONS: Sql = Sql::new(
    "task_dependencies.relations",
    concat!(
        "WITH ",
        reports!(),
        " SELECT e.id, e.type, t.id, t.title, t.status, e.owner, e.is_dependency, (",
        visible!(),
        // Of a task without a channel it is unknown whether it is in one of those.
        ") IS TRUE
         FROM (SELECT d.id, d.type, d.depends_on_id AS other, d.task_id AS owner,
                      true AS is_dependency
               FROM task_dependencies d WHERE d.task_id = ANY($2) AND d.deleted_at IS NULL
               UNION ALL
               SELECT d.id, d.type, d.task_id, d.depends_on_id, false
               FROM task_dependencies d WHERE d.depends_on_id = ANY($2) AND d.deleted_at IS NULL) e
         JOIN tasks t ON t.id = e.other CROSS JOIN line
         WHERE t.deleted_at IS NULL ORDER BY e.owner, e.id"
    ),
);

/// The part of the graph that is reached from `$1`.
const EDGES: Sql = Sql::new(
    "task_dependencies.edges",
    "WITH RECURSIVE reached AS (
         SELECT unnest($1::uuid[]) AS id
         UNION
         SELECT d.depends_on_id FROM reached r
         JOIN task_dependencies d ON d.task_id = r.id AND d.type = 'blocks'
                                 AND d.deleted_at IS NULL
     )
     SELECT d.task_id, d.depends_on_id FROM reached r
     JOIN task_dependencies d ON d.task_id = r.id AND d.type = 'blocks' AND d.deleted_at IS NULL
     LIMIT $2",
);

const ADD: Sql = Sql::new(
    "task_dependencies.add",
    "INSERT INTO task_dependencies (id, task_id, depends_on_id, type, created_by, created_at)
     SELECT n.id, $1, n.other, n.type, $5, $6
     FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS n(id, other, type)
     ON CONFLICT (task_id, depends_on_id, type) DO NOTHING
     RETURNING depends_on_id, type",
);

const REMOVE: Sql = Sql::new(
    "task_dependencies.remove",
    "DELETE FROM task_dependencies d
     USING unnest($2::uuid[], $3::text[]) AS n(other, type)
     WHERE d.task_id = $1 AND d.depends_on_id = n.other AND d.deleted_at IS NULL
       AND (n.type IS NULL OR d.type = n.type)
     RETURNING d.depends_on_id, d.type",
);

const TOO_MANY: Sql = Sql::new(
    "task_dependencies.too_many",
    "SELECT 1 WHERE (SELECT count(*) FROM task_dependencies
                     WHERE task_id = $1 AND deleted_at IS NULL) > $3
        OR EXISTS (SELECT 1 FROM task_dependencies
                   WHERE depends_on_id = ANY($2) AND deleted_at IS NULL
                   GROUP BY depends_on_id HAVING count(*) > $3)",
);

const HIDE: Sql = Sql::new(
    "task_dependencies.hide",
    "UPDATE task_dependencies SET deleted_at = $2
     WHERE (task_id = $1 OR depends_on_id = $1) AND deleted_at IS NULL
     RETURNING id, task_id, depends_on_id, type",
);

const HIDDEN: Sql = Sql::new(
    "task_dependencies.hidden",
    "SELECT d.id, d.task_id, d.depends_on_id, d.type FROM task_dependencies d
     JOIN tasks other
         ON other.id = CASE WHEN d.task_id = $1 THEN d.depends_on_id ELSE d.task_id END
     WHERE (d.task_id = $1 OR d.depends_on_id = $1) AND d.deleted_at IS NOT NULL
       AND other.deleted_at IS NULL
     ORDER BY d.id",
);

const SHOW: Sql = Sql::new(
    "task_dependencies.show",
    "UPDATE task_dependencies SET deleted_at = NULL WHERE id = ANY($1)",
);

const DROP: Sql =
    Sql::new("task_dependencies.drop", "DELETE FROM task_dependencies WHERE id = ANY($1)");

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &LOCK_GRAPH,
    &LOCK_ALL,
    &LOCK_DEPENDENTS,
    &FLIPS,
    &STANDING,
    &IS_WAITING,
    &BLOCKERS,
    &SEEN,
    &RELATIONS,
    &EDGES,
    &ADD,
    &REMOVE,
    &TOO_MANY,
    &HIDE,
    &HIDDEN,
    &SHOW,
    &DROP,
];

/// A relation between two tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) id: Uuid,
    pub(crate) task: TaskId,
    pub(crate) depends_on: TaskId,
    pub(crate) kind: DependencyType,
}

/// Keeps everybody else from changing the graph.
pub(crate) async fn lock_graph(tx: &mut Tx) -> Result<(), DbError> {
    tx.rows(&LOCK_GRAPH, &[]).await?;
    Ok(())
}

pub(crate) async fn lock_all(tx: &mut Tx, ids: &[TaskId]) -> Result<(), DbError> {
    if !ids.is_empty() {
        tx.rows(&LOCK_ALL, &[&ids]).await?;
    }
    Ok(())
}

/// The tasks that wait for any of these, locked, by id and each once.
pub(crate) async fn lock_dependents(tx: &mut Tx, ids: &[TaskId]) -> Result<Vec<TaskId>, DbError> {
    let rows = tx.rows(&LOCK_DEPENDENTS, &[&ids]).await?;
    let mut dependents: Vec<TaskId> = rows.iter().map(|row| row.get(0)).collect();
    dependents.dedup();
    Ok(dependents)
}

/// Those of the locked tasks whose `blocked` is no longer true to their
/// blockers, with what it should be.
pub(crate) async fn flips(tx: &mut Tx, ids: &[TaskId]) -> Result<Vec<(Task, bool)>, DbError> {
    let rows = tx.rows(&FLIPS, &[&ids]).await?;
    Ok(rows.iter().map(task).map(|task| (task.clone(), !task.blocked)).collect())
}

/// Tasks, whoever asks, by id, and whether each waits.
pub(crate) async fn standing(tx: &mut Tx, ids: &[TaskId]) -> Result<Vec<(Task, bool)>, DbError> {
    let rows = tx.rows(&STANDING, &[&ids]).await?;
    Ok(rows.iter().map(|row| (task(row), row.get(COLUMNS))).collect())
}

/// Whether a task waits for one that is not finished.
pub(crate) async fn is_waiting(tx: &mut Tx, id: TaskId) -> Result<bool, DbError> {
    Ok(tx.row(&IS_WAITING, &[&id]).await?.is_some())
}

/// The unfinished tasks that one waits for.
pub(crate) async fn blockers(tx: &mut Tx, id: TaskId) -> Result<Vec<TaskId>, DbError> {
    let rows = tx.rows(&BLOCKERS, &[&id]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those of `ids` that the reader sees.
pub(crate) async fn seen(
    db: &mut impl Queries,
    reader: UserId,
    ids: &[TaskId],
) -> Result<Vec<Neighbour>, DbError> {
    let rows = db.rows(&SEEN, &[&reader, &ids]).await?;
    Ok(rows.iter().map(|row| neighbour(row, 0)).collect())
}

/// A relation, and what it is to whom.
pub(crate) struct Related {
    /// The one of the tasks asked for that has it.
    pub(crate) owner: TaskId,
    /// Whether it depends on the other end.
    pub(crate) is_dependency: bool,
    /// Whether the reader sees the other end.
    pub(crate) is_seen: bool,
    /// What it says.
    pub(crate) relation: Relation,
}

/// The relations of `ids`, those included whose other end the reader does not
/// see.
pub(crate) async fn relations(
    db: &mut impl Queries,
    reader: UserId,
    ids: &[TaskId],
) -> Result<Vec<Related>, DbError> {
    let rows = db.rows(&RELATIONS, &[&reader, &ids]).await?;
    let relation = |row: &Row| Relation {
        id: row.get(0),
        kind: DependencyType::parse(row.get(1)),
        other: neighbour(row, 2),
    };
    let related = |row: &Row| Related {
        owner: row.get(5),
        is_dependency: row.get(6),
        is_seen: row.get(7),
        relation: relation(row),
    };
    Ok(rows.iter().map(related).collect())
}

pub(crate) async fn edges_from(
    tx: &mut Tx,
    starts: &[TaskId],
    limit: i64,
) -> Result<Vec<(TaskId, TaskId)>, DbError> {
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.rows(&EDGES, &[&starts, &limit]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Answers what was not there before.
pub(crate) async fn add_dependencies(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    add: &[(TaskId, DependencyType)],
) -> Result<Vec<(TaskId, DependencyType)>, DbError> {
    if add.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = add.iter().map(|_| ctx.new_id()).collect();
    let (others, types): (Vec<TaskId>, Vec<&str>) =
        add.iter().map(|(other, kind)| (*other, kind.as_str())).unzip();
    let params: [&(dyn postgres_types::ToSql + Sync); 6] =
        [&id, &ids, &others, &types, &ctx.user_id(), &ctx.now()];
    Ok(tx.rows(&ADD, &params).await?.iter().map(pair).collect())
}

/// Answers what was there.
pub(crate) async fn remove_dependencies(
    tx: &mut Tx,
    id: TaskId,
    remove: &[(TaskId, Option<DependencyType>)],
) -> Result<Vec<(TaskId, DependencyType)>, DbError> {
    if remove.is_empty() {
        return Ok(Vec::new());
    }
    let (others, types): (Vec<TaskId>, Vec<Option<&str>>) =
        remove.iter().map(|(other, kind)| (*other, kind.map(DependencyType::as_str))).unzip();
    Ok(tx.rows(&REMOVE, &[&id, &others, &types]).await?.iter().map(pair).collect())
}

/// Whether the task depends on more than `max` others, or one of `others` has
/// more than `max` dependents.
pub(crate) async fn has_too_many(
    tx: &mut Tx,
    id: TaskId,
    others: &[TaskId],
    max: i64,
) -> Result<bool, DbError> {
    Ok(tx.row(&TOO_MANY, &[&id, &others, &max]).await?.is_some())
}

/// Hides the relations of a task; answers them.
pub(crate) async fn hide_dependencies(
    tx: &mut Tx,
    id: TaskId,
    now: Timestamp,
) -> Result<Vec<Edge>, DbError> {
    Ok(tx.rows(&HIDE, &[&id, &now]).await?.iter().map(edge).collect())
}

/// The hidden relations of a task whose other end is there.
pub(crate) async fn hidden_dependencies(tx: &mut Tx, id: TaskId) -> Result<Vec<Edge>, DbError> {
    Ok(tx.rows(&HIDDEN, &[&id]).await?.iter().map(edge).collect())
}

pub(crate) async fn show_dependencies(tx: &mut Tx, ids: &[Uuid]) -> Result<(), DbError> {
    if !ids.is_empty() {
        tx.rows(&SHOW, &[&ids]).await?;
    }
    Ok(())
}

pub(crate) async fn drop_dependencies(tx: &mut Tx, ids: &[Uuid]) -> Result<(), DbError> {
    if !ids.is_empty() {
        tx.rows(&DROP, &[&ids]).await?;
    }
    Ok(())
}

fn edge(row: &Row) -> Edge {
    Edge {
        id: row.get(0),
        task: row.get(1),
        depends_on: row.get(2),
        kind: DependencyType::parse(row.get(3)),
    }
}

fn pair(row: &Row) -> (TaskId, DependencyType) {
    (row.get(0), DependencyType::parse(row.get(1)))
}

fn neighbour(row: &Row, at: usize) -> Neighbour {
    Neighbour { id: row.get(at), title: row.get(at + 1), status: Status::parse(row.get(at + 2)) }
}
