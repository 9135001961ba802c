//! Tasks as JSON.

mod list;
mod relation;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use sayso_kernel::{Fault, Patch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use list::ListTasks;
pub use relation::{
    AddDependency, ChangeDependencies, CommentView, CreateComment, DependencyTypeInput, EntryView,
    ListOfTask, RelationView, RemoveDependency,
};

use crate::assignment::Assignment;
use crate::dependency::Relations;
use crate::due::{self, Due};
use crate::model::{Draft, Edit, Task, TaskId};
use crate::status::{Priority, Status};

type JsonObject = serde_json::Map<String, serde_json::Value>;

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

/// A tag.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 50)]
pub struct Tag(pub String);

fn tags(tags: Vec<Tag>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(tags.len());
    for Tag(tag) in tags {
        if !once.contains(&tag) {
            once.push(tag);
        }
    }
    once
}

/// The body of `POST /api/tasks`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"title": "Order the venue", "priority": "high", "tags": ["party"],
                          "dueDate": "2026-12-01"}))]
pub struct CreateTask {
    /// What is to be done, in a line.
    #[schema(min_length = 1, max_length = 300)]
    pub title: String,
    /// What is to be done, at length.
    #[schema(max_length = 20000)]
    pub description: Option<String>,
    /// The channel it belongs to.
    pub channel_id: Option<ChannelId>,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// How much it matters; medium if not said.
    pub priority: Option<PriorityInput>,
    /// Who is to do it.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub assigned_to: Vec<UserId>,
    /// Its tags.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub tags: Vec<Tag>,
    /// A date-time; or a date, which means the end of that day in the
    /// creator's time zone.
    pub due_date: Option<String>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl CreateTask {
    /// The draft that the body describes, for a creator who lives in `zone`.
    pub fn into_draft(self, zone: &str) -> Result<Draft, Fault> {
        Ok(Draft {
            title: self.title,
            description: self.description.unwrap_or_default(),
            channel_id: self.channel_id,
            category_id: self.category_id,
            priority: self.priority.map_or(Priority::Medium, Priority::from),
            assigned_to: self.assigned_to,
            tags: tags(self.tags),
            due: self.due_date.map(|text| due_date(&text, zone)).transpose()?,
            metadata: self.metadata.unwrap_or_default().into(),
        })
    }
}

fn due_date(text: &str, zone: &str) -> Result<Due, Fault> {
    due::parse(text, zone).ok_or_else(|| {
        Fault::at_pointer("#/dueDate", "field.format", "must be a date or a date-time with offset")
    })
}

/// The body of `PUT` and `PATCH /api/tasks/{id}`: absent is unchanged, null is
/// cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"status": "done", "version": 3}))]
pub struct UpdateTask {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// What is to be done, in a line.
    #[schema(min_length = 1, max_length = 300)]
    pub title: Option<String>,
    /// What is to be done, at length.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 20000)]
    pub description: Patch<String>,
    /// How far it is.
    pub status: Option<StatusInput>,
    /// Its category; null for none.
    #[serde(default)]
    #[schema(value_type = Option<CategoryId>)]
    pub category_id: Patch<CategoryId>,
    /// How much it matters.
    pub priority: Option<PriorityInput>,
    /// All its tags.
    #[schema(max_items = 20)]
    pub tags: Option<Vec<Tag>>,
    /// A date-time; or a date, which means the end of that day in the editor's
    /// time zone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub due_date: Patch<String>,
    /// A merge patch of the client's own data (RFC 7396).
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    /// Finishes a task that waits for others.
    #[serde(rename = "override")]
    pub overriding: Option<Override>,
}

/// Why a task is finished although it waits for others; kept in the audit.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// The reason.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl UpdateTask {
    /// The edit that the body describes, by an editor who lives in `zone`.
    pub fn into_edit(self, zone: &str) -> Result<Edit, Fault> {
        let due = match self.due_date {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(text) => Patch::Set(due_date(&text, zone)?),
        };
        Ok(Edit {
            title: self.title,
            description: self.description,
            status: self.status.map(Status::from),
            category_id: self.category_id,
            priority: self.priority.map(Priority::from),
            tags: self.tags.map(tags),
            due,
            metadata: self.metadata.map(Into::into),
            override_reason: self.overriding.map(|overriding| overriding.reason),
        })
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
