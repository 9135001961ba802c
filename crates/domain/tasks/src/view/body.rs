//! What is sent about one task: to make it, and to edit it. The same fields
//! come over HTTP, within a bulk, from a message and over a socket; a macro
//! writes them once, so that no door takes less than another.

use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use sayso_kernel::fault::{FieldFault, INVALID};
use sayso_kernel::{Fault, Patch};
use sayso_users::Metadata;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PriorityInput, StatusInput};
use crate::due::{self, Due};
use crate::model::{Draft, Edit, TaskId};
use crate::status::{Priority, Status};

type JsonObject = serde_json::Map<String, serde_json::Value>;

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

fn due_date(text: &str, zone: &str) -> Result<Due, Fault> {
    due::parse(text, zone).ok_or_else(|| {
        Fault::at_pointer("#/dueDate", "field.format", "must be a date or a date-time with offset")
    })
}

fn metadata(map: JsonObject) -> Result<serde_json::Value, Fault> {
    Ok(Metadata::parse(map, "#/metadata")?.to_value())
}

/// What the schema could not say, all of it.
#[derive(Default)]
struct Wrong(Vec<FieldFault>);

impl Wrong {
    fn note<T>(&mut self, outcome: Result<T, Fault>) -> Option<T> {
        outcome.map_err(|fault| self.0.extend_from_slice(fault.errors())).ok()
    }

    fn note_patch<T, U>(
        &mut self,
        patch: Patch<T>,
        read: impl FnOnce(T) -> Result<U, Fault>,
    ) -> Patch<U> {
        match patch {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(value) => self.note(read(value)).map_or(Patch::Keep, Patch::Set),
        }
    }

    fn unless<T>(self, value: T) -> Result<T, Fault> {
        if self.0.is_empty() { Ok(value) } else { Err(Fault::new(&INVALID).with_all(self.0)) }
    }
}

/// A body that makes a task: its own fields, and those that all of them have.
macro_rules! drafted {
    ($(#[$about:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        $(#[$about])*
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// What is to be done, at length.
            #[schema(max_length = 20000)]
            pub description: Option<String>,
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
            /// The client's own data: at most 16 KiB, at most 8 levels.
            #[schema(value_type = Option<Object>)]
            pub metadata: Option<JsonObject>,
        }

        impl $name {
            fn draft(
                self,
                title: String,
                channel_id: Option<ChannelId>,
                zone: &str,
            ) -> Result<Draft, Fault> {
                let mut wrong = Wrong::default();
                let due = self.due_date.and_then(|text| wrong.note(due_date(&text, zone)));
                let metadata = wrong.note(metadata(self.metadata.unwrap_or_default()));
                wrong.unless(Draft {
                    title,
                    description: self.description.unwrap_or_default(),
                    channel_id,
                    category_id: self.category_id,
                    priority: self.priority.map_or(Priority::Medium, Priority::from),
                    assigned_to: self.assigned_to,
                    tags: tags(self.tags),
                    due,
                    metadata: metadata.unwrap_or_default(),
                })
            }
        }
    };
}

drafted! {
    /// The body of `POST /api/tasks`.
    #[schema(example = json!({"title": "Order the venue", "priority": "high", "tags": ["party"],
                              "dueDate": "2026-12-01"}))]
    CreateTask {
        /// What is to be done, in a line.
        #[schema(min_length = 1, max_length = 300)]
        pub title: String,
        /// The channel it belongs to.
        pub channel_id: Option<ChannelId>,
    }
}

drafted! {
    /// The body of `POST /api/messages/{id}/task`: the task belongs to the
    /// message's channel.
    #[schema(example = json!({"priority": "high", "dueDate": "2026-12-01"}))]
    CreateTaskFromMessage {
        /// What is to be done, in a line; the first line of the message if not
        /// said.
        #[schema(min_length = 1, max_length = 300)]
        pub title: Option<String>,
    }
}

drafted! {
    /// The payload of the socket event `task.create`: the body of the HTTP
    /// request, and the sender's name for it.
    SocketCreateTask {
        /// What is to be done, in a line.
        #[schema(min_length = 1, max_length = 300)]
        pub title: String,
        /// The channel it belongs to.
        pub channel_id: Option<ChannelId>,
        /// The sender's own name for it, under which it is made once.
        #[schema(min_length = 1, max_length = 64)]
        pub client_id: Option<String>,
    }
}

impl CreateTask {
    /// The draft that the body describes, for a creator who lives in `zone`.
    pub fn into_draft(mut self, zone: &str) -> Result<Draft, Fault> {
        let (title, channel) = (std::mem::take(&mut self.title), self.channel_id);
        self.draft(title, channel, zone)
    }
}

impl CreateTaskFromMessage {
    /// The title, if one is given, and the draft without it, for a creator who
    /// lives in `zone`.
    pub fn into_parts(mut self, zone: &str) -> Result<(Option<String>, Draft), Fault> {
        let title = self.title.take();
        Ok((title, self.draft(String::new(), None, zone)?))
    }
}

impl SocketCreateTask {
    /// The draft for a creator who lives in `zone`, and the sender's name for
    /// it.
    pub fn into_parts(mut self, zone: &str) -> Result<(Draft, Option<String>), Fault> {
        let (title, channel) = (std::mem::take(&mut self.title), self.channel_id);
        let client_id = self.client_id.take();
        Ok((self.draft(title, channel, zone)?, client_id))
    }
}

/// A body that edits a task: its own fields, and those that all of them have.
/// Absent is unchanged, null is cleared.
macro_rules! edited {
    ($(#[$about:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        $(#[$about])*
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// What is to be done, in a line.
            #[schema(value_type = String, required = false, min_length = 1, max_length = 300)]
            pub title: Option<String>,
            /// What is to be done, at length; null for nothing.
            #[serde(default)]
            #[schema(value_type = Option<String>, max_length = 20000)]
            pub description: Patch<String>,
            /// How far it is.
            #[schema(value_type = StatusInput, required = false)]
            pub status: Option<StatusInput>,
            /// The channel it belongs to; null for none. To move it one must be
            /// able to write there.
            #[serde(default)]
            #[schema(value_type = Option<ChannelId>)]
            pub channel_id: Patch<ChannelId>,
            /// Its category; null for none.
            #[serde(default)]
            #[schema(value_type = Option<CategoryId>)]
            pub category_id: Patch<CategoryId>,
            /// How much it matters.
            #[schema(value_type = PriorityInput, required = false)]
            pub priority: Option<PriorityInput>,
            /// All who are to do it; null for nobody.
            #[serde(default)]
            #[schema(value_type = Option<Vec<UserId>>, max_items = 50)]
            pub assigned_to: Patch<Vec<UserId>>,
            /// All its tags; null for none.
            #[serde(default)]
            #[schema(value_type = Option<Vec<Tag>>, max_items = 20)]
            pub tags: Patch<Vec<Tag>>,
            /// A date-time; or a date, which means the end of that day in the
            /// editor's time zone. Null for none.
            #[serde(default)]
            #[schema(value_type = Option<String>)]
            pub due_date: Patch<String>,
            /// A merge patch of the client's own data (RFC 7396); null for none.
            #[serde(default)]
            #[schema(value_type = Option<Object>)]
            pub metadata: Patch<JsonObject>,
            /// Finishes a task that waits for others.
            #[serde(rename = "override")]
            pub overriding: Option<Override>,
        }

        impl $name {
            pub(super) fn edit(self, zone: &str) -> Result<Edit, Fault> {
                let mut wrong = Wrong::default();
                let due = wrong.note_patch(self.due_date, |text| due_date(&text, zone));
                wrong.unless(Edit {
                    title: self.title,
                    description: self.description,
                    status: self.status.map(Status::from),
                    channel_id: self.channel_id,
                    category_id: self.category_id,
                    priority: self.priority.map(Priority::from),
                    assigned_to: or_empty(self.assigned_to),
                    tags: or_empty(self.tags).map(tags),
                    due,
                    metadata: match self.metadata {
                        Patch::Keep => Patch::Keep,
                        Patch::Clear => Patch::Clear,
                        Patch::Set(map) => Patch::Set(map.into()),
                    },
                    override_reason: self.overriding.map(|overriding| overriding.reason),
                })
            }
        }
    };
}

/// A list that is cleared is empty.
fn or_empty<T>(patch: Patch<Vec<T>>) -> Option<Vec<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(Vec::new()),
        Patch::Set(all) => Some(all),
    }
}

edited! {
    /// The body of `PUT` and `PATCH /api/tasks/{id}`: absent is unchanged, null
    /// is cleared.
    #[derive(Default)]
    #[schema(example = json!({"status": "done", "version": 3}))]
    UpdateTask {
        /// The version that is edited; or send it with `If-Match`.
        #[schema(minimum = 1)]
        pub version: Option<i32>,
    }
}

edited! {
    /// The payload of the socket event `task.update`: the body of the HTTP
    /// request, and which task.
    SocketUpdateTask {
        /// The task.
        pub task_id: TaskId,
        /// The version that is edited.
        #[schema(minimum = 1)]
        pub version: Option<i32>,
        /// The sender's own name for the edit, under which it happens once.
        #[schema(min_length = 1, max_length = 64)]
        pub client_id: Option<String>,
    }
}

edited! {
    /// One edit of many.
    BulkItem {
        /// The task.
        pub id: TaskId,
        /// The version that is edited.
        #[schema(minimum = 1)]
        pub version: Option<i32>,
    }
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
        self.edit(zone)
    }
}

/// What a socket asks to be edited.
#[derive(Clone, Debug)]
pub struct SocketEdit {
    /// The task.
    pub id: TaskId,
    /// The version that is edited.
    pub version: i32,
    /// The edit.
    pub edit: Edit,
    /// The sender's own name for it.
    pub client_id: Option<String>,
}

impl SocketUpdateTask {
    /// What is to be edited, by an editor who lives in `zone`.
    ///
    /// # Errors
    /// 428 without a version; 422 for a date that is none.
    pub fn into_parts(mut self, zone: &str) -> Result<SocketEdit, Fault> {
        let version = sayso_web::required_version(self.version, &sayso_web::IfMatch(None))?;
        let (id, client_id) = (self.task_id, self.client_id.take());
        Ok(SocketEdit { id, version, edit: self.edit(zone)?, client_id })
    }
}
