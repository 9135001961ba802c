//! What belongs to a task as JSON: relations, comments, history.

use jiff::Timestamp;
use sayso_access::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::comment::{Comment, CommentId};
use crate::dependency::{DependencyChange, DependencyType, Relation};
use crate::history::Entry;
use crate::model::TaskId;

/// What a task has to do with another one.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DependencyType)]
pub enum DependencyTypeInput {
    /// The other one must be finished first.
    Blocks,
    /// They have to do with each other.
    Relates,
    /// It is the other one once more.
    Duplicates,
}

impl From<DependencyTypeInput> for DependencyType {
    fn from(kind: DependencyTypeInput) -> Self {
        match kind {
            DependencyTypeInput::Blocks => Self::Blocks,
            DependencyTypeInput::Relates => Self::Relates,
            DependencyTypeInput::Duplicates => Self::Duplicates,
        }
    }
}

/// A task to depend on.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddDependency {
    /// The other task.
    pub task_id: TaskId,
    /// What it is to this one; `blocks` if not said.
    #[serde(rename = "type")]
    pub kind: Option<DependencyTypeInput>,
}

/// A task no longer to depend on.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveDependency {
    /// The other task.
    pub task_id: TaskId,
    /// Only in this way; in any way if not said.
    #[serde(rename = "type")]
    pub kind: Option<DependencyTypeInput>,
}

/// The body of `POST /api/tasks/{id}/dependencies`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"add": [{"taskId": "019a9c1e-4f00-7000-8000-000000000001",
                                   "type": "blocks"}]}))]
pub struct ChangeDependencies {
    /// What it is to depend on.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub add: Vec<AddDependency>,
    /// What it is no longer to depend on.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub remove: Vec<RemoveDependency>,
}

impl From<ChangeDependencies> for DependencyChange {
    fn from(body: ChangeDependencies) -> Self {
        let kind = |kind: Option<DependencyTypeInput>| kind.map(DependencyType::from);
        let add = body.add.iter();
        Self {
            add: add
                .map(|one| (one.task_id, kind(one.kind).unwrap_or(DependencyType::Blocks)))
                .collect(),
            remove: body.remove.iter().map(|one| (one.task_id, kind(one.kind))).collect(),
        }
    }
}

/// A relation as one of its ends shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Dependency)]
pub struct RelationView {
    /// Its id.
    pub id: Uuid,
    /// `blocks`, `relates` or `duplicates`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The task at the other end.
    pub task_id: TaskId,
    /// Its title.
    pub title: String,
    /// How far it is.
    pub status: &'static str,
}

impl RelationView {
    pub(super) fn of(relation: &Relation) -> Self {
        Self {
            id: relation.id,
            kind: relation.kind.as_str(),
            task_id: relation.other.id,
            title: relation.other.title.clone(),
            status: relation.other.status.as_str(),
        }
    }
}

/// The body of `POST /api/tasks/{id}/comments`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "The printer needs two more days."}))]
pub struct CreateComment {
    /// What is said.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
}

/// The body of `PUT` and `PATCH /api/tasks/{id}/comments/{commentId}`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "The printer needs three more days.", "version": 1}))]
pub struct UpdateComment {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// What is said.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 10000)]
    pub content: Option<String>,
}

/// Where in a list belonging to a task.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListOfTask {
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

/// A comment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Comment)]
pub struct CommentView {
    /// Its id.
    pub id: CommentId,
    /// What it is about.
    pub task_id: TaskId,
    /// Who says it.
    pub author_id: UserId,
    /// What is said.
    pub content: String,
    /// When the text was last changed.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows; apply only a higher one.
    pub revision: i32,
}

impl CommentView {
    /// A comment as everybody who sees the task sees it.
    #[must_use]
    pub fn of(comment: &Comment) -> Self {
        Self {
            id: comment.id,
            task_id: comment.task_id,
            author_id: comment.author_id,
            content: comment.content.clone(),
            edited_at: comment.edited_at,
            created_at: comment.created_at,
            updated_at: comment.updated_at,
            version: comment.version,
            revision: comment.revision,
        }
    }
}

/// One change of a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TaskChange)]
pub struct EntryView {
    /// Its id.
    pub id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who; null for Sayso itself.
    #[schema(required)]
    pub actor_id: Option<UserId>,
    /// `updated`, `assigned`, `dependencies_changed`, `dependents_changed`,
    /// `deleted` or `restored`.
    pub action: String,
    /// Each a `field` with `before` and `after`, or with what was `added` and
    /// `removed`; long text and metadata by name only.
    #[schema(value_type = Vec<Object>)]
    pub changes: serde_json::Value,
    /// The task's version afterwards.
    pub version: i32,
}

impl EntryView {
    /// An entry as everybody who sees the task sees it.
    #[must_use]
    pub fn of(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor_id: entry.actor_id,
            action: entry.action,
            changes: entry.changes,
            version: entry.version,
        }
    }
}
