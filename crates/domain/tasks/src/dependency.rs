//! What a task waits for, and what else it has to do with.
//!
//! A task *depends on* another one. `blocks` orders the work: the other task
//! must be finished first, and no chain of such relations may lead back to
//! where it began. `relates` and `duplicates` only tell.
//!
//! Locks, so that no two writers wait for each other: whoever changes the graph
//! (relations, deletion, restoring) or edits several tasks holds the graph alone
//! before any row; whoever finishes or opens a task holds it beside others of the
//! kind, and locks rows from what blocks towards what is blocked. A task's
//! relations do not change while its row is locked.

mod blockers;
mod ends;
mod shown;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, Place};
use serde_json::json;
use uuid::Uuid;

use crate::error::{BLOCKED, DEPENDENCY_CIRCLE, GRAPH_TOO_LARGE, TOO_MANY_DEPENDENCIES};
use crate::history::Note;
use crate::model::{Task, TaskId};
use crate::status::Status;
use crate::{policy, repo, service};

pub(crate) use blockers::Blockers;
pub use shown::{relations, relations_of};

/// Relations of a task in one direction at the most.
pub const DEPENDENCIES_MAX: i64 = 100;
/// Relations that are followed to find a circle at the most.
pub const GRAPH_EDGES_MAX: i64 = 20_000;

/// What a task has to do with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyType {
    /// The other one must be finished first.
    Blocks,
    /// They have to do with each other.
    Relates,
    /// It is the other one once more.
    Duplicates,
}

impl DependencyType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blocks, Self::Relates, Self::Duplicates];

    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Relates => "relates",
            Self::Duplicates => "duplicates",
        }
    }

    /// Reads the name back; a name that is not known only tells.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(Self::Relates)
    }
}

/// A relation as one of its ends shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub kind: DependencyType,
    /// The task at the other end.
    pub other: Neighbour,
}

/// A task as its neighbours show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// How far it is.
    pub status: Status,
}

/// The relations of a task whose other end the reader sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// What it depends on.
    pub dependencies: Vec<Relation>,
    /// What depends on it.
    pub dependents: Vec<Relation>,
}

/// What a task is to depend on, and what no longer.
#[derive(Clone, Debug, Default)]
pub struct DependencyChange {
    /// To depend on.
    pub add: Vec<(TaskId, DependencyType)>,
    /// No longer to depend on; without a type, in any way.
    pub remove: Vec<(TaskId, Option<DependencyType>)>,
}

/// Adds and removes what a task depends on. What is there already, or is not
/// there, is no change. Needs no version.
///
/// Events: `task.updated` of the task (`dependencies`, and `blocked` where that
/// flips) and of each task at the other end (`dependents`).
///
/// # Errors
/// 403, 404; 409 `task.dependency_circle` with the way round; 422 for a task
/// the caller does not see, for the task itself, and for more than 100.
pub async fn change_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    change: &DependencyChange,
) -> Result<Task, Fault> {
    // Who may not change it takes no lock from those who may.
    service::get(tx, ctx, id).await?;
    repo::lock_graph(tx).await?;
    let others: BTreeSet<TaskId> =
        change.add.iter().map(|(o, _)| *o).chain(change.remove.iter().map(|(o, _)| *o)).collect();
    let others: Vec<TaskId> = others.into_iter().filter(|other| *other != id).collect();
    repo::lock_all(tx, &others).await?;
    let (before, sight) = service::locked(tx, ctx, id).await?;
    policy::update(ctx, &sight).require()?;
    check_known(tx, ctx, id, &change.add).await?;
    let removed = repo::remove_dependencies(tx, id, &change.remove).await?;
    check_circles(tx, ctx, id, &change.add).await?;
    let added = repo::add_dependencies(tx, ctx, id, &change.add).await?;
    if added.is_empty() && removed.is_empty() {
        return Ok(before);
    }
    let touched: BTreeSet<TaskId> = added.iter().chain(&removed).map(|(other, _)| *other).collect();
    let touched: Vec<TaskId> = touched.into_iter().collect();
    if repo::has_too_many(tx, id, &touched, DEPENDENCIES_MAX).await? {
        return Err(Fault::new(&TOO_MANY_DEPENDENCIES));
    }
    let task = note_dependencies(tx, ctx, before, &added, &removed).await?;
    // The ids of relations are told to nobody here.
    let edge = |(other, kind): &(TaskId, DependencyType)| repo::Edge {
        id: Uuid::nil(),
        task: id,
        depends_on: *other,
        kind: *kind,
    };
    let edges: Vec<repo::Edge> = added.iter().chain(&removed).map(edge).collect();
    ends::tell(tx, ctx, id, &edges, true).await?;
    Ok(task)
}

type Edges = [(TaskId, DependencyType)];

async fn note_dependencies(
    tx: &mut Tx,
    ctx: &Ctx,
    before: Task,
    added: &Edges,
    removed: &Edges,
) -> Result<Task, Fault> {
    let blocked = !before.status.is_closed() && repo::is_waiting(tx, before.id).await?;
    let named = |edges: &Edges| -> Vec<_> {
        edges.iter().map(|(id, kind)| json!({ "taskId": id, "type": kind.as_str() })).collect()
    };
    let (added, removed) = (named(added), named(removed));
    let mut changes = vec![json!({ "field": "dependencies", "added": added, "removed": removed })];
    let mut fields = vec!["dependencies"];
    if blocked != before.blocked {
        fields.push("blocked");
        changes.push(json!({ "field": "blocked", "before": before.blocked, "after": blocked }));
    }
    let note = Note::new(ctx, "dependencies_changed", changes);
    let change = ends::Change { waits: blocked, fields, note, before };
    let written = ends::write_all(tx, ctx, vec![change]).await?;
    Ok(written.into_iter().next().expect("a locked task is still there"))
}

/// Hears that relations of a task have gone, or have come back: locks the tasks
/// at their other ends and tells what they show now.
///
/// Event: `task.updated` of each task at the other end.
pub(crate) async fn tell_others(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    edges: &[repo::Edge],
    added: bool,
) -> Result<(), Fault> {
    let others = edges.iter().map(|edge| if edge.task == id { edge.depends_on } else { edge.task });
    let others: BTreeSet<TaskId> = others.collect();
    repo::lock_all(tx, &others.into_iter().collect::<Vec<_>>()).await?;
    ends::tell(tx, ctx, id, edges, added).await
}

/// 422 at each place that names a task the caller does not see, or the task
/// itself (which would block itself: that is a circle and answered as one).
async fn check_known(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    add: &[(TaskId, DependencyType)],
) -> Result<(), Fault> {
    let ids: Vec<TaskId> = add.iter().map(|(other, _)| *other).collect();
    let reader = ctx.require_actor()?.user_id;
    let seen = if ids.is_empty() { Vec::new() } else { repo::seen(tx, reader, &ids).await? };
    let is_known = |other: TaskId, kind: DependencyType| {
        seen.iter().any(|task| task.id == other) && (other != id || kind == DependencyType::Blocks)
    };
    let unknown: Vec<FieldFault> = add
        .iter()
        .enumerate()
        .filter(|(_, (other, kind))| !is_known(*other, *kind))
        .map(|(index, _)| FieldFault {
            place: Place::Pointer(format!("#/add/{index}/taskId")),
            code: "task.unknown",
            detail: "There is no other task with this id".into(),
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(unknown)) }
}

/// 409 with the way round when one of `add` would lead back to the task. The
/// graph is locked.
async fn check_circles(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    add: &[(TaskId, DependencyType)],
) -> Result<(), Fault> {
    let starts = add.iter().enumerate().filter(|(_, (_, kind))| *kind == DependencyType::Blocks);
    let starts: Vec<(usize, TaskId)> = starts.map(|(index, (other, _))| (index, *other)).collect();
    if starts.is_empty() {
        return Ok(());
    }
    let ids: Vec<TaskId> = starts.iter().map(|(_, other)| *other).collect();
    let graph = graph_from(tx, &ids).await?;
    for (index, other) in starts {
        if let Some(way) = way(&graph, other, id) {
            return Err(circle(tx, ctx, index, id, way).await?);
        }
    }
    Ok(())
}

async fn circle(
    tx: &mut Tx,
    ctx: &Ctx,
    index: usize,
    id: TaskId,
    way: Vec<TaskId>,
) -> Result<Fault, Fault> {
    let round: Vec<TaskId> = std::iter::once(id).chain(way).collect();
    let seen = repo::seen(tx, ctx.require_actor()?.user_id, &round).await?;
    let shown = round.iter().map(|id| seen.iter().find(|task| task.id == *id));
    let titles: Vec<&str> =
        shown.clone().map(|task| task.map_or("a task you do not see", |t| &t.title)).collect();
    let path: Vec<_> = shown
        .map(|task| json!({ "id": task.map(|t| t.id), "title": task.map(|t| &t.title) }))
        .collect();
    let detail = format!("It would wait for itself: {}", titles.join(" → "));
    let place = Place::Pointer(format!("#/add/{index}/taskId"));
    Ok(Fault::new(&DEPENDENCY_CIRCLE)
        .with(place, DEPENDENCY_CIRCLE.name, detail.clone())
        .detail(detail)
        .current(json!({ "path": path })))
}

/// What each task waits for.
type Graph = BTreeMap<TaskId, Vec<TaskId>>;

/// Everything that `starts` wait for, directly or not.
pub(crate) async fn graph_from(tx: &mut Tx, starts: &[TaskId]) -> Result<Graph, Fault> {
    let edges = repo::edges_from(tx, starts, GRAPH_EDGES_MAX + 1).await?;
    if i64::try_from(edges.len()).unwrap_or(i64::MAX) > GRAPH_EDGES_MAX {
        return Err(Fault::new(&GRAPH_TOO_LARGE));
    }
    let mut graph = Graph::new();
    for (task, waits_for) in edges {
        graph.entry(task).or_default().push(waits_for);
    }
    Ok(graph)
}

/// The shortest way from one task to another one along what each waits for,
/// both included.
pub(crate) fn way(graph: &Graph, from: TaskId, to: TaskId) -> Option<Vec<TaskId>> {
    let mut came_from: BTreeMap<TaskId, Option<TaskId>> = BTreeMap::from([(from, None)]);
    let mut next = VecDeque::from([from]);
    while let Some(at) = next.pop_front() {
        if at == to {
            let steps = std::iter::successors(Some(at), |id| came_from.get(id).copied().flatten());
            let mut way: Vec<TaskId> = steps.collect();
            way.reverse();
            return Some(way);
        }
        for step in graph.get(&at).into_iter().flatten() {
            if !came_from.contains_key(step) {
                came_from.insert(*step, Some(at));
                next.push_back(*step);
            }
        }
    }
    None
}

/// 409 that names `blockers`, which a task waits for, as far as the caller sees it.
pub(crate) async fn blocked(tx: &mut Tx, ctx: &Ctx, blockers: &[TaskId]) -> Result<Fault, Fault> {
    let seen = repo::seen(tx, ctx.require_actor()?.user_id, blockers).await?;
    let mut titles: Vec<String> = seen.iter().map(|task| format!("“{}”", task.title)).collect();
    if seen.len() < blockers.len() {
        titles.push("tasks you do not see".into());
    }
    let named: Vec<_> = seen
        .iter()
        .map(|t| json!({ "id": t.id, "title": t.title, "status": t.status.as_str() }))
        .collect();
    Ok(Fault::new(&BLOCKED)
        .detail(format!("It waits for {}", titles.join(", ")))
        .current(json!({ "blockers": named })))
}

/// Looks again whether `dependents`, which are locked, still wait, and writes
/// down where that has changed.
///
/// Event: `task.updated` for each that flips.
pub(crate) async fn refresh(tx: &mut Tx, ctx: &Ctx, dependents: &[TaskId]) -> Result<(), Fault> {
    if dependents.is_empty() {
        return Ok(());
    }
    let flips = repo::flips(tx, dependents).await?;
    let changes = flips.into_iter().map(|(before, waits)| {
        let change = json!({ "field": "blocked", "before": before.blocked, "after": waits });
        let note = Note::new(ctx, "updated", vec![change]);
        ends::Change { before, waits, fields: vec!["blocked"], note }
    });
    ends::write_all(tx, ctx, changes.collect()).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> TaskId {
        TaskId(Uuid::from_u128(n))
    }

    #[test]
    fn the_shortest_way_is_found_and_none_where_there_is_none() {
        let graph = Graph::from([
            (id(1), vec![id(2), id(3)]),
            (id(2), vec![id(4)]),
            (id(4), vec![id(5)]),
            (id(3), vec![id(5)]),
        ]);

        assert_eq!(way(&graph, id(1), id(5)), Some(vec![id(1), id(3), id(5)]));
        assert_eq!(way(&graph, id(1), id(1)), Some(vec![id(1)]));
        assert_eq!(way(&graph, id(5), id(1)), None);
    }

    #[test]
    fn names_come_back() {
        for kind in DependencyType::ALL {
            assert_eq!(DependencyType::parse(kind.as_str()), kind);
        }
    }
}
