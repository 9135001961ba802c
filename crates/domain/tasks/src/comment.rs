//! What people say about a task.

use jiff::Timestamp;
use sayso_access::{Ctx, UserId};
use sayso_db::{Queries, Tx};
use sayso_kernel::page::{self, Page};
use sayso_kernel::{Fault, define_id};

use crate::model::TaskId;
use crate::{events, policy, repo, service};

define_id! {
    /// A comment's id.
    CommentId
}

/// A comment.
#[derive(Clone, Debug)]
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
    policy::comment(actor.role, &sight).require()?;
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
    let audience = service::audience(tx, &task).await?;
    tx.emit(events::commented(&comment, audience));
    Ok(comment)
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
