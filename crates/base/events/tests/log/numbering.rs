//! What is committed gets its numbers: all of it, in order, and nothing else.

use std::time::Duration;

use sayso_access::Role;
use sayso_db::{Sql, Tx, change_with_fact};
use sayso_kernel::Fault;
use sayso_testkit::{Node, TestCtx, TestDatabase, judge, until};

use crate::things::{
    self, BROKEN, Ear, MOVED, bump, bump_in, database, fact, fact_for, head, logged_versions,
};

const WRITERS: i32 = 32;

const INSERT: Sql = Sql::new(
    "things.insert",
    change_with_fact!(
        "WITH change AS (INSERT INTO things (id, version) VALUES ($14, 1) RETURNING id)",
        "id"
    ),
);

const BUMP_WITH_FACT: Sql = Sql::new(
    "things.bump_with_fact",
    change_with_fact!(
        "WITH change AS (UPDATE things SET version = version + 1 WHERE id = $14 RETURNING version)",
        "version"
    ),
);

#[tokio::test]
async fn a_committed_fact_is_numbered_and_heard_and_a_rolled_back_one_is_not() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    let node = Node::start(db);
    let ear = Ear::listen(&node.hub);
    until("the first head", Duration::from_secs(5), async || node.hub.applied()).await;

    bump(db, &ctx, 1).await.unwrap();
    let refused: Result<(), Fault> = db
        .transaction(&ctx, async |tx, _| {
            bump_in(tx, 1).await?;
            Err(Fault::unavailable("changed my mind"))
        })
        .await;
    bump(db, &ctx, 1).await.unwrap();

    assert!(refused.is_err());
    node.hub.wait_for(2).await;
    judge::assert_settled(db).await;
    assert_eq!(head(&database).await, 2);
    until("both events", Duration::from_secs(5), async || (ear.versions() == [1, 2]).then_some(()))
        .await;
}

#[tokio::test]
async fn a_statement_that_changes_nothing_leaves_no_fact() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));

    let nothing = db.write_statement(&ctx, &BUMP_WITH_FACT, fact(&MOVED, 1, 1), &[&-1]).await;
    let twice = db.write_statement(&ctx, &INSERT, fact(&MOVED, 1, 1), &[&1]).await;

    assert!(nothing.unwrap().unwrap().is_none());
    assert!(twice.unwrap().is_err(), "the id is taken");
    assert_eq!(judge::waiting(db).await.unwrap(), 0);
}

/// Ten thousand writes, as fast as they come, into one stream.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_writes_of_32_writers_into_one_stream_leave_no_hole() {
    const WRITES: i32 = 10_000;
    let database = database().await;
    let stage = TestCtx::new();
    let node = Node::start(database.db());
    let ear = Ear::listen(&node.hub);
    until("the first head", Duration::from_secs(5), async || node.hub.applied()).await;

    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (db, ctx) = (database.db().clone(), stage.acting(Role::Staff));
            tokio::spawn(async move {
                for write in (writer..WRITES).step_by(WRITERS as usize) {
                    let (id, fact) = (1000 + write, fact(&MOVED, 1, 1));
                    db.write_statement(&ctx, &INSERT, fact, &[&id]).await.unwrap().unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    judge::assert_settled(database.db()).await;
    assert_eq!(head(&database).await, i64::from(WRITES));
    node.hub.wait_for(i64::from(WRITES)).await;
    until("all events", Duration::from_secs(5), async || {
        (ear.positions().len() == WRITES as usize).then_some(())
    })
    .await;
    assert_eq!(ear.positions(), (1..=i64::from(WRITES)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_one_row_are_logged_in_order_under_32_writers() {
    const EACH: i32 = 25;
    let database = database().await;
    let (stage, people) = (TestCtx::new(), TestCtx::seeded(2));
    let people = [people.actor(Role::Staff).user_id, people.actor(Role::Staff).user_id];
    let node = Node::start(database.db());

    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (db, ctx) = (database.db().clone(), stage.acting(Role::Staff));
            tokio::spawn(async move {
                for turn in 0..EACH {
                    // Most meet at one row; some write to two in one commit.
                    let other = 2 + (writer + turn) % 3;
                    db.transaction(&ctx, async move |tx, _| {
                        let version = bump_in(tx, 1).await?;
                        if turn % 5 == 0 {
                            bump_in(tx, other).await?;
                            tx.emit(fact_for(&people, version));
                        }
                        Ok(())
                    })
                    .await
                    .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }

    judge::assert_settled(database.db()).await;
    assert_eq!(logged_versions(&database, 1).await, (1..=WRITERS * EACH).collect::<Vec<_>>());
    for thing in 2..=4 {
        let last = things::version(&database, thing).await;
        assert_eq!(logged_versions(&database, thing).await, (1..=last).collect::<Vec<_>>());
    }
    node.stop().await;
}

/// Writes to thing 1 with `write` while somebody holds its row, and something
/// else is written meanwhile. Answers the types in the order of their outbox
/// ids.
async fn order_behind_a_lock(
    database: &TestDatabase,
    write: impl Future<Output = ()> + Send + 'static,
) -> Vec<String> {
    let holder = database.app().await;
    let watcher = database.superuser().await;
    holder.batch_execute("BEGIN; UPDATE things SET version = 7 WHERE id = 1").await.unwrap();

    let write = tokio::spawn(write);
    until("the write to wait for the row", Duration::from_secs(5), async || {
        let sql = "SELECT 1 FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (!watcher.query(sql, &[]).await.unwrap().is_empty()).then_some(())
    })
    .await;
    let ctx = TestCtx::seeded(2).acting(Role::Staff);
    let broken = async |tx: &mut Tx, _: &sayso_access::Ctx| {
        tx.emit(fact(&BROKEN, 2, 1));
        Ok(())
    };
    database.db().transaction(&ctx, broken).await.unwrap();
    holder.batch_execute("COMMIT").await.unwrap();
    write.await.unwrap();

    let rows = watcher.query("SELECT type FROM outbox ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_transaction_that_waits_for_a_row_draws_its_outbox_id_afterwards() {
    let database = database().await;
    let (db, ctx) = (database.db().clone(), TestCtx::new().acting(Role::Staff));

    let order = order_behind_a_lock(&database, async move {
        bump(&db, &ctx, 1).await.unwrap();
    })
    .await;

    assert_eq!(order, [BROKEN.name, MOVED.name]);
}

#[tokio::test]
async fn a_statement_that_waits_for_a_row_draws_its_outbox_id_afterwards() {
    let database = database().await;
    let (db, ctx) = (database.db().clone(), TestCtx::new().acting(Role::Staff));

    let order = order_behind_a_lock(&database, async move {
        let moved = fact(&MOVED, 1, 8);
        db.write_statement(&ctx, &BUMP_WITH_FACT, moved, &[&1]).await.unwrap().unwrap();
    })
    .await;

    assert_eq!(order, [BROKEN.name, MOVED.name]);
}

#[tokio::test]
async fn a_fact_that_can_never_be_stored_is_put_aside_and_the_others_go_on() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    database
        .change(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON event_log FOR EACH ROW
             WHEN (NEW.type = 'thing.broken') EXECUTE FUNCTION refuse()",
        )
        .await;
    db.transaction(&ctx, async |tx, _| {
        for version in 1..=7 {
            tx.emit(fact(if version == 4 { &BROKEN } else { &MOVED }, 1, version));
        }
        Ok(())
    })
    .await
    .unwrap();

    let node = Node::start(db);

    judge::assert_settled(db).await;
    assert_eq!(logged_versions(&database, 1).await, [1, 2, 3, 5, 6, 7]);
    let client = database.app().await;
    let dead = client.query_one("SELECT position, reason FROM outbox_dead", &[]).await.unwrap();
    assert_eq!(dead.get::<_, i64>(0), 4);
    assert!(dead.get::<_, &str>(1).contains("never"), "{dead:?}");
    let row = client.query_one("SELECT type FROM event_log WHERE position = 4", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "log.quarantined");
    bump(db, &ctx, 2).await.unwrap();
    judge::assert_settled(db).await;
    node.stop().await;
}

#[tokio::test]
async fn a_fact_that_cannot_even_be_read_is_put_aside_and_the_others_go_on() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    bump(db, &ctx, 1).await.unwrap();
    database
        .change(r#"UPDATE outbox SET effects = '[{"do": "an effect of a later version"}]'"#)
        .await;
    bump(db, &ctx, 2).await.unwrap();

    let node = Node::start(db);

    judge::assert_settled(db).await;
    assert_eq!(logged_versions(&database, 2).await, [1]);
    node.stop().await;
}
