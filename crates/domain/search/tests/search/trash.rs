//! The trash on a real database: who finds what in it, and what is removed
//! from it for good.

use std::time::Duration;

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::category::{self, CategoryDraft, CategoryId, CategoryKind};
use sayso_channels::model::ChannelKind;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND};
use sayso_kernel::{Code, Fault, Kind as FaultKind};
use sayso_messages::MessageId;
use sayso_search::trash::{self, Purged, TrashKind, Trashed};
use sayso_tasks::TaskId;
use sayso_tasks::model::Draft;
use sayso_tasks::status::Priority;
use serde_json::json;
use uuid::Uuid;

use crate::Company;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Ends a transaction that succeeded as if it had not.
const UNDONE: Code = Code::new("test.undone", FaultKind::Conflict, "It would have worked");

impl Company {
    async fn work(&self, actor: &Actor, title: &str, channel: Option<ChannelId>) -> TaskId {
        let draft = Draft {
            title: title.to_owned(),
            description: String::new(),
            channel_id: channel,
            category_id: None,
            priority: Priority::Medium,
            assigned_to: Vec::new(),
            tags: Vec::new(),
            due: None,
            metadata: json!({}),
        };
        let ctx = self.stage.as_actor(actor);
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_tasks::service::create_in(tx, ctx, &draft).await
        });
        made.await.expect("a task is made").id
    }

    async fn category(&self, actor: &Actor, name: &str) -> CategoryId {
        let draft = CategoryDraft {
            name: name.to_owned(),
            color: None,
            parent_id: None,
            kind: CategoryKind::Task,
            metadata: json!({}),
        };
        let ctx = self.stage.as_actor(actor);
        let made = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| category::create_in(tx, ctx, &draft).await);
        made.await.expect("a category is made").id
    }

    /// Puts something into the trash, past its service, a second later.
    async fn trash(&self, table: &str, id: Uuid) {
        self.stage.advance(Duration::from_secs(1));
        let sql = format!("UPDATE {table} SET deleted_at = $2 WHERE id = $1");
        let now = self.stage.system().now();
        let done = self.database.owner().await.execute(&sql, &[&id, &now]).await;
        assert_eq!(done.expect("written"), 1);
    }

    async fn newest_message(&self) -> Uuid {
        let sql = "SELECT id FROM messages ORDER BY created_at DESC, id DESC LIMIT 1";
        self.database.owner().await.query_one(sql, &[]).await.expect("read").get(0)
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.database.owner().await.query_one(&sql, &[]).await.expect("read").get(0)
    }

    /// All pages of what somebody finds in the trash, each of two.
    async fn found(&self, actor: &Actor, kinds: &[TrashKind]) -> Vec<Trashed> {
        let (ctx, mut db) = (self.stage.as_actor(actor), self.database.db().read());
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = trash::list(&mut db, &ctx, KEPT, kinds, cursor.as_deref(), 2).await;
            let page = page.expect("a page");
            assert!(page.items.len() <= 2);
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// Whether bringing it back would work, which is then undone.
    async fn may_restore(&self, actor: &Actor, kind: TrashKind, id: Uuid) -> bool {
        let ctx = self.stage.as_actor(actor);
        let tried: Result<(), Fault> = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| {
                match kind {
                    TrashKind::Task => {
                        sayso_tasks::trash::restore_in(tx, ctx, TaskId(id)).await?;
                    }
                    TrashKind::Message => {
                        sayso_messages::trash::restore_in(tx, ctx, MessageId(id)).await?;
                    }
                    TrashKind::Category => {
                        category::restore_in(tx, ctx, CategoryId(id)).await?;
                    }
                    TrashKind::Comment | TrashKind::Channel | TrashKind::User => {
                        unreachable!("not tried here")
                    }
                }
                Err(Fault::new(&UNDONE))
            })
            .await;
        let fault = tried.expect_err("everything is undone");
        assert!([&UNDONE, &FORBIDDEN, &NOT_FOUND].iter().any(|code| fault.is(code)), "{fault}");
        fault.is(&UNDONE)
    }
}

#[tokio::test]
async fn everybody_finds_in_the_trash_what_they_may_restore_and_nothing_else() {
    let company = Company::new().await;
    let ceo = company.person("Cleo", Role::Ceo).await;
    let ann = company.person("Ann", Role::Manager).await;
    let bob = company.person("Bob", Role::Staff).await;
    let eve = company.person("Eve", Role::Staff).await;
    let open = company.channel(&ann, "open", ChannelKind::Public).await;
    let closed = company.channel(&ann, "closed", ChannelKind::Private).await;
    let gone = company.channel(&ann, "gone", ChannelKind::Public).await;
    let client = company.database.owner().await;
    for channel in [open, closed, gone] {
        let sql = "INSERT INTO channel_members (channel_id, user_id, role, joined_at)
                   VALUES ($1, $2, 'member', now())";
        client.execute(sql, &[&channel, &bob.user_id]).await.expect("written");
    }
    client
        .execute("UPDATE users SET manager_id = $1 WHERE id = $2", &[&ann.user_id, &eve.user_id])
        .await
        .expect("written");
    let mut trashed = Vec::new();
    for (actor, title, channel) in [
        (&eve, "of eve", None),
        (&bob, "of bob", None),
        (&bob, "in the open", Some(open)),
        (&bob, "in the dark", Some(closed)),
        (&bob, "in what is gone", Some(gone)),
    ] {
        let id = company.work(actor, title, channel).await.0;
        company.trash("tasks", id).await;
        trashed.push((TrashKind::Task, id));
    }
    for (actor, channel) in [(&bob, open), (&ann, closed), (&bob, gone)] {
        company.say(actor, channel, "some words").await;
        let id = company.newest_message().await;
        company.trash("messages", id).await;
        trashed.push((TrashKind::Message, id));
    }
    let category = company.category(&ann, "fair").await.0;
    company.trash("categories", category).await;
    trashed.push((TrashKind::Category, category));
    company.trash("channels", gone.0).await;
    company.trash("users", eve.user_id.0).await;

    for person in [&ceo, &ann, &bob, &eve] {
        let found = company.found(person, &TrashKind::ALL).await;
        assert!(found.windows(2).all(|pair| pair[0].deleted_at > pair[1].deleted_at));
        for (kind, id) in &trashed {
            let is_found = found.iter().any(|one| one.kind == *kind && one.id == *id);
            let may = company.may_restore(person, *kind, *id).await;
            assert_eq!(is_found, may, "{kind:?} {id} for {}", person.user_id);
        }
        let finds = |kind| found.iter().any(|one| one.kind == kind);
        assert_eq!(finds(TrashKind::User), person.role == Role::Ceo);
        assert_eq!(finds(TrashKind::Channel), [&ceo, &ann].contains(&person));
    }
    let found = company.found(&ceo, &[TrashKind::User, TrashKind::Channel]).await;
    assert_eq!(found.iter().map(|one| &*one.title).collect::<Vec<_>>(), ["Eve", "gone"]);
    assert_eq!(found[0].expires_at, None);
    assert_eq!(found[1].expires_at, Some(found[1].deleted_at + KEPT));
    company.stage.advance(KEPT + DAY);
    let late = company.found(&ceo, &TrashKind::ALL).await;
    assert_eq!(late.iter().map(|one| one.kind).collect::<Vec<_>>(), [TrashKind::User]);
}

#[tokio::test]
async fn what_was_in_the_trash_for_too_long_is_removed_for_good_but_people_are_not() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let bob = company.person("Bob", Role::Staff).await;
    let (stays, goes) = (
        company.channel(&ann, "stays", ChannelKind::Public).await,
        company.channel(&ann, "goes", ChannelKind::Public).await,
    );
    let (old, named) = (company.category(&ann, "old").await, company.category(&ann, "named").await);
    for channel in [stays, goes] {
        for text in ["root", "reply", "other"] {
            company.say(&ann, channel, text).await;
        }
        company.work(&ann, "work", Some(channel)).await;
    }
    let client = company.database.owner().await;
    client
        .batch_execute(
            "UPDATE messages r SET thread_id = m.id FROM messages m
             WHERE m.channel_id = r.channel_id AND m.content = 'root' AND r.content = 'reply'",
        )
        .await
        .expect("written");
    let of = async |text: &str, channel: ChannelId| -> Uuid {
        let sql = "SELECT id FROM messages WHERE content = $1 AND channel_id = $2";
        client.query_one(sql, &[&text, &channel]).await.expect("one").get(0)
    };
    let (first, last) =
        (company.work(&ann, "first", None).await, company.work(&ann, "last", None).await);
    client
        .execute("UPDATE tasks SET category_id = $1 WHERE id = $2", &[&named, &last])
        .await
        .expect("written");
    company.trash("messages", of("root", stays).await).await;
    company.trash("messages", of("other", stays).await).await;
    company.trash("tasks", first.0).await;
    company.trash("channels", goes.0).await;
    company.trash("categories", old.0).await;
    company.trash("categories", named.0).await;
    company.trash("users", bob.user_id.0).await;
    company.stage.advance(KEPT - DAY);
    company.trash("messages", of("reply", stays).await).await;

    let ctx = company.stage.system();
    let early = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");
    company.stage.advance(DAY + DAY);
    let first = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");
    let again = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");
    company.stage.advance(KEPT);
    let rest = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");

    assert_eq!((early, again), (Purged::default(), Purged::default()));
    // The root stays as long as its reply; all of the channel goes with it.
    let expected = Purged { tasks: 2, comments: 0, messages: 4, channels: 1, categories: 1 };
    assert_eq!(first, expected);
    assert_eq!(rest, Purged { messages: 2, ..Purged::default() });
    assert_eq!((company.count("channels").await, company.count("messages").await), (1, 0));
    assert_eq!((company.count("tasks").await, company.count("categories").await), (2, 1));
    assert_eq!(company.count("users").await, 2);
    let sql = "SELECT sum((audit->'details'->>'messages')::int) FROM outbox
               WHERE type = 'trash.purged' AND cardinality(streams) = 0";
    let told: i64 = client.query_one(sql, &[]).await.expect("read").get(0);
    assert_eq!(told, 6);
}

#[tokio::test]
async fn what_somebody_brings_back_at_this_moment_is_passed_over() {
    let company = Company::new().await;
    let ann = company.person("Ann", Role::Manager).await;
    let (held, free) =
        (company.work(&ann, "held", None).await, company.work(&ann, "free", None).await);
    for id in [held, free] {
        company.trash("tasks", id.0).await;
    }
    company.stage.advance(KEPT + DAY);
    let client = company.database.owner().await;
    let lock = format!("BEGIN; SELECT 1 FROM tasks WHERE id = '{held}' FOR UPDATE");
    client.batch_execute(&lock).await.expect("locked");

    let ctx = company.stage.system();
    let first = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");
    client.batch_execute("ROLLBACK").await.expect("given up");
    let second = trash::purge(company.database.db(), &ctx, KEPT).await.expect("purged");

    assert_eq!((first.tasks, second.tasks), (1, 1));
}
