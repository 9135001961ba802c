//! What can go wrong with tasks.

use sayso_kernel::{Code, Kind};

/// Nothing is planned in a channel that is put away.
pub const CHANNEL_ARCHIVED: Code =
    Code::new("task.channel_archived", Kind::Conflict, "The channel is archived");
/// More assignees than a task may have.
pub const TOO_MANY_ASSIGNEES: Code =
    Code::new("task.too_many_assignees", Kind::Invalid, "A task has at most 50 assignees");
/// A message is made into one task; `current.taskId` is it.
pub const MESSAGE_HAS_TASK: Code =
    Code::new("message.has_task", Kind::Conflict, "A task was made from this message already");

/// It waits for others; `current.blockers` names those the caller sees.
pub const BLOCKED: Code =
    Code::new("task.blocked", Kind::Conflict, "The task waits for others that are not finished");
/// A chain of tasks that wait would lead back to where it began;
/// `current.path` is the way round.
pub const DEPENDENCY_CIRCLE: Code =
    Code::new("task.dependency_circle", Kind::Conflict, "The task would wait for itself");
/// More relations than a task may have.
pub const TOO_MANY_DEPENDENCIES: Code = Code::new(
    "task.too_many_dependencies",
    Kind::Invalid,
    "A task depends on at most 100 others, and at most 100 depend on it",
);
/// More relations hang together than are looked through.
pub const GRAPH_TOO_LARGE: Code = Code::new(
    "task.dependency_graph_too_large",
    Kind::Conflict,
    "Too many tasks wait for each other to add one more",
);

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &CHANNEL_ARCHIVED,
    &TOO_MANY_ASSIGNEES,
    &MESSAGE_HAS_TASK,
    &BLOCKED,
    &DEPENDENCY_CIRCLE,
    &TOO_MANY_DEPENDENCIES,
    &GRAPH_TOO_LARGE,
];
