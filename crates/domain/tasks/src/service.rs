//! What one can do with tasks. Every door calls these functions.

use sayso_access::{Ctx, Decision};
use sayso_db::{Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{INVALID, NOT_FOUND, STALE};
use sayso_kernel::matcher::Matcher;
use sayso_kernel::page::{self, Page};
use uuid::Uuid;

use crate::assignment::{each_once, named, unknown_assignees};
use crate::filter::{self, Sort, TaskFilter};
use crate::model::{Draft, Edit, Task, TaskId};
use crate::policy::{self, Sight};
use crate::status::Status;
use crate::view::TaskView;
use crate::{audience, edit, events, repo};

/// Makes a task, in a channel the caller may write in or in none.
///
/// Event: `task.created`.
///
/// # Errors
/// 403 and 409 of the channel; 422 for a channel that the caller may not know
/// of, for an assignee who does not exist or does not see the channel, and for
/// a category that does not exist.
pub async fn create_in(tx: &mut Tx, ctx: &Ctx, draft: &Draft) -> Result<Task, Fault> {
    create_from_in(tx, ctx, draft, None).await
}

/// The same from a message, which is held.
pub(crate) async fn create_from_in(
    tx: &mut Tx,
    ctx: &Ctx,
    draft: &Draft,
    message_id: Option<Uuid>,
) -> Result<Task, Fault> {
    ctx.require_actor()?;
    policy::create(ctx, draft.channel_id.is_some()).require()?;
    let mut wrong = Vec::new();
    if let Some(channel) = draft.channel_id {
        edit::collect(&mut wrong, edit::enter(tx, ctx, channel).await)?;
    }
    // A channel that the caller may not know of must not tell who is in it.
    if wrong.is_empty() {
        let named = named("assignedTo", &draft.assigned_to);
        wrong.extend(unknown_assignees(tx, draft.channel_id, &named).await?);
    }
    edit::collect(&mut wrong, edit::check_category(tx, draft.category_id).await)?;
    if !wrong.is_empty() {
        return Err(Fault::new(&INVALID).with_all(wrong));
    }
    insert(tx, ctx, draft, message_id).await
}

/// Makes a task of a draft that was checked.
async fn insert(
    tx: &mut Tx,
    ctx: &Ctx,
    draft: &Draft,
    message_id: Option<Uuid>,
) -> Result<Task, Fault> {
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
        message_id,
        metadata: draft.metadata.clone(),
        created_by: ctx.require_actor()?.user_id,
        completed_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
        revision: 1,
    };
    repo::insert(tx, &task).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::created(&task, audience));
    Ok(task)
}

/// Whether there is such a task, whoever asks.
pub(crate) async fn exists(tx: &mut Tx, id: TaskId) -> Result<bool, Fault> {
    Ok(repo::find(tx, id).await?.is_some())
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

/// Those of some tasks that the caller sees, in no order.
///
/// # Errors
/// Those of the database alone: what is hidden is left out.
pub async fn seen(db: &mut impl Queries, ctx: &Ctx, ids: &[TaskId]) -> Result<Vec<Task>, Fault> {
    let found = repo::lookup_all(db, ids, ctx.require_actor()?.user_id).await?;
    let seen = found.into_iter().filter(|(_, sight)| policy::view(sight) == Decision::Allow);
    Ok(seen.map(|(task, _)| task).collect())
}

/// The tasks that the caller sees, decided in the query.
///
/// # Errors
/// 422 for a foreign cursor, and for a search of too many words.
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
    let search = match filter.search.as_deref() {
        Some(search) => Some(wanted(db, search).await?),
        None => None,
    };
    if search.as_ref().is_some_and(|search| search.among_newest.parts.is_empty()) {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let order = (sort, ctx.now());
    let found = repo::list(db, reader, filter, search.as_ref(), order, after, limit).await?;
    let page = Page::of(found.rows, limit, &question, |(task, key)| (key.clone(), task.id.0));
    let page = page.map(|(task, _)| task);
    let beyond = found.beyond.map(|place| page::encode(&question, &place));
    Ok(Page { next_cursor: page.next_cursor.or(beyond), ..page })
}

/// What a search asks of the texts.
async fn wanted(db: &mut impl Queries, search: &str) -> Result<repo::Search, Fault> {
    let mut words = filter::words(search)?;
    if !words.iter().all(|word| word.is_ascii()) {
        words = repo::fold(db, &words).await?;
    }
    let groups = words.iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
    let groups: Vec<Vec<String>> = groups.map(|word| vec![word]).collect();
    Ok(repo::Search {
        through_index: Matcher::of(&groups, &[]),
        among_newest: Matcher::among_newest(&groups, &[]),
    })
}

/// Edits a task from the version the caller has read.
///
/// Events: `task.updated` with the names of the changed fields, `task.assigned`
/// where its assignees change; where it is finished or opened again, also
/// `task.updated` of each task that waits for it and thereby flips `blocked`;
/// where it is moved or people are unassigned, `task.gone` to those who lose
/// sight of it. An edit that changes nothing leaves version and log as they
/// are.
///
/// # Errors
/// 403, 404; 409 `task.blocked` for finishing a task that waits for others, if
/// no reason is given, and `task.channel_archived`; 412 with the present state
/// when the version is not the present one; 422 for a channel, a category or an
/// assignee that does not exist or is hidden, and for an assignee who would not
/// see the task.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    version: i32,
    edit: Edit,
) -> Result<Task, Fault> {
    let found = match edit.status {
        Some(_) => locked_to_turn(tx, ctx, id).await?,
        None => locked(tx, ctx, id).await?,
    };
    edit::apply_in(tx, ctx, found, version, edit).await
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
    if !repo::lock(tx, id, reader).await? {
        return Err(Fault::new(&NOT_FOUND));
    }
    read_locked(tx, ctx, id).await
}

/// The same for whoever may have to lock, after it, those that wait for it.
pub(crate) async fn locked_to_turn(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
) -> Result<(Task, Sight), Fault> {
    let reader = ctx.require_actor()?.user_id;
    if !repo::lock_turning(tx, id, reader).await? {
        return Err(Fault::new(&NOT_FOUND));
    }
    read_locked(tx, ctx, id).await
}

/// Reads a task that is locked.
///
/// # Errors
/// 404 where the caller may not know of it.
pub(crate) async fn read_locked(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
) -> Result<(Task, Sight), Fault> {
    let found = repo::lookup(tx, id, ctx.require_actor()?.user_id).await?;
    let (task, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(&sight).require()?;
    Ok((task, sight))
}
