//! What the tasks at the other ends show when relations come and go: their
//! revision rises, and whoever sees them hears it.

use std::collections::BTreeMap;

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use serde_json::{Value, json};

use crate::history::Note;
use crate::model::{Task, TaskId};
use crate::repo::{self, Edge};
use crate::{audience, events};

/// What changed in a locked task.
pub(super) struct Change {
    pub(super) before: Task,
    pub(super) waits: bool,
    pub(super) fields: Vec<&'static str>,
    pub(super) note: Note,
}

/// Writes changes down, and tells of each; however many, with the same number
/// of statements. Answers the tasks by id.
///
/// Event: `task.updated` for each.
pub(super) async fn write_all(
    tx: &mut Tx,
    ctx: &Ctx,
    changes: Vec<Change>,
) -> Result<Vec<Task>, Fault> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut told = BTreeMap::new();
    let mut touched = Vec::with_capacity(changes.len());
    for Change { before, waits, fields, note } in changes {
        touched.push((before.id, note, waits));
        told.insert(before.id, (before, fields));
    }
    let tasks = repo::touch(tx, &touched, ctx.now()).await?;
    let audiences = audience::of_each(tx, &tasks).await?;
    for (task, audience) in tasks.iter().zip(audiences) {
        let (before, fields) = &told[&task.id];
        tx.emit(events::updated(before, task, fields, audience));
    }
    Ok(tasks)
}

/// Tells the other ends of the relations `edges` of the task `id`, which have
/// come (or gone: `added` says it) and whose other ends are locked.
///
/// Event: `task.updated` of each task at the other end (`dependents`,
/// `dependencies`, and `blocked` where that flips).
pub(super) async fn tell(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    edges: &[Edge],
    added: bool,
) -> Result<(), Fault> {
    let mut ends: BTreeMap<TaskId, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        let other = if edge.task == id { edge.depends_on } else { edge.task };
        ends.entry(other).or_default().push(edge);
    }
    if ends.is_empty() {
        return Ok(());
    }
    let others: Vec<TaskId> = ends.keys().copied().collect();
    let standing = repo::standing(tx, &others).await?;
    let changes = standing.into_iter().map(|(before, waits)| {
        let edges = &ends[&before.id];
        change(ctx, (before, waits), edges, added)
    });
    write_all(tx, ctx, changes.collect()).await.map(|_| ())
}

/// What one of the other ends shows else.
fn change(ctx: &Ctx, (before, waits): (Task, bool), edges: &[&Edge], added: bool) -> Change {
    let own: Vec<Value> = edges
        .iter()
        .filter(|edge| edge.task == before.id)
        .map(|edge| json!({ "taskId": edge.depends_on, "type": edge.kind.as_str() }))
        .collect();
    let (mut fields, mut changes, mut action) = (Vec::new(), Vec::new(), "dependents_changed");
    if !own.is_empty() {
        action = "dependencies_changed";
        fields.push("dependencies");
        let (came, went) = if added { (own, Vec::new()) } else { (Vec::new(), own) };
        changes.push(json!({ "field": "dependencies", "added": came, "removed": went }));
    }
    if edges.iter().any(|edge| edge.depends_on == before.id) {
        fields.push("dependents");
    }
    if waits != before.blocked {
        fields.push("blocked");
        changes.push(json!({ "field": "blocked", "before": before.blocked, "after": waits }));
    }
    Change { note: Note::new(ctx, action, changes), before, waits, fields }
}
