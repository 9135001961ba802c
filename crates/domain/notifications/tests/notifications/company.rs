//! A company in a database of its own, and a worker that follows its log.

use sayso_access::{Actor, Ctx, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::{ChannelKind, Draft, MemberRole};
use sayso_kernel::Fault;
use sayso_messages::Message;
use sayso_notifications::model::{Filter, Notification, Preferences, Which};
use sayso_notifications::preferences::{self, PreferencesEdit};
use sayso_notifications::service;
use sayso_notifications::worker::Worker;
use sayso_tasks::status::Priority;
use sayso_tasks::{TaskId, due};
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use sayso_users::{Credential, Email, Invitation, NewUser};
use serde_json::json;

pub struct Company {
    pub database: TestDatabase,
    pub stage: TestCtx,
    node: Node,
}

impl Company {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        node.hub.wait_for(0).await;
        let company = Self { database, stage: TestCtx::new(), node };
        company.worker().enrol().await.expect("the database is there");
        company
    }

    pub fn worker(&self) -> Worker {
        let (clock, random) = (self.stage.clock.clone(), self.stage.random.clone());
        Worker::new(self.database.db(), self.node.hub.clone(), clock, random)
    }

    pub fn ctx(&self, actor: &Actor) -> Ctx {
        self.stage.as_actor(actor)
    }

    /// Waits until everything is numbered, and makes all notifications.
    pub async fn work(&self) {
        self.settle().await;
        self.work_with(&self.worker()).await.expect("the database is there");
        self.settle().await;
    }

    pub async fn work_with(&self, worker: &Worker) -> Result<(), Fault> {
        while worker.step().await? {}
        Ok(())
    }

    pub async fn tell_due(&self) {
        while self.worker().tell_due().await.expect("the database is there") {}
    }

    pub async fn settle(&self) {
        judge::settle(self.database.db()).await;
    }

    pub async fn person(&self, name: &str, role: Role) -> Actor {
        let ctx = self.stage.system();
        let email = Email::parse(&format!("{name}@example.com")).expect("an address");
        let invited = Credential::Invited(Invitation::new(&ctx));
        let new = NewUser::new(&ctx, email, name.to_owned(), role, invited);
        let user_id = new.id;
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_users::service::create_in(tx, ctx, new.clone()).await
        });
        made.await.expect("a person is made");
        Actor { user_id, ..self.stage.actor(role) }
    }

    pub async fn channel(&self, by: &Actor, name: &str, with: &[&Actor]) -> ChannelId {
        let draft = Draft {
            name: Some(name.to_owned()),
            description: String::new(),
            kind: ChannelKind::Private,
            category_id: None,
            members: with.iter().map(|actor| (actor.user_id, MemberRole::Member)).collect(),
            metadata: json!({}),
        };
        let ctx = self.ctx(by);
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_channels::service::create_in(tx, ctx, &draft).await
        });
        made.await.expect("a channel is made").channel.id
    }

    pub async fn say(&self, by: &Actor, channel: ChannelId, content: &str) -> Message {
        let body = json!({ "content": content });
        let body: sayso_messages::view::SendMessage =
            serde_json::from_value(body).expect("a message");
        let draft = sayso_messages::model::Draft::from(body);
        let ctx = self.ctx(by);
        let sent = sayso_messages::service::send(self.database.db(), &ctx, channel, &draft);
        sent.await.expect("it is said")
    }

    pub async fn task(
        &self,
        by: &Actor,
        title: &str,
        to: &[&Actor],
        due_date: Option<&str>,
    ) -> TaskId {
        let draft = sayso_tasks::model::Draft {
            title: title.to_owned(),
            description: String::new(),
            channel_id: None,
            category_id: None,
            priority: Priority::Medium,
            assigned_to: to.iter().map(|actor| actor.user_id).collect(),
            tags: Vec::new(),
            due: due_date.map(|date| due::parse(date, "UTC").expect("a date")),
            metadata: json!({}),
        };
        let ctx = self.ctx(by);
        let made = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_tasks::service::create_in(tx, ctx, &draft).await
        });
        made.await.expect("a task is made").id
    }

    pub async fn comment(&self, by: &Actor, task: TaskId, content: &str) {
        let content = content.to_owned();
        let ctx = self.ctx(by);
        let said = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_tasks::comment::add_in(tx, ctx, task, &content).await
        });
        said.await.expect("it is said");
    }

    pub async fn told(&self, actor: &Actor) -> Vec<Notification> {
        let mut db = self.database.db().read();
        let page = service::list(&mut db, &self.ctx(actor), &Filter::default(), None, 100).await;
        page.expect("they can be read").items
    }

    pub async fn read(&self, actor: &Actor, which: Which) -> Result<i64, Fault> {
        let ctx = self.ctx(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| service::read_in(tx, ctx, &which).await);
        work.await
    }

    pub async fn prefer(
        &self,
        actor: &Actor,
        version: i32,
        edit: PreferencesEdit,
    ) -> Result<Preferences, Fault> {
        let ctx = self.ctx(actor);
        let work = self.database.db().transaction(&ctx, async move |tx, ctx| {
            preferences::update_in(tx, ctx, version, edit.clone()).await
        });
        work.await
    }

    /// How many events of a type lie on a person's stream.
    pub async fn heard(&self, actor: &Actor, kind: &str) -> i64 {
        let client = self.database.app().await;
        let sql = "SELECT count(*) FROM event_log WHERE type = $1 AND $2 = ANY(streams)";
        let stream = format!("user:{}", actor.user_id);
        let row = client.query_one(sql, &[&kind, &stream]).await.expect("the log can be read");
        row.get(0)
    }

    pub async fn end(self) {
        judge::assert_settled(self.database.db()).await;
        self.node.stop().await;
    }
}
