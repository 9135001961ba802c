//! What one can do with one's notifications. Every door calls these functions.

use sayso_access::Ctx;
use sayso_db::{Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::page::{self, Page};

use crate::model::{ChannelUnread, Filter, Group, Notification, NotificationId, Topic, Which};
use crate::{events, policy, repo};

/// One of the caller's notifications.
///
/// # Errors
/// 404 where it is another's.
pub async fn get(
    db: &mut impl Queries,
    ctx: &Ctx,
    id: NotificationId,
) -> Result<Notification, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let found = repo::lookup(db, id).await?.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::own(reader, found.user_id).require()?;
    Ok(found)
}

/// The caller's notifications, newest first.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &Filter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Notification>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("notifications {filter:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::list(db, reader, filter, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |it| (it.created_at, it.id.0)))
}

/// The newest 2,000 of the caller's notifications, those about the same thing
/// as one.
pub async fn groups(
    db: &mut impl Queries,
    ctx: &Ctx,
    filter: &Filter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Group>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let question = format!("groups of notifications {filter:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let rows = repo::groups(db, reader, filter, after, limit).await?;
    Ok(Page::of(rows, limit, &question, |it| (it.latest.created_at, it.latest.id.0)))
}

/// How many of the caller's notifications are unread, by topic.
pub async fn count(db: &mut impl Queries, ctx: &Ctx) -> Result<Vec<(Topic, i64)>, Fault> {
    Ok(repo::count_unread(db, ctx.require_actor()?.user_id).await?)
}

/// Marks notifications of the caller as read, and answers how many are unread
/// then. What is read already, and what is another's, is passed over.
///
/// Event: `notification.read` on the caller's own stream, so that other devices
/// know; none where nothing was unread.
pub async fn read_in(tx: &mut Tx, ctx: &Ctx, which: &Which) -> Result<i64, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let ids = match which {
        Which::All => None,
        Which::These(ids) => Some(ids.as_slice()),
    };
    let now = ctx.now();
    let marked = repo::mark_read(tx, reader, ids, now).await?;
    let unread = repo::count_unread(tx, reader).await?.iter().map(|(_, count)| count).sum();
    if !marked.is_empty() {
        tx.emit(events::read(reader, ids.map(|_| marked.as_slice()), (now, unread)));
    }
    Ok(unread)
}

/// Marks one as read, and answers it.
///
/// Event: as [`read_in`].
///
/// # Errors
/// 404 where it is another's.
pub async fn read_one_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: NotificationId,
) -> Result<Notification, Fault> {
    get(tx, ctx, id).await?;
    read_in(tx, ctx, &Which::These(vec![id])).await?;
    get(tx, ctx, id).await
}

/// What is unread for the caller: channel by channel, and notifications.
pub async fn unread(db: &mut impl Queries, ctx: &Ctx) -> Result<(Vec<ChannelUnread>, i64), Fault> {
    let reader = ctx.require_actor()?.user_id;
    let channels = repo::unread_channels(db, reader, ctx.now()).await?;
    let notifications = repo::count_unread(db, reader).await?.iter().map(|(_, count)| count).sum();
    Ok((channels, notifications))
}
