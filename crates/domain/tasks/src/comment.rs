//! What people say about a task.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_db::{Queries, Tx};
use sayso_kernel::fault::{NOT_FOUND, STALE};
use sayso_kernel::page::{self, Page};
use sayso_kernel::{Fault, define_id};

use crate::model::TaskId;
use crate::view::CommentView;
use crate::{audience, events, policy, repo, service};

define_id! {
    /// A comment's id.
    CommentId
}

/// A comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// What it is about.
    pub task_id: TaskId,
    /// Who says it.
    pub author_id: UserId,
    /// What is said.
    pub content: String,
    /// When the text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
}

/// Says something about a task.
///
/// Event: `task.commented` to those who hear of the task. The audit knows size
/// and hash of the text.
///
/// # Errors
/// 403, 404.
pub async fn add_in(tx: &mut Tx, ctx: &Ctx, id: TaskId, content: &str) -> Result<Comment, Fault> {
    let actor = ctx.require_actor()?;
    let (task, sight) = service::locked(tx, ctx, id).await?;
    policy::comment(ctx, &sight).require()?;
    let now = ctx.now();
    let comment = Comment {
        id: CommentId(ctx.new_id()),
        task_id: id,
        author_id: actor.user_id,
        content: content.to_owned(),
        edited_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
        revision: 1,
    };
    repo::insert_comment(tx, &comment).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::commented(&comment, audience));
    Ok(comment)
}

/// Changes the text of one's own comment, from the version one has read. The
/// same text is no change.
///
/// Event: `task.comment_edited` to those who hear of the task.
///
/// # Errors
/// 403 for somebody else's, 404, 412 with the comment as it is now.
pub async fn edit_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (task, id): (TaskId, CommentId),
    version: i32,
    content: Option<&str>,
) -> Result<Comment, Fault> {
    let actor = ctx.require_actor()?.user_id;
    let (task, _) = service::locked(tx, ctx, task).await?;
    let before = find(tx, task.id, id).await?;
    policy::edit_comment(before.author_id == actor).require()?;
    check_version(&before, version)?;
    let Some(content) = content.filter(|content| *content != before.content) else {
        return Ok(before);
    };
    let after = repo::edit_comment(tx, id, content, ctx.now()).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::comment_edited(&after, audience));
    Ok(after)
}

/// Deletes a comment: one's own, or any where one answers for the channel.
///
/// Event: `task.comment_deleted` to those who hear of the task.
///
/// # Errors
/// 403, 404; 412 when a version is given that is not the present one.
pub async fn delete_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (task, id): (TaskId, CommentId),
    version: Option<i32>,
) -> Result<(), Fault> {
    let actor = ctx.require_actor()?.user_id;
    let (task, sight) = service::locked(tx, ctx, task).await?;
    let comment = find(tx, task.id, id).await?;
    policy::delete_comment(&sight, comment.author_id == actor).require()?;
    version.map_or(Ok(()), |version| check_version(&comment, version))?;
    repo::delete_comment(tx, id, actor, ctx.now()).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::comment_deleted(&comment, audience));
    Ok(())
}

/// Brings a deleted comment back. Whoever said it brings back what they took
/// back themselves; who answers for the channel brings back any. One that is
/// not deleted is answered as it is.
///
/// Event: `task.comment_restored` to those who hear of the task.
///
/// # Errors
/// 403, 404.
pub async fn restore_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (task, id): (TaskId, CommentId),
) -> Result<Comment, Fault> {
    let actor = ctx.require_actor()?.user_id;
    let (task, sight) = service::locked(tx, ctx, task).await?;
    let Some((before, by)) = repo::find_deleted_comment(tx, task.id, id).await? else {
        let comment = find(tx, task.id, id).await?;
        policy::delete_comment(&sight, comment.author_id == actor).require()?;
        return Ok(comment);
    };
    let took_back = by.is_none_or(|by| by == before.author_id);
    policy::delete_comment(&sight, before.author_id == actor && took_back).require()?;
    let comment = repo::restore_comment(tx, id, ctx.now()).await?;
    let audience = audience::of(tx, &task).await?;
    tx.emit(events::comment_restored(&comment, audience));
    Ok(comment)
}

fn check_version(comment: &Comment, version: i32) -> Result<(), Fault> {
    if comment.version == version {
        return Ok(());
    }
    let view = serde_json::to_value(CommentView::of(comment)).expect("a view is plain JSON");
    Err(Fault::new(&STALE).current(view))
}

async fn find(db: &mut impl Queries, task: TaskId, id: CommentId) -> Result<Comment, Fault> {
    repo::find_comment(db, task, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))
}

/// A comment of a task that the caller sees.
///
/// # Errors
/// 404 where the caller may not know of the task, or it has no such comment.
pub async fn get(
    db: &mut impl Queries,
    ctx: &Ctx,
    task: TaskId,
    id: CommentId,
) -> Result<Comment, Fault> {
    service::get(db, ctx, task).await?;
    find(db, task, id).await
}

/// The comments of a task that the caller sees, newest first.
///
/// # Errors
/// 404 where the caller may not know of the task.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: TaskId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Comment>, Fault> {
    service::get(db, ctx, id).await?;
    let question = format!("comments of {id}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list_comments(db, id, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |comment| (comment.created_at, comment.id.0)))
}
