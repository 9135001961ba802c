//! The facts of tasks.

use sayso_access::UserId;
use sayso_db::{Fact, FactKind, Stream};
use sayso_kernel::hex;
use sayso_kernel::secret::sha256;

use crate::comment::Comment;
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

/// The kinds declared here.
pub const FACTS: &[&FactKind] =
    &[&CREATED, &UPDATED, &ASSIGNED, &GONE, &DELETED, &RESTORED, &COMMENTED];

fn about(kind: &'static FactKind, task: &Task, audience: Vec<Stream>) -> Fact {
    Fact::event(kind, audience, task.version, &TaskView::of(task)).about("task", task.id.0)
}

/// A task was made.
pub(crate) fn created(task: &Task, audience: Vec<Stream>) -> Fact {
    about(&CREATED, task, audience).details(serde_json::json!({ "channelId": task.channel_id }))
}

/// A task was edited. The audit knows the names of the fields, and the status
/// before and after.
pub(crate) fn updated(
    before: &Task,
    after: &Task,
    fields: &[&'static str],
    audience: Vec<Stream>,
) -> Fact {
    about(&UPDATED, after, audience).change(&serde_json::json!({ "fields": fields })).details(
        serde_json::json!({
            "fields": fields,
            "status": [before.status.as_str(), after.status.as_str()],
        }),
    )
}

/// Who is to do a task was changed.
pub(crate) fn assigned(
    task: &Task,
    assigned: &[UserId],
    unassigned: &[UserId],
    audience: Vec<Stream>,
) -> Fact {
    let change = serde_json::json!({ "assigned": assigned, "unassigned": unassigned });
    about(&ASSIGNED, task, audience).change(&change).details(change)
}

/// A task is out of `user`'s sight. Nothing of its new state is told.
pub(crate) fn gone(task: TaskId, user: UserId) -> Fact {
    Fact::event(&GONE, vec![Stream::User(user)], 0, &serde_json::json!({ "id": task }))
}

/// A task was edited although others block it: the audit knows why.
pub(crate) fn overridden(
    fact: Fact,
    reason: &str,
    before: &Task,
    after: &Task,
    fields: &[&'static str],
) -> Fact {
    fact.details(serde_json::json!({
        "fields": fields,
        "status": [before.status.as_str(), after.status.as_str()],
        "overrideReason": reason,
    }))
}

/// A task is in the trash.
pub(crate) fn deleted(task: &Task, audience: Vec<Stream>) -> Fact {
    let data = serde_json::json!({ "id": task.id, "channelId": task.channel_id });
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
    Fact::event(&COMMENTED, audience, comment.version, &CommentView::of(comment))
        .about("task", comment.task_id.0)
        .details(serde_json::json!({
            "commentId": comment.id,
            "size": comment.content.len(),
            "sha256": hex::encode(&sha256(&[comment.content.as_bytes()])),
        }))
}
