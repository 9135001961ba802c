//! What one can do with tasks. Every door calls these functions.

use sayso_access::{Ctx, UserId};
use sayso_channels::service::require_member;
use sayso_channels::{CategoryKind, category};
use sayso_db::{Queries, Stream, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{INVALID, NOT_FOUND, Place, STALE};
use sayso_kernel::page::{self, Page};

use crate::assignment::check_assignees;
use crate::dependency;
use crate::error::CHANNEL_ARCHIVED;
use crate::filter::{Sort, TaskFilter};
use crate::history::Note;
use crate::model::{Draft, Edit, Task, TaskId};
use crate::policy::{self, Sight};
use crate::status::Status;
use crate::view::TaskView;
use crate::{events, repo};

/// Makes a task, in a channel the caller may write in or in none.
///
/// Event: `task.created`.
///
/// # Errors
/// 403 and 409 of the channel; 422 for a channel that the caller may not know
/// of, for an assignee who does not exist or does not see the channel, and for
/// a category that does not exist.
pub async fn create_in(tx: &mut Tx, ctx: &Ctx, draft: &Draft) -> Result<Task, Fault> {
    let actor = ctx.require_actor()?;
    if let Some(channel) = draft.channel_id {
        let standing = require_member(tx, ctx, channel).await.map_err(named_in_body)?;
        if standing.archived {
            return Err(Fault::new(&CHANNEL_ARCHIVED));
        }
    }
    check_assignees(tx, "assignedTo", draft.channel_id, &draft.assigned_to).await?;
    if let Some(category) = draft.category_id {
        category::require_in(tx, category, CategoryKind::Task).await?;
    }
    let now = ctx.now();
    let task = Task {
        id: TaskId(ctx.new_id()),
        channel_id: draft.channel_id,
        category_id: draft.category_id,
        title: draft.title.clone(),
        description: draft.description.clone(),
        status: Status::Todo,
        priority: draft.priority,
        assigned_to: each_once(&draft.assigned_to),
        tags: draft.tags.clone(),
        due: draft.due,
        blocked: false,
        message_id: None,
        metadata: draft.metadata.clone(),
        created_by: actor.user_id,
        completed_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
        revision: 1,
    };
    repo::insert(tx, &task).await?;
    let audience = audience(tx, &task).await?;
    tx.emit(events::created(&task, audience));
    Ok(task)
}

/// A channel that is named in a body and hidden from the caller is answered
/// like one that does not exist: 422 at its place.
fn named_in_body(fault: Fault) -> Fault {
    if !fault.is(&NOT_FOUND) {
        return fault;
    }
    let place = Place::Pointer("#/channelId".into());
    Fault::new(&INVALID).with(place, "channel.unknown", "There is no such channel")
}

fn each_once(users: &[UserId]) -> Vec<UserId> {
    let mut once = Vec::with_capacity(users.len());
    for user in users {
        if !once.contains(user) {
            once.push(*user);
        }
    }
    once
}

/// A task that the caller sees.
///
/// # Errors
/// 404 where the caller may not know of it.
pub async fn get(db: &mut impl Queries, ctx: &Ctx, id: TaskId) -> Result<Task, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id, reader).await?;
    let (task, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(&sight).require()?;
    Ok(task)
}

/// The tasks that the caller sees, decided in the query.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &TaskFilter,
    sort: Sort,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Task>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("tasks {filter:?} {sort:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, reader, filter, sort, ctx.now(), after, limit).await?;
    let page = Page::of(rows, limit, &question, |(task, key)| (key.clone(), task.id.0));
    Ok(page.map(|(task, _)| task))
}

/// Edits a task from the version the caller has read.
///
/// Events: `task.updated` with the names of the changed fields; where it is
/// finished or opened again, also of each task that waits for it and thereby
/// flips `blocked`. An edit that changes nothing leaves version and log as they
/// are.
///
/// # Errors
/// 403, 404; 409 `task.blocked` for finishing a task that waits for others, if
/// no reason is given; 412 with the present state when the version is not the
/// present one; 422 for a category that does not exist.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    version: i32,
    edit: Edit,
) -> Result<Task, Fault> {
    let (before, sight) = locked(tx, ctx, id).await?;
    policy::update(ctx.require_actor()?.role, &sight).require()?;
    if before.version != version {
        return Err(stale(&before));
    }
    let reason = edit.override_reason.clone();
    let now = ctx.now();
    let (mut after, mut fields) = edit.apply(&before, now);
    if fields.is_empty() {
        return Ok(before);
    }
    if let Some(category) = after.category_id.filter(|_| fields.contains(&"categoryId")) {
        category::require_in(tx, category, CategoryKind::Task).await?;
    }
    let overrides = finishes_early(tx, &before, &after).await?;
    if overrides && reason.is_none() {
        return Err(dependency::blocked(tx, ctx, id).await?);
    }
    let was_closed = before.status.is_closed();
    let turns = was_closed != after.status.is_closed();
    if turns {
        after.blocked = was_closed && repo::is_waiting(tx, id).await?;
        if after.blocked != before.blocked {
            fields.push("blocked");
        }
    }
    after.updated_at = now;
    let note = Note::of_edit(ctx, &before, &after, &fields);
    let updated = repo::update(tx, &note, &after).await?;
    let after = updated.ok_or_else(|| stale(&before))?;
    let audience = audience(tx, &after).await?;
    let fact = events::updated(&before, &after, &fields, audience);
    tx.emit(match reason.filter(|_| overrides) {
        Some(reason) => events::overridden(fact, &reason, &before, &after, &fields),
        None => fact,
    });
    if turns {
        let dependents = repo::lock_dependents(tx, id).await?;
        dependency::refresh(tx, ctx, &dependents).await?;
    }
    Ok(after)
}

/// Whether an edit finishes a task that waits for others. One that was
/// cancelled says nothing of that by itself.
async fn finishes_early(tx: &mut Tx, before: &Task, after: &Task) -> Result<bool, Fault> {
    if after.status != Status::Done || before.status == Status::Done {
        return Ok(false);
    }
    Ok(before.blocked || (before.status.is_closed() && repo::is_waiting(tx, before.id).await?))
}

/// 412 with the task as it is now.
pub(crate) fn stale(current: &Task) -> Fault {
    let view = serde_json::to_value(TaskView::of(current)).expect("a view is plain JSON");
    Fault::new(&STALE).current(view)
}

/// Locks a task, then reads it and what connects the caller with it: what is
/// read after the lock cannot change before the commit.
///
/// # Errors
/// 404 where the caller may not know of it.
pub(crate) async fn locked(tx: &mut Tx, ctx: &Ctx, id: TaskId) -> Result<(Task, Sight), Fault> {
    let reader = ctx.require_actor()?.user_id;
    let absent = || Fault::new(&NOT_FOUND);
    if !repo::lock(tx, id, reader).await? {
        return Err(absent());
    }
    let (task, sight) = repo::lookup(tx, id, reader).await?.ok_or_else(absent)?;
    policy::view(&sight).require()?;
    Ok((task, sight))
}

/// Who hears of a task: its channel; without one its creator, its assignees
/// and everybody they report to.
pub(crate) async fn audience(tx: &mut Tx, task: &Task) -> Result<Vec<Stream>, Fault> {
    if let Some(channel) = task.channel_id {
        return Ok(vec![sayso_channels::events::stream(channel)]);
    }
    let mut people = task.assigned_to.clone();
    people.push(task.created_by);
    let concerned = repo::concerned(tx, &people).await?;
    Ok(concerned.into_iter().map(Stream::User).collect())
}
