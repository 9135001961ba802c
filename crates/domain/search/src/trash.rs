//! The trash: what was deleted and may be brought back by whoever asks, and
//! how it is emptied.
//!
//! It lies here because this crate stands above all that can be deleted. To
//! bring something back is the affair of its own crate.

use std::time::Duration;

use jiff::Timestamp;
use sayso_access::{Ctx, Grant, Permission};
use sayso_db::{Db, Queries, Tx};
use sayso_kernel::Fault;
use sayso_kernel::page::{self, Page};
use uuid::Uuid;

use crate::{events, repo};

/// Things of each kind that one transaction removes at the most.
pub const PURGED_AT_ONCE: i64 = 100;
/// Transactions of one round at the most; the rest waits for the next.
pub const BATCHES_MAX: u32 = 5000;

/// A kind of thing that can be brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrashKind {
    /// A task, with its comments, history and relations.
    Task,
    /// A comment on a task that is there.
    Comment,
    /// A message.
    Message,
    /// A channel, with all that stands in it.
    Channel,
    /// A category.
    Category,
    /// A person; never purged.
    User,
}

impl TrashKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Task, Self::Comment, Self::Message, Self::Channel, Self::Category, Self::User];

    /// The name used on the wire and in the statement.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Comment => "comment",
            Self::Message => "message",
            Self::Channel => "channel",
            Self::Category => "category",
            Self::User => "user",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether whoever acts may bring any of the kind back, by their role and by
    /// what they were granted or denied. Of tasks, comments, messages and channels
    /// it depends on the thing, and the query decides.
    #[must_use]
    pub fn is_open_to(self, ctx: &Ctx) -> bool {
        match self {
            Self::Task | Self::Comment | Self::Message | Self::Channel => true,
            Self::Category => ctx.granted(Permission::CategoryManage) == Grant::Yes,
            Self::User => ctx.granted(Permission::UserDelete) == Grant::Yes,
        }
    }
}

/// Something in the trash.
#[derive(Clone, Debug, PartialEq)]
pub struct Trashed {
    /// What it is.
    pub kind: TrashKind,
    /// Which one.
    pub id: Uuid,
    /// Of a comment: the task that it is about.
    pub task_id: Option<Uuid>,
    /// What it is called; of a message or a comment its beginning.
    pub title: String,
    /// Since when it is here.
    pub deleted_at: Timestamp,
    /// Until when it can be brought back; people for ever.
    pub expires_at: Option<Timestamp>,
}

/// What the caller may bring back, deleted last first.
///
/// # Errors
/// 422 for a foreign cursor.
pub async fn list(
    db: &mut impl Queries,
    ctx: &Ctx,
    kept: Duration,
    kinds: &[TrashKind],
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Trashed>, Fault> {
    let actor = ctx.require_actor()?;
    let question = format!("trash {kinds:?}");
    let after = cursor.map(|cursor| page::decode(&question, cursor)).transpose()?;
    let open = kinds.iter().copied().filter(|kind| kind.is_open_to(ctx));
    let open: Vec<&str> = open.map(TrashKind::as_str).collect();
    let since = ctx.now() - kept;
    let mut rows = repo::list_trash(db, actor, &open, since, after, limit).await?;
    for one in &mut rows {
        one.expires_at = (one.kind != TrashKind::User).then(|| one.deleted_at + kept);
    }
    Ok(Page::of(rows, limit, &question, |one| (one.deleted_at, one.id)))
}

/// What a purge removed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Tasks.
    pub tasks: i64,
    /// Comments on tasks that are still there.
    pub comments: i64,
    /// Messages.
    pub messages: i64,
    /// Channels.
    pub channels: i64,
    /// Categories that nothing names.
    pub categories: i64,
}

impl Purged {
    /// Whether nothing was removed.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, more: Self) {
        self.tasks += more.tasks;
        self.comments += more.comments;
        self.messages += more.messages;
        self.channels += more.channels;
        self.categories += more.categories;
    }
}

/// Removes for good some of what was deleted before the moment `before`, and
/// of what stood in channels deleted before it. What somebody brings back or
/// another node removes at this moment is passed over. A message whose replies
/// are still there stays, and so does a category that something names; people
/// always do.
///
/// Fact: `trash.purged` with how many, if any.
pub async fn purge_in(tx: &mut Tx, before: Timestamp) -> Result<Purged, Fault> {
    let purged = repo::purge(tx, before, PURGED_AT_ONCE).await?;
    if !purged.is_nothing() {
        tx.emit(events::purged(&purged, before));
    }
    Ok(purged)
}

/// Removes everything that was in the trash for longer than `kept`, in batches
/// of their own, and tells how much that was.
///
/// # Errors
/// 503 when the database is away; what was removed until then is.
pub async fn purge(db: &Db, ctx: &Ctx, kept: Duration) -> Result<Purged, Fault> {
    let before = ctx.now() - kept;
    let mut all = Purged::default();
    for _ in 0..BATCHES_MAX {
        let some = db.transaction(ctx, async move |tx, _| purge_in(tx, before).await).await?;
        if some.is_nothing() {
            break;
        }
        all.add(some);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use sayso_access::{Actor, Given, Givens, Role, SessionId, UserId, Via};
    use sayso_kernel::{Clock, Random};

    use super::*;

    fn somebody(role: Role, given: &[(Permission, bool)]) -> Ctx {
        let given = given.iter().map(|(permission, is_granted)| Given {
            permission: *permission,
            is_granted: *is_granted,
            expires_at: None,
        });
        let actor = Actor {
            user_id: UserId(Uuid::nil()),
            session_id: SessionId(Uuid::nil()),
            role,
            time_zone: "UTC".into(),
            givens: Givens::new(given.collect()),
        };
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        Ctx::anonymous(Via::Http, clock, Random::seeded(1)).acting_as(actor)
    }

    #[test]
    fn names_come_back_and_people_are_the_ceos_affair() {
        for kind in TrashKind::ALL {
            assert_eq!(TrashKind::parse(kind.as_str()), Some(kind));
        }
        let people =
            [Role::Ceo, Role::Manager, Role::Staff].map(|role| (role, somebody(role, &[])));
        for (kind, open_to) in [
            (TrashKind::User, [true, false, false]),
            (TrashKind::Category, [true, true, false]),
            (TrashKind::Message, [true, true, true]),
        ] {
            for ((role, ctx), open) in people.iter().zip(open_to) {
                assert_eq!(kind.is_open_to(ctx), open, "{kind:?} {role:?}");
            }
        }
    }

    #[test]
    fn what_was_granted_to_a_person_or_denied_counts() {
        let trusted = somebody(Role::Staff, &[(Permission::CategoryManage, true)]);
        let curbed = somebody(Role::Manager, &[(Permission::CategoryManage, false)]);
        let helper = somebody(Role::Staff, &[(Permission::UserDelete, true)]);

        assert!(TrashKind::Category.is_open_to(&trusted));
        assert!(!TrashKind::Category.is_open_to(&curbed));
        assert!(TrashKind::User.is_open_to(&helper) && !TrashKind::User.is_open_to(&trusted));
    }
}
