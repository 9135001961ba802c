//! Writes of several domains are one commit, as a command of many steps needs
//! it: all of them and their facts in order, or nothing at all.

use sayso_access::{Ctx, UserId};
use sayso_channels::model::{ChannelKind, Draft, MemberChange};
use sayso_channels::{ChannelId, MemberRole};
use sayso_db::{Db, Tx};
use sayso_kernel::Fault;
use sayso_tasks::assignment::{Assignment, assign_in};
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use serde_json::json;
use uuid::Uuid;

use crate::cast::{Cast, task_of};

/// A channel, a member, a message, a task, and who is to do it.
async fn five_writes(
    tx: &mut Tx,
    ctx: &Ctx,
    member: UserId,
    assignee: UserId,
) -> Result<ChannelId, Fault> {
    let channel = Draft {
        name: Some("fair".to_owned()),
        description: String::new(),
        kind: ChannelKind::Private,
        category_id: None,
        members: Vec::new(),
        metadata: json!({}),
    };
    let channel = sayso_channels::service::create_in(tx, ctx, &channel).await?.channel.id;
    let change = MemberChange { add: vec![(member, MemberRole::Member)], remove: Vec::new() };
    sayso_channels::service::change_members_in(tx, ctx, channel, &change).await?;
    let message = sayso_messages::model::Draft {
        content: "Who takes the fair?".to_owned(),
        thread_id: None,
        client_id: None,
        mentions: Vec::new(),
        metadata: json!({}),
    };
    sayso_messages::service::send_in(tx, ctx, channel, &message).await?;
    let task = sayso_tasks::service::create_in(tx, ctx, &task_of(Some(channel))).await?;
    let change = Assignment { assign: vec![assignee], unassign: Vec::new() };
    assign_in(tx, ctx, task.id, &change).await?;
    Ok(channel)
}

async fn run(db: &Db, ctx: &Ctx, cast: &Cast, assignee: UserId) -> Result<ChannelId, Fault> {
    let member = cast.staff[0].user_id;
    db.transaction(ctx, async move |tx, ctx| five_writes(tx, ctx, member, assignee).await).await
}

/// Rows of every table that the five writes touch, and of the log and audit.
async fn rows(database: &TestDatabase) -> [i64; 7] {
    let client = database.app().await;
    let mut counts = [0; 7];
    let tables =
        ["channels", "channel_members", "messages", "tasks", "event_log", "audit_log", "outbox"];
    for (count, table) in counts.iter_mut().zip(tables) {
        let sql = format!("SELECT count(*) FROM {table}");
        *count = client.query_one(&sql, &[]).await.unwrap().get(0);
    }
    counts
}

#[tokio::test]
async fn when_the_fifth_of_five_writes_fails_nothing_has_happened() {
    let database = TestDatabase::new().await;
    let node = Node::start(database.db());
    let cast = Cast::hire(database.db(), TestCtx::new()).await;
    judge::assert_settled(database.db()).await;
    let before = rows(&database).await;

    // Bob is not in the channel, so he cannot be assigned there.
    let ctx = cast.stage.as_actor(&cast.ceo);
    let refused = run(database.db(), &ctx, &cast, cast.staff[1].user_id).await;

    assert_eq!(refused.unwrap_err().errors()[0].code, "user.unknown");
    judge::assert_settled(database.db()).await;
    assert_eq!(rows(&database).await, before);
    node.stop().await;
}

#[tokio::test]
async fn five_writes_of_three_domains_are_heard_in_their_order_under_one_correlation() {
    let database = TestDatabase::new().await;
    let node = Node::start(database.db());
    let cast = Cast::hire(database.db(), TestCtx::new()).await;
    judge::assert_settled(database.db()).await;
    let people: i64 = 3;

    let ctx = cast.stage.as_actor(&cast.ceo);
    run(database.db(), &ctx, &cast, cast.staff[0].user_id).await.unwrap();

    judge::assert_settled(database.db()).await;
    let client = database.app().await;
    let sql = "SELECT type, correlation_id FROM event_log WHERE position > $1 ORDER BY position";
    let log = client.query(sql, &[&people]).await.unwrap();
    let kinds: Vec<&str> = log.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        kinds,
        [
            "channel.joined",
            "channel.created",
            "channel.joined",
            "channel.member_added",
            "message.sent",
            "task.created",
            "task.assigned",
        ]
    );
    assert!(log.iter().all(|row| row.get::<_, Uuid>(1) == ctx.correlation_id));
    let sql = "SELECT entry::json->>'correlationId' FROM audit_log WHERE position > $1";
    let audit = client.query(sql, &[&people]).await.unwrap();
    assert!(audit.len() >= 5, "{} entries", audit.len());
    let own = ctx.correlation_id.to_string();
    assert!(audit.iter().all(|row| row.get::<_, &str>(0) == own));
    node.stop().await;
}
