//! Deleting a task, and bringing it back with what belongs to it.

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;

use crate::dependency::{self, DependencyType};
use crate::history::Note;
use crate::model::{Task, TaskId};
use crate::{audience, events, policy, repo, service};

/// Deletes a task. Its comments and history go out of sight with it, and so do
/// its relations: what waited for it no longer does.
///
/// Events: `task.deleted`, then `task.updated` of each task that had to do with
/// it (`dependencies`, `dependents`, and `blocked` where that flips).
///
/// # Errors
/// 403, 404; 412 when a version is given that is not the present one.
pub async fn delete_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    version: Option<i32>,
) -> Result<(), Fault> {
    repo::lock_graph(tx).await?;
    let (before, sight) = service::locked(tx, ctx, id).await?;
    policy::delete(ctx, &sight).require()?;
    if version.is_some_and(|version| version != before.version) {
        return Err(service::stale(&before));
    }
    let note = Note::new(ctx, "deleted", Vec::new());
    let task = repo::soft_delete(tx, &note, id, ctx.now()).await?;
    let hidden = repo::hide_dependencies(tx, id, ctx.now()).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::deleted(&task, audience));
    dependency::tell_others(tx, ctx, id, &hidden, false).await
}

/// Brings a deleted task back, with its assignees, comments, history and those
/// of its relations whose other end is there. A relation that would close a
/// circle by now stays away. A task that is not deleted is answered as it is.
///
/// Events: `task.restored`, then `task.updated` of each task that has to do
/// with it again (`dependencies`, `dependents`, and `blocked` where that flips).
///
/// # Errors
/// 403, and 404 where the caller may not know of it.
pub async fn restore_in(tx: &mut Tx, ctx: &Ctx, id: TaskId) -> Result<Task, Fault> {
    let actor = ctx.require_actor()?;
    repo::lock_graph(tx).await?;
    if !repo::lock_deleted(tx, id, actor.user_id).await? {
        return service::get(tx, ctx, id).await;
    }
    let found = repo::lookup_deleted(tx, id, actor.user_id).await?;
    let (before, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::delete(ctx, &sight).require()?;
    let back = bring_back_relations(tx, id).await?;
    let blocked = !before.status.is_closed() && repo::is_waiting(tx, id).await?;
    let note = Note::new(ctx, "restored", Vec::new());
    let task = repo::restore(tx, &note, id, blocked, ctx.now()).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::restored(&task, audience));
    dependency::tell_others(tx, ctx, id, &back, true).await?;
    Ok(task)
}

/// Shows the hidden relations of a task again whose other end is there. While
/// it was away, its blockers may have come to wait for its dependents: then it
/// does not wait for them any more. Answers those that are back.
async fn bring_back_relations(tx: &mut Tx, id: TaskId) -> Result<Vec<repo::Edge>, Fault> {
    let hidden = repo::hidden_dependencies(tx, id).await?;
    let blocks = hidden.iter().filter(|edge| edge.kind == DependencyType::Blocks);
    let waiting: Vec<TaskId> =
        blocks.clone().filter(|edge| edge.depends_on == id).map(|edge| edge.task).collect();
    let blockers: Vec<TaskId> =
        blocks.filter(|edge| edge.task == id).map(|edge| edge.depends_on).collect();
    let graph = dependency::graph_from(tx, &blockers).await?;
    let closes =
        |from: TaskId| waiting.iter().any(|to| dependency::way(&graph, from, *to).is_some());
    let (lost, back): (Vec<_>, Vec<_>) = hidden.into_iter().partition(|edge| {
        edge.kind == DependencyType::Blocks && edge.task == id && closes(edge.depends_on)
    });
    let ids = |edges: &[repo::Edge]| edges.iter().map(|edge| edge.id).collect::<Vec<_>>();
    repo::drop_dependencies(tx, &ids(&lost)).await?;
    repo::show_dependencies(tx, &ids(&back)).await?;
    Ok(back)
}
