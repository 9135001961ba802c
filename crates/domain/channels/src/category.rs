//! Categories: what channels and tasks are sorted into. One tree for each of
//! the two, seen by the whole company.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_db::{OnConstraint, Queries, Tx};
use sayso_kernel::fault::{NOT_FOUND, STALE};
use sayso_kernel::page::{self, Page};
use sayso_kernel::{Fault, Patch, define_id, patch};

use crate::edit::metadata_faults;
use crate::error::{CATEGORY_CIRCLE, CATEGORY_HAS_CHILDREN, CATEGORY_NAME_TAKEN};
use crate::service::valid;
use crate::view::CategoryView;
use crate::{events, policy, repo};

/// Levels of a tree at the most.
pub const CATEGORY_LEVELS_MAX: i32 = 8;

define_id! {
    /// A category's id.
    CategoryId
}

/// What a tree of categories is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryKind {
    /// For tasks.
    Task,
    /// For channels.
    Channel,
}

impl CategoryKind {
    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Channel => "channel",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        if name == "channel" { Self::Channel } else { Self::Task }
    }
}

/// A category.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// Its name; unique below its parent.
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
    /// The category it is in.
    pub parent_id: Option<CategoryId>,
    /// What it is for; never changes.
    pub kind: CategoryKind,
    /// The client's own data.
    pub metadata: serde_json::Value,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
}

/// A category that is to be made.
#[derive(Clone, Debug)]
pub struct CategoryDraft {
    /// Its name.
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
    /// The category it is in.
    pub parent_id: Option<CategoryId>,
    /// What it is for.
    pub kind: CategoryKind,
    /// The client's own data.
    pub metadata: serde_json::Value,
}

/// What an edit changes. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct CategoryEdit {
    /// Its name.
    pub name: Option<String>,
    /// `#rrggbb`.
    pub color: Patch<String>,
    /// The category it is in; cleared it is a root.
    pub parent_id: Patch<CategoryId>,
    /// A merge patch of the client's own data (RFC 7396).
    pub metadata: Option<serde_json::Value>,
}

/// Which categories to list.
#[derive(Clone, Debug, Default)]
pub struct CategoryFilter {
    /// Only of this kind.
    pub kind: Option<CategoryKind>,
    /// Only the children of this one.
    pub parent_id: Option<CategoryId>,
}

impl CategoryEdit {
    /// The category after the edit, and the names of the fields that differ.
    fn apply(self, before: &Category) -> (Category, Vec<&'static str>) {
        let mut after = before.clone();
        after.name = self.name.unwrap_or(after.name);
        after.color = self.color.apply(after.color);
        after.parent_id = self.parent_id.apply(after.parent_id);
        if let Some(metadata) = &self.metadata {
            patch::merge(&mut after.metadata, metadata);
        }
        let differing = [
            ("name", before.name != after.name),
            ("color", before.color != after.color),
            ("parentId", before.parent_id != after.parent_id),
            ("metadata", before.metadata != after.metadata),
        ];
        let fields = differing.into_iter().filter_map(|(name, differs)| differs.then_some(name));
        let fields = fields.collect();
        (after, fields)
    }
}

/// Makes a category.
///
/// Event: `category.created` to the company.
///
/// # Errors
/// 403; 409 `category.name_taken`; 422 for a parent that does not exist, is of
/// the other kind, or is too deep, and for metadata that is too large.
pub async fn create_in(tx: &mut Tx, ctx: &Ctx, draft: &CategoryDraft) -> Result<Category, Fault> {
    let actor = ctx.require_actor()?;
    policy::manage_categories(ctx).require()?;
    let now = ctx.now();
    let category = Category {
        id: CategoryId(ctx.new_id()),
        name: draft.name.clone(),
        color: draft.color.clone(),
        parent_id: draft.parent_id,
        kind: draft.kind,
        metadata: draft.metadata.clone(),
        created_by: actor.user_id,
        created_at: now,
        updated_at: now,
        version: 1,
        revision: 1,
    };
    valid(metadata_faults(&category.metadata))?;
    if draft.parent_id.is_some() {
        repo::lock_tree(tx).await?;
        check_parent(tx, &category).await?;
    }
    repo::insert_category(tx, &category).await.on_constraint("categories_name_key", taken)?;
    tx.emit(events::category_created(&category));
    Ok(category)
}

/// A category.
///
/// # Errors
/// 404.
pub async fn get(db: &mut impl Queries, ctx: &Ctx, id: CategoryId) -> Result<Category, Fault> {
    ctx.require_actor()?;
    repo::lookup_category(db, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// The categories by name.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &CategoryFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Category>, Fault> {
    ctx.require_actor()?;
    let question = format!("categories {filter:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list_categories(db, filter, after, limit).await?;
    let page = Page::of(rows, limit, &question, |(category, key)| (key.clone(), category.id.0));
    Ok(page.map(|(category, _)| category))
}

/// Edits or moves a category from the version the caller has read.
///
/// Event: `category.updated` with the names of the changed fields. An edit that
/// changes nothing leaves no trace.
///
/// # Errors
/// 403, 404; 409 `category.name_taken`, `category.circle`; 412; 422 as for a
/// new one.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: CategoryId,
    version: i32,
    edit: CategoryEdit,
) -> Result<Category, Fault> {
    ctx.require_actor()?;
    policy::manage_categories(ctx).require()?;
    // Before the row: whoever moves takes the tree first.
    if edit.parent_id.is_sent() {
        repo::lock_tree(tx).await?;
    }
    let before = locked(tx, id).await?;
    if before.version != version {
        let view = serde_json::to_value(CategoryView::of(&before)).expect("a view is plain JSON");
        return Err(Fault::new(&STALE).current(view));
    }
    let (mut after, fields) = edit.apply(&before);
    if fields.is_empty() {
        return Ok(before);
    }
    valid(metadata_faults(&after.metadata))?;
    if fields.contains(&"parentId") {
        check_parent(tx, &after).await?;
    }
    after.updated_at = ctx.now();
    let after = repo::update_category(tx, &after).await;
    let after = after.on_constraint("categories_name_key", taken)?;
    tx.emit(events::category_updated(&before, &after, &fields));
    Ok(after)
}

/// Deletes a category that has no categories in it. Its channels and tasks go
/// on naming it until they are given another one.
///
/// Event: `category.deleted` to the company.
///
/// # Errors
/// 403, 404; 409 `category.has_children`.
pub async fn delete_in(tx: &mut Tx, ctx: &Ctx, id: CategoryId) -> Result<(), Fault> {
    ctx.require_actor()?;
    policy::manage_categories(ctx).require()?;
    repo::lock_tree(tx).await?;
    let category = locked(tx, id).await?;
    if repo::has_children(tx, id).await? {
        return Err(Fault::new(&CATEGORY_HAS_CHILDREN));
    }
    repo::soft_delete_category(tx, id, ctx.now()).await?;
    tx.emit(events::category_deleted(&category));
    Ok(())
}

/// Brings a deleted category back, with everything that still names it. If its
/// parent is gone, it is a root. One that is not deleted is answered as it is.
///
/// Event: `category.updated` to the company, with `deletedAt` among the fields.
///
/// # Errors
/// 403, 404; 409 `category.name_taken`; 422 when there is no room for it below
/// its parent any more.
pub async fn restore_in(tx: &mut Tx, ctx: &Ctx, id: CategoryId) -> Result<Category, Fault> {
    ctx.require_actor()?;
    policy::manage_categories(ctx).require()?;
    repo::lock_tree(tx).await?;
    let Some(mut category) = repo::lock_deleted_category(tx, id).await? else {
        return get(tx, ctx, id).await;
    };
    let before = category.clone();
    let mut fields = vec!["deletedAt"];
    if let Some(parent) = category.parent_id
        && repo::hold_categories(tx, &[parent]).await?.is_empty()
    {
        category.parent_id = None;
        fields.push("parentId");
    }
    check_parent(tx, &category).await?;
    category.updated_at = ctx.now();
    let restored = repo::update_category(tx, &category).await;
    let restored = restored.on_constraint("categories_name_key", taken)?;
    tx.emit(events::category_updated(&before, &restored, &fields));
    Ok(restored)
}

/// Holds a category that a channel or a task is to be in until the end of the
/// transaction.
///
/// # Errors
/// 422 `category.unknown` at `#/categoryId` when it does not exist or is of the
/// other kind.
pub async fn require_in(tx: &mut Tx, id: CategoryId, kind: CategoryKind) -> Result<(), Fault> {
    if held_in(tx, &[id], kind).await?.contains(&id) { Ok(()) } else { Err(not_there()) }
}

/// Holds those of several categories that exist and are of a kind, as
/// [`require_in`] does.
///
/// # Errors
/// 503.
pub async fn held_in(
    tx: &mut Tx,
    ids: &[CategoryId],
    kind: CategoryKind,
) -> Result<BTreeSet<CategoryId>, Fault> {
    let found = repo::hold_categories(tx, ids).await?;
    Ok(found.into_iter().filter(|(_, found)| *found == kind).map(|(id, _)| id).collect())
}

/// 422 at the place where a channel or a task names its category.
#[must_use]
pub fn not_there() -> Fault {
    unknown("#/categoryId")
}

async fn locked(tx: &mut Tx, id: CategoryId) -> Result<Category, Fault> {
    repo::lock_category(tx, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// The parent of `category` must be of its kind, must not stand below it, and
/// must leave room for what is below it. The tree is locked.
async fn check_parent(tx: &mut Tx, category: &Category) -> Result<(), Fault> {
    let Some(parent) = category.parent_id else { return Ok(()) };
    let line = repo::line_of(tx, parent).await?;
    if line.kind != Some(category.kind) {
        return Err(unknown("#/parentId"));
    }
    let above: BTreeSet<CategoryId> = line.ids.into_iter().collect();
    if above.contains(&category.id) {
        return Err(Fault::new(&CATEGORY_CIRCLE));
    }
    let levels = i32::try_from(above.len()).unwrap_or(i32::MAX);
    if levels.saturating_add(repo::height_of(tx, category.id).await?) > CATEGORY_LEVELS_MAX {
        let detail = format!("a tree has at most {CATEGORY_LEVELS_MAX} levels");
        return Err(Fault::at_pointer("#/parentId", "category.too_deep", detail));
    }
    Ok(())
}

fn unknown(pointer: &str) -> Fault {
    Fault::at_pointer(pointer, "category.unknown", "There is no such category of this kind")
}

fn taken() -> Fault {
    Fault::new(&CATEGORY_NAME_TAKEN)
}
