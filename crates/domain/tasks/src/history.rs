//! Who changed what in a task, written with each change.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_db::Queries;
use sayso_kernel::Fault;
use sayso_kernel::page::{self, Page};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::{Task, TaskId};
use crate::{repo, service};

/// One change of a task.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor_id: Option<UserId>,
    /// What was done: `updated`, `assigned`, `deleted` and the like.
    pub action: String,
    /// What differs, field by field.
    pub changes: Value,
    /// The task's version afterwards.
    pub version: i32,
}

/// An entry on its way: it is inserted by the statement of the change itself.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: Uuid,
    pub(crate) actor: Option<UserId>,
    pub(crate) action: &'static str,
    pub(crate) changes: Value,
}

impl Note {
    pub(crate) fn new(ctx: &Ctx, action: &'static str, changes: Vec<Value>) -> Self {
        Self { id: ctx.new_id(), actor: ctx.user_id(), action, changes: Value::Array(changes) }
    }

    /// Of an edit.
    pub(crate) fn of_edit(ctx: &Ctx, before: &Task, after: &Task, fields: &[&str]) -> Self {
        Self::new(ctx, "updated", fields.iter().map(|name| change(name, before, after)).collect())
    }

    /// Of who is to do it.
    pub(crate) fn of_assignment(ctx: &Ctx, assigned: &[UserId], unassigned: &[UserId]) -> Self {
        let change = json!({ "field": "assignedTo", "added": assigned, "removed": unassigned });
        Self::new(ctx, "assigned", vec![change])
    }
}

/// What differs in one field. Long text and the client's own data are named
/// only.
fn change(field: &str, before: &Task, after: &Task) -> Value {
    let value = |task: &Task| match field {
        "title" => json!(task.title),
        "status" => json!(task.status.as_str()),
        "channelId" => json!(task.channel_id),
        "categoryId" => json!(task.category_id),
        "assignedTo" => json!(task.assigned_to),
        "priority" => json!(task.priority.as_str()),
        "tags" => json!(task.tags),
        "dueDate" => json!(task.due.map(|due| due.at)),
        "completedAt" => json!(task.completed_at),
        "blocked" => json!(task.blocked),
        _ => Value::Null,
    };
    let (before, after) = (value(before), value(after));
    if before == after {
        return json!({ "field": field });
    }
    json!({ "field": field, "before": before, "after": after })
}

/// The changes of a task that the caller sees, newest first.
///
/// # Errors
/// 404 where the caller may not know of the task.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: TaskId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Entry>, Fault> {
    service::get(db, ctx, id).await?;
    let question = format!("history of {id}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list_history(db, id, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |entry| (entry.at, entry.id)))
}
