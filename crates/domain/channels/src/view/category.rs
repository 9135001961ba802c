//! Categories as JSON.

use jiff::Timestamp;
use sayso_kernel::Patch;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::category::{
    Category, CategoryDraft, CategoryEdit, CategoryFilter, CategoryId, CategoryKind,
};

type JsonObject = serde_json::Map<String, serde_json::Value>;

/// What a tree of categories is for.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CategoryKind)]
pub enum CategoryKindInput {
    /// For tasks.
    Task,
    /// For channels.
    Channel,
}

impl From<CategoryKindInput> for CategoryKind {
    fn from(kind: CategoryKindInput) -> Self {
        match kind {
            CategoryKindInput::Task => Self::Task,
            CategoryKindInput::Channel => Self::Channel,
        }
    }
}

/// The body of `POST /api/categories`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Production", "kind": "task", "color": "#2f6fed"}))]
pub struct CreateCategory {
    /// Its name; unique below its parent.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// `#rrggbb`.
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub color: Option<String>,
    /// The category it is in, of the same kind.
    pub parent_id: Option<CategoryId>,
    /// What it is for.
    pub kind: CategoryKindInput,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl From<CreateCategory> for CategoryDraft {
    fn from(body: CreateCategory) -> Self {
        Self {
            name: body.name,
            color: body.color.map(|color| color.to_ascii_lowercase()),
            parent_id: body.parent_id,
            kind: body.kind.into(),
            metadata: body.metadata.unwrap_or_default().into(),
        }
    }
}

/// The body of `PUT` and `PATCH /api/categories/{id}`: absent is unchanged,
/// null is cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"color": "#2f6fed", "version": 1}))]
pub struct UpdateCategory {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// Its name; unique below its parent.
    #[schema(min_length = 1, max_length = 120)]
    pub name: Option<String>,
    /// `#rrggbb`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^#[0-9a-fA-F]{6}$")]
    pub color: Patch<String>,
    /// The category it is in; null for none.
    #[serde(default)]
    #[schema(value_type = Option<CategoryId>)]
    pub parent_id: Patch<CategoryId>,
    /// A merge patch of the client's own data (RFC 7396).
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl From<UpdateCategory> for CategoryEdit {
    fn from(body: UpdateCategory) -> Self {
        let color = match body.color {
            Patch::Set(color) => Patch::Set(color.to_ascii_lowercase()),
            other => other,
        };
        Self {
            name: body.name,
            color,
            parent_id: body.parent_id,
            metadata: body.metadata.map(Into::into),
        }
    }
}

/// The query of `GET /api/categories`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCategories {
    /// Only of this kind.
    #[param(inline)]
    pub kind: Option<CategoryKindInput>,
    /// Only the children of this one.
    pub parent_id: Option<Uuid>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListCategories {
    /// The filter that the query describes.
    #[must_use]
    pub fn filter(&self) -> CategoryFilter {
        CategoryFilter {
            kind: self.kind.map(CategoryKind::from),
            parent_id: self.parent_id.map(CategoryId),
        }
    }
}

/// A category.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Category)]
pub struct CategoryView {
    /// Its id.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// `#rrggbb`, in lower case.
    #[schema(required)]
    pub color: Option<String>,
    /// The category it is in.
    #[schema(required)]
    pub parent_id: Option<CategoryId>,
    /// `task` or `channel`.
    pub kind: &'static str,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Counts edits; sent back with an edit.
    pub version: i32,
    /// Counts everything it shows; apply only a higher one.
    pub revision: i32,
}

/// The data of `category.deleted`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct DeletedCategory {
    /// Its id.
    pub id: CategoryId,
    /// `task` or `channel`.
    pub kind: &'static str,
}

impl CategoryView {
    /// A category as everybody sees it.
    #[must_use]
    pub fn of(category: &Category) -> Self {
        Self {
            id: category.id,
            name: category.name.clone(),
            color: category.color.clone(),
            parent_id: category.parent_id,
            kind: category.kind.as_str(),
            metadata: category.metadata.clone(),
            created_at: category.created_at,
            updated_at: category.updated_at,
            version: category.version,
            revision: category.revision,
        }
    }
}
