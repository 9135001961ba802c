//! The facts of tasks.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::{Fact, FactKind, Stream};
use sayso_kernel::hex;
use sayso_kernel::secret::sha256;
use sayso_web::told::{Fields, Gone};
use serde::Serialize;
use utoipa::ToSchema;

use crate::comment::{Comment, CommentId};
use crate::model::{Task, TaskId};
use crate::view::{CommentView, TaskView};

/// A task was made.
pub const CREATED: FactKind = FactKind {
    name: "task.created",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A task was made.",
};
/// A task was edited.
pub const UPDATED: FactKind = FactKind {
    name: "task.updated",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A task was edited; `change.fields` names what differs.",
};
/// Who is to do a task was changed.
pub const ASSIGNED: FactKind = FactKind {
    name: "task.assigned",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "People were assigned or unassigned; `change` names them.",
};
/// A task is out of somebody's sight.
pub const GONE: FactKind = FactKind {
    name: "task.gone",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You no longer see this task.",
};

/// A task is in the trash.
pub const DELETED: FactKind = FactKind {
    name: "task.deleted",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A task was deleted.",
};
/// A task is back.
pub const RESTORED: FactKind = FactKind {
    name: "task.restored",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A deleted task was brought back.",
};
/// Somebody said something about a task.
pub const COMMENTED: FactKind = FactKind {
    name: "task.commented",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "Somebody commented on a task.",
};
/// Somebody put what they had said into other words.
pub const COMMENT_EDITED: FactKind = FactKind {
    name: "task.comment_edited",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A comment on a task was edited.",
};
/// A comment is gone.
pub const COMMENT_DELETED: FactKind = FactKind {
    name: "task.comment_deleted",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A comment on a task was deleted.",
};

/// A deleted comment is back.
pub const COMMENT_RESTORED: FactKind = FactKind {
    name: "task.comment_restored",
    is_event: true,
    is_audited: true,
    stream: "its channel; without one, the user streams of creator, assignees and their managers",
    summary: "A deleted comment on a task is back.",
};

/// The kinds declared here.
pub const FACTS: &[&FactKind] = &[
    &CREATED,
    &UPDATED,
    &ASSIGNED,
    &GONE,
    &DELETED,
    &RESTORED,
    &COMMENTED,
    &COMMENT_EDITED,
    &COMMENT_DELETED,
    &COMMENT_RESTORED,
];

fn about(kind: &'static FactKind, task: &Task, audience: Vec<Stream>) -> Fact {
    Fact::event(kind, audience, task.version, &TaskView::of(task)).about("task", task.id.0)
}

/// A task was made.
pub(crate) fn created(task: &Task, audience: Vec<Stream>) -> Fact {
    about(&CREATED, task, audience).details(serde_json::json!({ "channelId": task.channel_id }))
}

/// What the audit knows of an edit: the names of the fields, and of all but
/// texts and free data what they were and are.
fn edit(before: &Task, after: &Task, fields: &[&'static str]) -> serde_json::Value {
    let mut details = serde_json::json!({
        "fields": fields,
        "status": [before.status.as_str(), after.status.as_str()],
    });
    for field in fields {
        let both = match *field {
            "priority" => serde_json::json!([before.priority.as_str(), after.priority.as_str()]),
            "channelId" => serde_json::json!([before.channel_id, after.channel_id]),
            "categoryId" => serde_json::json!([before.category_id, after.category_id]),
            "dueDate" => {
                serde_json::json!([before.due.map(|due| due.at), after.due.map(|due| due.at)])
            }
            "tags" => serde_json::json!([before.tags, after.tags]),
            "assignedTo" => serde_json::json!([before.assigned_to, after.assigned_to]),
            _ => continue,
        };
        details[*field] = both;
    }
    details
}

/// A task was edited.
pub(crate) fn updated(
    before: &Task,
    after: &Task,
    fields: &[&'static str],
    audience: Vec<Stream>,
) -> Fact {
    about(&UPDATED, after, audience).change(&Fields { fields }).details(edit(before, after, fields))
}

/// The `change` of `task.assigned`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedAssignees)]
pub struct Assigned<'a> {
    /// Who is to do it now.
    pub assigned: &'a [UserId],
    /// Who no longer is.
    pub unassigned: &'a [UserId],
}

/// Who is to do a task was changed.
pub(crate) fn assigned(
    task: &Task,
    assigned: &[UserId],
    unassigned: &[UserId],
    audience: Vec<Stream>,
) -> Fact {
    let details = serde_json::json!({ "assigned": assigned, "unassigned": unassigned });
    about(&ASSIGNED, task, audience).change(&Assigned { assigned, unassigned }).details(details)
}

/// A task is out of the sight of these people. Nothing of its new state is told.
pub(crate) fn gone(task: TaskId, audience: Vec<Stream>) -> Fact {
    Fact::event(&GONE, audience, 0, &Gone { id: task.0 }).about("task", task.0)
}

/// A task went to a channel that these people see but do not follow. The same
/// edit as on the channel's stream: the audit has it from there.
pub(crate) fn moved_away(task: &Task, audience: Vec<Stream>) -> Fact {
    const KIND: FactKind = FactKind { is_audited: false, ..UPDATED };
    Fact::event(&KIND, audience, task.version, &TaskView::of(task))
        .about("task", task.id.0)
        .change(&Fields { fields: &["channelId"] })
}

/// A task was edited although others block it: the audit knows why.
pub(crate) fn overridden(
    fact: Fact,
    reason: &str,
    before: &Task,
    after: &Task,
    fields: &[&'static str],
) -> Fact {
    let mut details = edit(before, after, fields);
    details["overrideReason"] = reason.into();
    fact.details(details)
}

/// The data of `task.deleted`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedTask {
    /// The task.
    pub id: TaskId,
    /// The channel it was in.
    #[schema(required)]
    pub channel_id: Option<ChannelId>,
}

/// A task is in the trash.
pub(crate) fn deleted(task: &Task, audience: Vec<Stream>) -> Fact {
    let data = DeletedTask { id: task.id, channel_id: task.channel_id };
    Fact::event(&DELETED, audience, task.version, &data)
        .about("task", task.id.0)
        .details(serde_json::json!({ "channelId": task.channel_id }))
}

/// A task is back.
pub(crate) fn restored(task: &Task, audience: Vec<Stream>) -> Fact {
    about(&RESTORED, task, audience).details(serde_json::json!({ "channelId": task.channel_id }))
}

/// Somebody said something about a task. The text is in the event only.
pub(crate) fn commented(comment: &Comment, audience: Vec<Stream>) -> Fact {
    said(&COMMENTED, comment, audience)
}

/// Somebody put it into other words.
pub(crate) fn comment_edited(comment: &Comment, audience: Vec<Stream>) -> Fact {
    said(&COMMENT_EDITED, comment, audience)
}

/// A comment is back.
pub(crate) fn comment_restored(comment: &Comment, audience: Vec<Stream>) -> Fact {
    said(&COMMENT_RESTORED, comment, audience)
}

fn said(kind: &'static FactKind, comment: &Comment, audience: Vec<Stream>) -> Fact {
    Fact::event(kind, audience, comment.version, &CommentView::of(comment))
        .about("task", comment.task_id.0)
        .details(serde_json::json!({
            "commentId": comment.id,
            "size": comment.content.len(),
            "sha256": hex::encode(&sha256(&[comment.content.as_bytes()])),
        }))
}

/// The data of `task.comment_deleted`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedComment {
    /// The comment.
    pub id: CommentId,
    /// The task it stood at.
    pub task_id: TaskId,
}

/// A comment is gone.
pub(crate) fn comment_deleted(comment: &Comment, audience: Vec<Stream>) -> Fact {
    let data = DeletedComment { id: comment.id, task_id: comment.task_id };
    Fact::event(&COMMENT_DELETED, audience, comment.version + 1, &data)
        .about("task", comment.task_id.0)
        .details(serde_json::json!({ "commentId": comment.id, "authorId": comment.author_id }))
}
