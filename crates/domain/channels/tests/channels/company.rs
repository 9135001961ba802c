//! A company in a database of its own.

use sayso_access::{Actor, Role};
use sayso_channels::category::{self, Category, CategoryDraft, CategoryEdit, CategoryKind};
use sayso_channels::model::{ChannelKind, Draft};
use sayso_channels::{CategoryId, Channel};
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

    pub async fn end(self) {
        judge::assert_settled(self.database.db()).await;
        self.node.stop().await;
    }
}
