//! A company in a database of its own.

use sayso_access::{Actor, Role};
use sayso_channels::category::{self, Category, CategoryDraft, CategoryEdit, CategoryKind};
use sayso_channels::model::{ChannelKind, Draft};
use sayso_channels::{CategoryId, Channel, ChannelId};
use sayso_kernel::Fault;
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
        Self { database, stage: TestCtx::new(), node }
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

    pub async fn category(
        &self,
        actor: &Actor,
        name: &str,
        kind: CategoryKind,
        parent: Option<&Category>,
    ) -> Result<Category, Fault> {
        let draft = CategoryDraft {
            name: name.to_owned(),
            color: Some("#2f6fed".to_owned()),
            parent_id: parent.map(|parent| parent.id),
            kind,
            metadata: json!({}),
        };
        let ctx = self.stage.as_actor(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| category::create_in(tx, ctx, &draft).await);
        work.await
    }

    pub async fn edit(
        &self,
        actor: &Actor,
        category: &Category,
        edit: CategoryEdit,
    ) -> Result<Category, Fault> {
        let (ctx, id, version) = (self.stage.as_actor(actor), category.id, category.version);
        let work = self.database.db().transaction(&ctx, async move |tx, ctx| {
            category::update_in(tx, ctx, id, version, edit.clone()).await
        });
        work.await
    }

    pub async fn delete(&self, actor: &Actor, id: CategoryId) -> Result<(), Fault> {
        let ctx = self.stage.as_actor(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| category::delete_in(tx, ctx, id).await);
        work.await
    }

    pub async fn restore(&self, actor: &Actor, id: CategoryId) -> Result<Category, Fault> {
        let ctx = self.stage.as_actor(actor);
        let work = self
            .database
            .db()
            .transaction(&ctx, async move |tx, ctx| category::restore_in(tx, ctx, id).await);
        work.await
    }

    pub async fn channel(
        &self,
        actor: &Actor,
        name: &str,
        category_id: Option<CategoryId>,
    ) -> Result<Channel, Fault> {
        let draft = Draft {
            name: Some(name.to_owned()),
            description: String::new(),
            kind: ChannelKind::Public,
            category_id,
            members: Vec::new(),
            metadata: json!({}),
        };
        let ctx = self.stage.as_actor(actor);
        let work = self.database.db().transaction(&ctx, async move |tx, ctx| {
            sayso_channels::service::create_in(tx, ctx, &draft).await
        });
        Ok(work.await?.channel)
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

    /// The types and streams of the events about channels since `from`, in
    /// order.
    pub async fn heard_of_channels(&self, from: usize) -> Vec<(String, Vec<String>)> {
        let heard = self.heard().await.into_iter();
        heard.filter(|(kind, _)| kind.starts_with("channel.")).skip(from).collect()
    }

    /// The details of the newest audit entry of a kind.
    pub async fn audited(&self, action: &str) -> serde_json::Value {
        judge::assert_settled(self.database.db()).await;
        let client = self.database.app().await;
        let row = client
            .query_one(
                "SELECT entry FROM audit_log WHERE action = $1 ORDER BY seq DESC LIMIT 1",
                &[&action],
            )
            .await
            .expect("it is audited");
        let entry: serde_json::Value = serde_json::from_str(row.get(0)).expect("JSON");
        entry["details"].clone()
    }

    /// Whether somebody follows a channel, after everything that happened.
    pub async fn follows(&self, actor: &Actor, channel: &str) -> bool {
        judge::assert_settled(self.database.db()).await;
        let stream = channel.replace("channels/", "channel:");
        let client = self.database.app().await;
        let rows = client
            .query(
                "SELECT 1 FROM follows WHERE user_id = $1 AND stream = $2",
                &[&actor.user_id, &stream],
            )
            .await
            .expect("it can be read");
        !rows.is_empty()
    }

    /// A message, as it stands in the table, a second after the one before.
    pub async fn message(&self, sender: &Actor, channel: &str, mentions: &[&Actor]) -> String {
        self.stage.advance(std::time::Duration::from_secs(1));
        let ctx = self.stage.as_actor(sender);
        let channel: ChannelId = channel.replace("channels/", "").parse().expect("an id");
        let (id, now) = (ctx.new_id(), ctx.now());
        let mentions: Vec<_> = mentions.iter().map(|actor| actor.user_id).collect();
        self.database
            .app()
            .await
            .execute(
                "INSERT INTO messages (id, channel_id, sender_id, content, mentions, created_at,
                                       updated_at)
                 VALUES ($1, $2, $3, 'well', $4, $5, $5)",
                &[&id, &channel, &sender.user_id, &mentions, &now],
            )
            .await
            .expect("it is sent");
        id.to_string()
    }

    pub async fn end(self) {
        judge::assert_settled(self.database.db()).await;
        self.node.stop().await;
    }
}
