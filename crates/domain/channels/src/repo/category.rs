//! The SQL of categories.

use jiff::Timestamp;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::page;
use uuid::Uuid;

use crate::category::{Category, CategoryFilter, CategoryId, CategoryKind};

/// The columns of a category, in the order in which [`category`] reads them.
macro_rules! columns {
    () => {
        "c.id, c.name, c.color, c.parent_id, c.kind, c.metadata, c.created_by, c.created_at, \
         c.updated_at, c.version, c.revision"
    };
}

const INSERT: Sql = Sql::new(
    "categories.insert",
    "INSERT INTO categories (id, name, color, parent_id, kind, metadata, created_by,
                             created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
);

const LOOKUP: Sql = Sql::new(
    "categories.lookup",
    concat!("SELECT ", columns!(), " FROM categories c WHERE c.id = $1 AND c.deleted_at IS NULL"),
);

const LOCK: Sql = Sql::new(
    "categories.lock",
    concat!(
        "SELECT ",
        columns!(),
        " FROM categories c WHERE c.id = $1 AND c.deleted_at IS NULL FOR UPDATE"
    ),
);

const LOCK_DELETED: Sql = Sql::new(
    "categories.lock_deleted",
    concat!(
        "SELECT ",
        columns!(),
        " FROM categories c WHERE c.id = $1 AND c.deleted_at IS NOT NULL FOR UPDATE"
    ),
);

/// What is put into a category rests on this row.
const HOLD: Sql = Sql::new(
    "categories.hold",
    "SELECT c.id, c.kind FROM categories c WHERE c.id = ANY($1) AND c.deleted_at IS NULL
     ORDER BY c.id FOR SHARE",
);

/// Whoever gives a category another place in the tree holds this: two moves
/// that each are well could close a circle together.
const LOCK_TREE: Sql = Sql::new(
    "categories.lock_tree",
    "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('categories', 3))",
);

/// A category and all those it is in.
const LINE: Sql = Sql::new(
    "categories.line",
    "WITH RECURSIVE line AS (
         SELECT id, parent_id, kind FROM categories WHERE id = $1 AND deleted_at IS NULL
         UNION SELECT c.id, c.parent_id, c.kind FROM categories c JOIN line ON c.id = line.parent_id
     )
     SELECT id, kind FROM line",
);

/// How many levels there are from a category downwards, itself included.
const HEIGHT: Sql = Sql::new(
    "categories.height",
    "WITH RECURSIVE below AS (
         SELECT $1::uuid AS id, 1 AS level
         UNION ALL
         SELECT c.id, below.level + 1 FROM categories c
         JOIN below ON c.parent_id = below.id
         WHERE c.deleted_at IS NULL AND below.level < 100
     )
     SELECT max(level) FROM below",
);

const HAS_CHILDREN: Sql = Sql::new(
    "categories.has_children",
    "SELECT 1 FROM categories WHERE parent_id = $1 AND deleted_at IS NULL LIMIT 1",
);

const UPDATE: Sql = Sql::new(
    "categories.update",
    concat!(
        "UPDATE categories c
         SET name = $3, color = $4, parent_id = $5, metadata = $6, updated_at = $7,
             deleted_at = NULL,
             version = c.version + 1, revision = c.revision + 1
         WHERE c.id = $1 AND c.version = $2 RETURNING ",
        columns!()
    ),
);

const SOFT_DELETE: Sql = Sql::new(
    "categories.soft_delete",
    "UPDATE categories SET deleted_at = $2, updated_at = $2, version = version + 1,
                           revision = revision + 1
     WHERE id = $1",
);

const LIST: Sql = Sql::new(
    "categories.list",
    concat!(
        "SELECT ",
        columns!(),
        ", lower(c.name)
         FROM categories c
         WHERE c.deleted_at IS NULL
           AND ($1::text IS NULL OR c.kind = $1)
           AND ($2::uuid IS NULL OR c.parent_id = $2)
           AND ($3::text IS NULL OR (lower(c.name), c.id) > ($3, $4))
         ORDER BY lower(c.name), c.id LIMIT $5"
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &INSERT,
    &LOOKUP,
    &LOCK,
    &LOCK_DELETED,
    &HOLD,
    &LOCK_TREE,
    &LINE,
    &HEIGHT,
    &HAS_CHILDREN,
    &UPDATE,
    &SOFT_DELETE,
    &LIST,
];

/// The categories that one is in, itself included.
pub(crate) struct Line {
    /// The kind of the tree; `None`: there is no such category.
    pub(crate) kind: Option<CategoryKind>,
    /// Their ids.
    pub(crate) ids: Vec<CategoryId>,
}

pub(crate) async fn insert_category(tx: &mut Tx, c: &Category) -> Result<(), DbError> {
    tx.rows(
        &INSERT,
        &[
            &c.id,
            &c.name,
            &c.color,
            &c.parent_id,
            &c.kind.as_str(),
            &c.metadata,
            &c.created_by,
            &c.created_at,
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn lookup_category(
    db: &mut impl Queries,
    id: CategoryId,
) -> Result<Option<Category>, DbError> {
    Ok(db.row(&LOOKUP, &[&id]).await?.as_ref().map(category))
}

/// A category, locked against every other change until the end of the
/// transaction.
pub(crate) async fn lock_category(
    tx: &mut Tx,
    id: CategoryId,
) -> Result<Option<Category>, DbError> {
    Ok(tx.row(&LOCK, &[&id]).await?.as_ref().map(category))
}

/// The same for a deleted category.
pub(crate) async fn lock_deleted_category(
    tx: &mut Tx,
    id: CategoryId,
) -> Result<Option<Category>, DbError> {
    Ok(tx.row(&LOCK_DELETED, &[&id]).await?.as_ref().map(category))
}

/// Those of `ids` that exist, each with its kind; held until the end of the
/// transaction.
pub(crate) async fn hold_categories(
    tx: &mut Tx,
    ids: &[CategoryId],
) -> Result<Vec<(CategoryId, CategoryKind)>, DbError> {
    let rows = tx.rows(&HOLD, &[&ids]).await?;
    Ok(rows.iter().map(|row| (row.get(0), CategoryKind::parse(row.get(1)))).collect())
}

/// Keeps everybody else from giving categories another place.
pub(crate) async fn lock_tree(tx: &mut Tx) -> Result<(), DbError> {
    tx.rows(&LOCK_TREE, &[]).await?;
    Ok(())
}

pub(crate) async fn line_of(tx: &mut Tx, id: CategoryId) -> Result<Line, DbError> {
    let rows = tx.rows(&LINE, &[&id]).await?;
    Ok(Line {
        kind: rows.first().map(|row| CategoryKind::parse(row.get(1))),
        ids: rows.iter().map(|row| row.get(0)).collect(),
    })
}

pub(crate) async fn height_of(tx: &mut Tx, id: CategoryId) -> Result<i32, DbError> {
    Ok(tx.row(&HEIGHT, &[&id]).await?.map_or(1, |row| row.get(0)))
}

pub(crate) async fn has_children(tx: &mut Tx, id: CategoryId) -> Result<bool, DbError> {
    Ok(tx.row(&HAS_CHILDREN, &[&id]).await?.is_some())
}

/// Writes an edited or restored category that is locked.
pub(crate) async fn update_category(tx: &mut Tx, c: &Category) -> Result<Category, DbError> {
    let row = tx
        .row(
            &UPDATE,
            &[&c.id, &c.version, &c.name, &c.color, &c.parent_id, &c.metadata, &c.updated_at],
        )
        .await?;
    Ok(category(&row.expect("a locked category is still there")))
}

pub(crate) async fn soft_delete_category(
    tx: &mut Tx,
    id: CategoryId,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&SOFT_DELETE, &[&id, &now]).await?;
    Ok(())
}

/// The categories by name, each with its sort key; one more than `limit`.
pub(crate) async fn list_categories(
    db: &mut impl Queries,
    filter: &CategoryFilter,
    after: Option<(String, Uuid)>,
    limit: u32,
) -> Result<Vec<(Category, String)>, DbError> {
    let kind = filter.kind.map(CategoryKind::as_str);
    let (key, id) = after.unzip();
    let limit = i64::from(limit.min(page::LIMIT_MAX)) + 1;
    let rows = db.rows(&LIST, &[&kind, &filter.parent_id, &key, &id, &limit]).await?;
    Ok(rows.iter().map(|row| (category(row), row.get(11))).collect())
}

fn category(row: &Row) -> Category {
    Category {
        id: row.get(0),
        name: row.get(1),
        color: row.get(2),
        parent_id: row.get(3),
        kind: CategoryKind::parse(row.get(4)),
        metadata: row.get(5),
        created_by: row.get(6),
        created_at: row.get(7),
        updated_at: row.get(8),
        version: row.get(9),
        revision: row.get(10),
    }
}
