//! The SQL of what is said about tasks and of what was done to them.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use crate::comment::{Comment, CommentId};
use crate::history::Entry;
use crate::model::TaskId;

const INSERT_COMMENT: Sql = Sql::new(
    "task_comments.insert",
    "INSERT INTO task_comments (id, task_id, author_id, content, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $5)",
);

/// The columns of a comment, in the order in which [`comment`] reads them.
macro_rules! columns {
    () => {
        "c.id, c.task_id, c.author_id, c.content, c.edited_at, c.created_at, c.updated_at, \
         c.version, c.revision"
    };
}

const LIST_COMMENTS: Sql = Sql::new(
    "task_comments.list",
    concat!(
        "SELECT ",
        columns!(),
        " FROM task_comments c
         WHERE c.task_id = $1 AND c.deleted_at IS NULL
           AND ($2::timestamptz IS NULL OR (c.created_at, c.id) < ($2, $3))
         ORDER BY c.created_at DESC, c.id DESC LIMIT $4"
    ),
);

const FIND_COMMENT: Sql = Sql::new(
    "task_comments.find",
    concat!(
        "SELECT ",
        columns!(),
        " FROM task_comments c WHERE c.id = $1 AND c.task_id = $2 AND c.deleted_at IS NULL"
    ),
);

const EDIT_COMMENT: Sql = Sql::new(
    "task_comments.edit",
    concat!(
        "UPDATE task_comments c
         SET content = $2, edited_at = $3, updated_at = $3, version = c.version + 1,
             revision = c.revision + 1
         WHERE c.id = $1 RETURNING ",
        columns!()
    ),
);

const DELETE_COMMENT: Sql = Sql::new(
    "task_comments.delete",
    "UPDATE task_comments
     SET deleted_at = $2, deleted_by = $3, updated_at = $2, version = version + 1,
         revision = revision + 1
     WHERE id = $1",
);

const FIND_DELETED_COMMENT: Sql = Sql::new(
    "task_comments.find_deleted",
    concat!(
        "SELECT ",
        columns!(),
        ", c.deleted_by FROM task_comments c
         WHERE c.id = $1 AND c.task_id = $2 AND c.deleted_at IS NOT NULL"
    ),
);

const RESTORE_COMMENT: Sql = Sql::new(
    "task_comments.restore",
    concat!(
        "UPDATE task_comments c
         SET deleted_at = NULL, deleted_by = NULL, updated_at = $2, version = c.version + 1,
             revision = c.revision + 1
         WHERE c.id = $1 RETURNING ",
        columns!()
    ),
);

const LIST_HISTORY: Sql = Sql::new(
    "task_history.list",
    "SELECT h.id, h.at, h.actor_id, h.action, h.changes, h.version FROM task_history h
     WHERE h.task_id = $1 AND ($2::timestamptz IS NULL OR (h.at, h.id) < ($2, $3))
     ORDER BY h.at DESC, h.id DESC LIMIT $4",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &INSERT_COMMENT,
    &LIST_COMMENTS,
    &FIND_COMMENT,
    &EDIT_COMMENT,
    &DELETE_COMMENT,
    &FIND_DELETED_COMMENT,
    &RESTORE_COMMENT,
    &LIST_HISTORY,
];

pub(crate) async fn insert_comment(tx: &mut Tx, c: &Comment) -> Result<(), DbError> {
    let params: [&(dyn postgres_types::ToSql + Sync); 5] =
        [&c.id, &c.task_id, &c.author_id, &c.content, &c.created_at];
    tx.rows(&INSERT_COMMENT, &params).await?;
    Ok(())
}

/// The comments of a task, newest first; one more than `limit`.
pub(crate) async fn list_comments(
    db: &mut impl Queries,
    id: TaskId,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Comment>, DbError> {
    let (at, last) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(&LIST_COMMENTS, &[&id, &at, &last, &limit]).await?;
    Ok(rows.iter().map(comment).collect())
}

/// A comment of a task.
pub(crate) async fn find_comment(
    db: &mut impl Queries,
    task: TaskId,
    id: CommentId,
) -> Result<Option<Comment>, DbError> {
    Ok(db.row(&FIND_COMMENT, &[&id, &task]).await?.as_ref().map(comment))
}

/// Writes the new text of a comment whose task is locked.
pub(crate) async fn edit_comment(
    tx: &mut Tx,
    id: CommentId,
    content: &str,
    now: Timestamp,
) -> Result<Comment, DbError> {
    let row = tx.row(&EDIT_COMMENT, &[&id, &content, &now]).await?;
    Ok(comment(&row.expect("a comment of a locked task is still there")))
}

pub(crate) async fn delete_comment(
    tx: &mut Tx,
    id: CommentId,
    by: UserId,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&DELETE_COMMENT, &[&id, &now, &by]).await?;
    Ok(())
}

/// A deleted comment of a task that is locked, and who deleted it, if that is
/// known.
pub(crate) async fn find_deleted_comment(
    tx: &mut Tx,
    task: TaskId,
    id: CommentId,
) -> Result<Option<(Comment, Option<UserId>)>, DbError> {
    let row = tx.row(&FIND_DELETED_COMMENT, &[&id, &task]).await?;
    Ok(row.as_ref().map(|row| (comment(row), row.get(COMMENT_COLUMNS))))
}

/// Brings a comment back whose task is locked.
pub(crate) async fn restore_comment(
    tx: &mut Tx,
    id: CommentId,
    now: Timestamp,
) -> Result<Comment, DbError> {
    let row = tx.row(&RESTORE_COMMENT, &[&id, &now]).await?;
    Ok(comment(&row.expect("a comment of a locked task is still there")))
}

/// How many columns a comment has.
const COMMENT_COLUMNS: usize = 9;

fn comment(row: &Row) -> Comment {
    Comment {
        id: row.get(0),
        task_id: row.get(1),
        author_id: row.get(2),
        content: row.get(3),
        edited_at: row.get(4),
        created_at: row.get(5),
        updated_at: row.get(6),
        version: row.get(7),
        revision: row.get(8),
    }
}

/// The history of a task, newest first; one more than `limit`.
pub(crate) async fn list_history(
    db: &mut impl Queries,
    id: TaskId,
    after: Option<(Timestamp, Uuid)>,
    limit: u32,
) -> Result<Vec<Entry>, DbError> {
    let (at, last) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(&LIST_HISTORY, &[&id, &at, &last, &limit]).await?;
    let entry = |row: &Row| Entry {
        id: row.get(0),
        at: row.get(1),
        actor_id: row.get(2),
        action: row.get(3),
        changes: row.get(4),
        version: row.get(5),
    };
    Ok(rows.iter().map(entry).collect())
}
