//! A company in a database of its own.

use sayso_access::{Actor, Ctx, Role, UserId};
use sayso_channels::model::{ChannelKind, Draft as ChannelDraft};
use sayso_channels::{ChannelId, MemberRole};
use sayso_kernel::{Fault, Patch};
use sayso_tasks::assignment::{self, Assignment};
use sayso_tasks::bulk::{self, Item};
use sayso_tasks::comment::{self, Comment};
use sayso_tasks::dependency::{self, DependencyChange, DependencyType};
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::{Priority, Status};
use sayso_tasks::{Task, TaskId, service, trash};
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use sayso_users::{Credential, Email, Invitation, NewUser};
use serde_json::{Value, json};

/// A company in a database of its own.
pub struct Company {
    pub database: TestDatabase,
    pub stage: TestCtx,
    node: Node,
}

impl Company {
    pub async fn new() -> Self {
        Self::seeded(1).await
    }

    pub async fn seeded(seed: u64) -> Self {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        Self { database, stage: TestCtx::seeded(seed), node }
    }

    pub async fn person(&self, name: &str, role: Role, manager: Option<&Actor>) -> Actor {
        let ctx = self.stage.system();
        let email = Email::parse(&format!("{name}@example.com")).expect("an address");
        let invited = Credential::Invited(Invitation::new(&ctx));
        let new = NewUser::new(&ctx, email, name.to_owned(), role, invited);
        let new = NewUser { manager_id: manager.map(|manager| manager.user_id), ..new };
        let user_id = new.id;
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_users::service::create_in(tx, ctx, new.clone()).await
        });
        made.await.expect("a person is made");
        Actor { user_id, ..self.stage.actor(role) }
    }

    pub async fn channel(&self, owner: &Actor, kind: ChannelKind, members: &[&Actor]) -> ChannelId {
        let ctx = self.stage.as_actor(owner);
        let draft = ChannelDraft {
            name: Some(ctx.new_id().to_string()),
            description: String::new(),
            kind,
            category_id: None,
            members: members.iter().map(|m| (m.user_id, MemberRole::Member)).collect(),
            metadata: json!({}),
        };
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_channels::service::create_in(tx, ctx, &draft).await
        });
        made.await.expect("a channel is made").channel.id
    }

    pub async fn create(&self, actor: &Actor, draft: Draft) -> Result<Task, Fault> {
        let ctx = self.stage.as_actor(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| service::create_in(tx, ctx, &draft).await);
        work.await
    }

    pub async fn get(&self, actor: &Actor, id: TaskId) -> Result<Task, Fault> {
        service::get(&mut self.database.db().read(), &self.stage.as_actor(actor), id).await
    }

    pub async fn update(
        &self,
        actor: &Actor,
        id: TaskId,
        version: i32,
        edit: Edit,
    ) -> Result<Task, Fault> {
        update(self.database.db(), &self.stage.as_actor(actor), id, version, edit).await
    }

    pub async fn assign(
        &self,
        actor: &Actor,
        id: TaskId,
        assign: &[&Actor],
        unassign: &[&Actor],
    ) -> Result<Task, Fault> {
        let ids = |people: &[&Actor]| people.iter().map(|p| p.user_id).collect::<Vec<UserId>>();
        let change = Assignment { assign: ids(assign), unassign: ids(unassign) };
        let ctx = self.stage.as_actor(actor);
        let work = self.database.db().transaction(&ctx, async move |tx, ctx| {
            assignment::assign_in(tx, ctx, id, &change).await
        });
        work.await
    }

    pub async fn made(&self, actor: &Actor, title: &str) -> Task {
        self.create(actor, titled(title)).await.expect("a task is made")
    }

    pub async fn relate(
        &self,
        actor: &Actor,
        id: TaskId,
        change: DependencyChange,
    ) -> Result<Task, Fault> {
        relate(self.database.db(), &self.stage.as_actor(actor), id, change).await
    }

    /// Has `id` wait for `others`.
    pub async fn block(&self, actor: &Actor, id: TaskId, others: &[TaskId]) -> Result<Task, Fault> {
        self.relate(actor, id, blocked_by(others)).await
    }

    pub async fn comment(&self, actor: &Actor, id: TaskId, text: &str) -> Result<Comment, Fault> {
        let (ctx, text) = (self.stage.as_actor(actor), text.to_owned());
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| comment::add_in(tx, ctx, id, &text).await);
        work.await
    }

    pub async fn recomment(
        &self,
        actor: &Actor,
        comment: &Comment,
        version: i32,
        text: &str,
    ) -> Result<Comment, Fault> {
        let (ctx, text) = (self.stage.as_actor(actor), text.to_owned());
        let ids = (comment.task_id, comment.id);
        let work = self.database.db().transaction(&ctx, async move |tx, ctx| {
            comment::edit_in(tx, ctx, ids, version, Some(&text)).await
        });
        work.await
    }

    pub async fn restore_comment(
        &self,
        actor: &Actor,
        comment: &Comment,
    ) -> Result<Comment, Fault> {
        let ctx = self.stage.as_actor(actor);
        let ids = (comment.task_id, comment.id);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| comment::restore_in(tx, ctx, ids).await);
        work.await
    }

    pub async fn uncomment(&self, actor: &Actor, comment: &Comment) -> Result<(), Fault> {
        let ctx = self.stage.as_actor(actor);
        let ids = (comment.task_id, comment.id);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| comment::delete_in(tx, ctx, ids, None).await);
        work.await
    }

    pub async fn delete(&self, actor: &Actor, id: TaskId) -> Result<(), Fault> {
        delete(self.database.db(), &self.stage.as_actor(actor), id).await
    }

    pub async fn restore(&self, actor: &Actor, id: TaskId) -> Result<Task, Fault> {
        let ctx = self.stage.as_actor(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| trash::restore_in(tx, ctx, id).await);
        work.await
    }

    pub async fn bulk(&self, actor: &Actor, items: Vec<Item>) -> Result<Vec<Task>, Fault> {
        bulk(self.database.db(), &self.stage.as_actor(actor), items).await
    }

    /// All events in the log, in order.
    pub async fn events(&self) -> Vec<Heard> {
        judge::settle(self.database.db()).await;
        let sql = "SELECT type, streams, data::text, change::text FROM event_log
                   WHERE cardinality(streams) > 0 ORDER BY position";
        let rows = self.database.app().await.query(sql, &[]).await.expect("the log can be read");
        let json = |text: Option<String>| {
            text.map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"))
        };
        rows.iter()
            .map(|row| Heard {
                kind: row.get(0),
                streams: row.get(1),
                data: json(row.get(2)),
                change: json(row.get(3)),
            })
            .collect()
    }

    /// Rows in which the invariants of relations do not hold, in words.
    pub async fn wrong_relations(&self) -> Vec<String> {
        let rows = self.database.app().await.query(WRONG, &[]).await.expect("readable");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The types and streams of all events in the log, in order.
    pub async fn heard(&self) -> Vec<(String, Vec<String>)> {
        judge::assert_settled(self.database.db()).await;
        let rows = self
            .database
            .app()
            .await
            .query(
                "SELECT type, streams FROM event_log
                 WHERE cardinality(streams) > 0 ORDER BY position",
                &[],
            )
            .await
            .expect("the log can be read");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub async fn end(self) {
        judge::assert_settled(self.database.db()).await;
        self.node.stop().await;
    }
}

/// An event as the log has it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub kind: String,
    pub streams: Vec<String>,
    pub data: Value,
    pub change: Value,
}

pub async fn bulk(db: &sayso_db::Db, ctx: &Ctx, items: Vec<Item>) -> Result<Vec<Task>, Fault> {
    let work = db.transaction(ctx, async move |tx, ctx| bulk::update_in(tx, ctx, &items).await);
    work.await
}

pub fn item(id: TaskId, version: i32, edit: Edit) -> Item {
    Item { id, version, edit }
}

pub fn moved_to(channel: Option<ChannelId>) -> Edit {
    let channel_id = channel.map_or(Patch::Clear, Patch::Set);
    Edit { channel_id, ..Edit::default() }
}

pub async fn update(
    db: &sayso_db::Db,
    ctx: &Ctx,
    id: TaskId,
    version: i32,
    edit: Edit,
) -> Result<Task, Fault> {
    let work = db.transaction(ctx, async move |tx, ctx| {
        service::update_in(tx, ctx, id, version, edit.clone()).await
    });
    work.await
}

pub fn titled(title: &str) -> Draft {
    Draft {
        title: title.to_owned(),
        description: String::new(),
        channel_id: None,
        category_id: None,
        priority: Priority::Medium,
        assigned_to: Vec::new(),
        tags: Vec::new(),
        due: None,
        metadata: json!({}),
    }
}

pub fn to(status: Status) -> Edit {
    Edit { status: Some(status), ..Edit::default() }
}

pub fn blocked_by(others: &[TaskId]) -> DependencyChange {
    let add = others.iter().map(|id| (*id, DependencyType::Blocks)).collect();
    DependencyChange { add, remove: Vec::new() }
}

pub async fn relate(
    db: &sayso_db::Db,
    ctx: &Ctx,
    id: TaskId,
    change: DependencyChange,
) -> Result<Task, Fault> {
    let work =
        db.transaction(ctx, async move |tx, ctx| dependency::change_in(tx, ctx, id, &change).await);
    work.await
}

pub async fn delete(db: &sayso_db::Db, ctx: &Ctx, id: TaskId) -> Result<(), Fault> {
    let work = db.transaction(ctx, async move |tx, ctx| trash::delete_in(tx, ctx, id, None).await);
    work.await
}

/// A live relation joins live tasks, `blocked` is what the blockers say, and no
/// task waits for itself.
const WRONG: &str = "
    SELECT format('relation %s of a deleted task', d.id) FROM task_dependencies d
    WHERE d.deleted_at IS NULL AND EXISTS (
        SELECT 1 FROM tasks t WHERE t.id IN (d.task_id, d.depends_on_id) AND t.deleted_at IS NOT NULL)
    UNION ALL
    SELECT format('relation %s of two live tasks is hidden', d.id) FROM task_dependencies d
    WHERE d.deleted_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM tasks t WHERE t.id IN (d.task_id, d.depends_on_id) AND t.deleted_at IS NOT NULL)
    UNION ALL
    SELECT format('task %s says blocked %s', t.title, t.blocked) FROM tasks t
    WHERE t.deleted_at IS NULL AND t.blocked <> (
        t.status NOT IN ('done', 'cancelled') AND EXISTS (
            SELECT 1 FROM task_dependencies d JOIN tasks b ON b.id = d.depends_on_id
            WHERE d.task_id = t.id AND d.type = 'blocks' AND d.deleted_at IS NULL
              AND b.deleted_at IS NULL AND b.status NOT IN ('done', 'cancelled')))
    UNION ALL
    SELECT format('task %s waits for itself', start) FROM (
        WITH RECURSIVE way AS (
            SELECT task_id AS start, depends_on_id AS at FROM task_dependencies
            WHERE type = 'blocks' AND deleted_at IS NULL
            UNION
            SELECT way.start, d.depends_on_id FROM way JOIN task_dependencies d
                ON d.task_id = way.at AND d.type = 'blocks' AND d.deleted_at IS NULL
        ) SELECT start FROM way WHERE at = start) circles";
