//! What a task is.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use sayso_kernel::{Patch, define_id, patch};
use uuid::Uuid;

use crate::assignment::{difference, each_once};
use crate::due::Due;
use crate::status::{Priority, Status};

define_id! {
    /// A task's id.
    TaskId
}

/// A task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The channel it belongs to.
    pub channel_id: Option<ChannelId>,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done, at length.
    pub description: String,
    /// How far it is.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// Who is to do it.
    pub assigned_to: Vec<UserId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it is due.
    pub due: Option<Due>,
    /// Whether it waits for another one.
    pub blocked: bool,
    /// The message it was made from.
    pub message_id: Option<Uuid>,
    /// The client's own data.
    pub metadata: serde_json::Value,
    /// Who made it.
    pub created_by: UserId,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
}

/// A task that is to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done, at length.
    pub description: String,
    /// The channel it belongs to.
    pub channel_id: Option<ChannelId>,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// How much it matters.
    pub priority: Priority,
    /// Who is to do it.
    pub assigned_to: Vec<UserId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it is due.
    pub due: Option<Due>,
    /// The client's own data.
    pub metadata: serde_json::Value,
}

/// What an edit changes. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What is to be done, in a line.
    pub title: Option<String>,
    /// What is to be done, at length; cleared it is empty.
    pub description: Patch<String>,
    /// How far it is.
    pub status: Option<Status>,
    /// The channel it belongs to.
    pub channel_id: Patch<ChannelId>,
    /// Its category.
    pub category_id: Patch<CategoryId>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// All who are to do it.
    pub assigned_to: Option<Vec<UserId>>,
    /// All its tags.
    pub tags: Option<Vec<String>>,
    /// When it is due.
    pub due: Patch<Due>,
    /// A merge patch of the client's own data (RFC 7396).
    pub metadata: Patch<serde_json::Value>,
    /// Why the task is finished although others block it.
    pub override_reason: Option<String>,
}

impl Edit {
    /// The task after the edit at the time `now`, and the names of the fields
    /// that differ. Versions are counted by the database.
    #[must_use]
    pub fn apply(self, before: &Task, now: Timestamp) -> (Task, Vec<&'static str>) {
        let mut after = before.clone();
        after.title = self.title.unwrap_or(after.title);
        after.description = self.description.apply(Some(after.description)).unwrap_or_default();
        after.status = self.status.unwrap_or(after.status);
        after.channel_id = self.channel_id.apply(after.channel_id);
        after.category_id = self.category_id.apply(after.category_id);
        after.priority = self.priority.unwrap_or(after.priority);
        if let Some(users) = &self.assigned_to {
            // Their order says nothing.
            if difference(users, &after.assigned_to) != (Vec::new(), Vec::new()) {
                after.assigned_to = each_once(users);
            }
        }
        after.tags = self.tags.unwrap_or(after.tags);
        after.due = self.due.apply(after.due);
        match &self.metadata {
            Patch::Keep => {}
            Patch::Clear => after.metadata = serde_json::json!({}),
            Patch::Set(metadata) => patch::merge(&mut after.metadata, metadata),
        }
        after.completed_at = match after.status {
            Status::Done => before.completed_at.or(Some(now)),
            _ => None,
        };
        let fields = differing(before, &after);
        (after, fields)
    }
}

/// The wire names of the fields in which two states of a task differ.
fn differing(before: &Task, after: &Task) -> Vec<&'static str> {
    [
        ("title", before.title != after.title),
        ("description", before.description != after.description),
        ("status", before.status != after.status),
        ("channelId", before.channel_id != after.channel_id),
        ("categoryId", before.category_id != after.category_id),
        ("priority", before.priority != after.priority),
        ("assignedTo", before.assigned_to != after.assigned_to),
        ("tags", before.tags != after.tags),
        ("dueDate", before.due != after.due),
        ("metadata", before.metadata != after.metadata),
        ("completedAt", before.completed_at != after.completed_at),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
