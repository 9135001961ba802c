//! Tasks as JSON.

mod body;
mod bulk;
mod list;
mod relation;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use body::{
    BulkItem, CreateTask, CreateTaskFromMessage, Override, SocketCreateTask, SocketEdit,
    SocketUpdateTask, Tag, UpdateTask,
};
pub use bulk::{BulkTasks, TaskList};
pub use list::ListTasks;
pub use relation::{
    AddDependency, ChangeDependencies, CommentView, CreateComment, DependencyTypeInput, EntryView,
    ListOfTask, RelationView, RemoveDependency, UpdateComment,
};

use crate::assignment::Assignment;
use crate::dependency::Relations;
use crate::model::{Task, TaskId};
use crate::status::{Priority, Status};

/// How far a task is.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskStatus)]
pub enum StatusInput {
    /// Not begun.
    Todo,
    /// Being worked on.
    InProgress,
    /// Done as far as the assignee is concerned.
    Review,
    /// Done.
    Done,
    /// Not to be done any more.
    Cancelled,
}

impl From<StatusInput> for Status {
    fn from(status: StatusInput) -> Self {
        match status {
            StatusInput::Todo => Self::Todo,
            StatusInput::InProgress => Self::InProgress,
            StatusInput::Review => Self::Review,
            StatusInput::Done => Self::Done,
            StatusInput::Cancelled => Self::Cancelled,
        }
    }
}

/// How much a task matters.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TaskPriority)]
pub enum PriorityInput {
    /// When there is time.
    Low,
    /// As usual.
    Medium,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

impl From<PriorityInput> for Priority {
    fn from(priority: PriorityInput) -> Self {
        match priority {
            PriorityInput::Low => Self::Low,
            PriorityInput::Medium => Self::Medium,
            PriorityInput::High => Self::High,
            PriorityInput::Urgent => Self::Urgent,
        }
    }
}

/// The body of `POST /api/tasks/{id}/assign`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignTask {
    /// To be assigned.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub assign: Vec<UserId>,
    /// To be unassigned.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub unassign: Vec<UserId>,
}

impl From<AssignTask> for Assignment {
    fn from(body: AssignTask) -> Self {
        Self { assign: body.assign, unassign: body.unassign }
    }
}

/// A task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Task)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// The channel it belongs to.
    #[schema(required)]
    pub channel_id: Option<ChannelId>,
    /// Its category.
    #[schema(required)]
    pub category_id: Option<CategoryId>,
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done, at length.
    pub description: String,
    /// `todo`, `in_progress`, `review`, `done` or `cancelled`.
    pub status: &'static str,
    /// `low`, `medium`, `high` or `urgent`.
    pub priority: &'static str,
    /// Who is to do it.
    pub assigned_to: Vec<UserId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it is due.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub due_date: Option<Timestamp>,
    /// Whether a day was meant, not a moment.
    pub due_all_day: bool,
    /// Whether it waits for another one.
    pub blocked: bool,
    /// The message it was made from.
    #[schema(required)]
    pub message_id: Option<Uuid>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// Who made it.
    pub created_by: UserId,
    /// When it was done.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
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
    /// What it depends on, as far as the reader sees it: in a single task's
    /// answer, and in lists with `dependencies=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<RelationView>>,
    /// What depends on it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependents: Option<Vec<RelationView>>,
}

impl TaskView {
    /// A task as everybody who may see it sees it.
    #[must_use]
    pub fn of(task: &Task) -> Self {
        Self {
            id: task.id,
            channel_id: task.channel_id,
            category_id: task.category_id,
            title: task.title.clone(),
            description: task.description.clone(),
            status: task.status.as_str(),
            priority: task.priority.as_str(),
            assigned_to: task.assigned_to.clone(),
            tags: task.tags.clone(),
            due_date: task.due.map(|due| due.at),
            due_all_day: task.due.is_some_and(|due| due.all_day),
            blocked: task.blocked,
            message_id: task.message_id,
            metadata: task.metadata.clone(),
            created_by: task.created_by,
            completed_at: task.completed_at,
            created_at: task.created_at,
            updated_at: task.updated_at,
            version: task.version,
            revision: task.revision,
            dependencies: None,
            dependents: None,
        }
    }

    /// The same with its relations; none where there are none.
    #[must_use]
    pub fn with_relations(mut self, relations: Option<&Relations>) -> Self {
        let none = Relations::default();
        let relations = relations.unwrap_or(&none);
        self.dependencies = Some(relations.dependencies.iter().map(RelationView::of).collect());
        self.dependents = Some(relations.dependents.iter().map(RelationView::of).collect());
        self
    }
}
