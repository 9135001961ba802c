//! People of a test that calls the services themselves.

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_db::Db;
use sayso_tasks::model::Draft;
use sayso_tasks::status::Priority;
use sayso_testkit::TestCtx;
use sayso_users::{Credential, Email, Invitation, NewUser};
use serde_json::json;

/// A CEO and two of the staff.
#[derive(Clone)]
pub struct Cast {
    pub stage: TestCtx,
    pub ceo: Actor,
    pub staff: [Actor; 2],
}

impl Cast {
    pub async fn hire(db: &Db, stage: TestCtx) -> Self {
        let ceo = person(db, &stage, "cleo", Role::Ceo).await;
        let ann = person(db, &stage, "ann", Role::Staff).await;
        let bob = person(db, &stage, "bob", Role::Staff).await;
        Self { stage, ceo, staff: [ann, bob] }
    }
}

async fn person(db: &Db, stage: &TestCtx, name: &str, role: Role) -> Actor {
    let ctx = stage.system();
    let email = Email::parse(&format!("{name}@example.com")).expect("an address");
    let invited = Credential::Invited(Invitation::new(&ctx));
    let new = NewUser::new(&ctx, email, name.to_owned(), role, invited);
    let user_id = new.id;
    let made = db.transaction(&ctx, async move |tx, ctx| {
        sayso_users::service::create_in(tx, ctx, new.clone()).await
    });
    made.await.expect("a person is made");
    Actor { user_id, ..stage.actor(role) }
}

pub fn task_of(channel_id: Option<ChannelId>) -> Draft {
    Draft {
        title: "Plan the fair".to_owned(),
        description: String::new(),
        channel_id,
        category_id: None,
        priority: Priority::Medium,
        assigned_to: Vec::new(),
        tags: Vec::new(),
        due: None,
        metadata: json!({}),
    }
}
