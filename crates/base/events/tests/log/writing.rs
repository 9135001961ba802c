//! What a transaction promises when PostgreSQL refuses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sayso_access::Role;
use sayso_db::{DbLimits, Fact, Queries, Sql};
use sayso_kernel::{Fault, Kind};
use sayso_testkit::{TestCtx, judge};
use serde_json::json;
use tokio::sync::Barrier;

use crate::things::{self, bump, bump_in, database};

const REPEATABLE: Sql =
    Sql::new("test.repeatable", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
const LOOK: Sql = Sql::new("things.look", "SELECT version FROM things WHERE id = $1");
const NONSENSE: Sql = Sql::new("test.nonsense", "SELECT 1 / (version - version) FROM things");

#[tokio::test(flavor = "multi_thread")]
async fn two_that_lock_each_other_out_are_both_done_in_the_end() {
    let database = database().await;
    let stage = TestCtx::new();
    let meeting = Arc::new(Barrier::new(2));
    let runs = Arc::<AtomicU32>::default();

    let both = [(1, 2), (2, 1)].map(|(first, second)| {
        let (db, ctx) = (database.db().clone(), stage.acting(Role::Staff));
        let (meeting, runs) = (Arc::clone(&meeting), Arc::clone(&runs));
        tokio::spawn(async move {
            db.transaction(&ctx, async move |tx, _| {
                bump_in(tx, first).await?;
                if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                    meeting.wait().await;
                }
                bump_in(tx, second).await
            })
            .await
        })
    });
    for one in both {
        one.await.unwrap().unwrap();
    }

    assert!(runs.load(Ordering::SeqCst) >= 3, "nobody had to run again");
    assert_eq!(things::version(&database, 1).await, 2);
    assert_eq!(things::version(&database, 2).await, 2);
    assert_eq!(judge::waiting(database.db()).await.unwrap(), 4);
}

#[tokio::test]
async fn what_would_leave_more_facts_than_one_commit_may_is_refused_and_leaves_none() {
    let database = database().await;
    let ctx = TestCtx::new().acting(Role::Staff);
    let work = database.db().transaction(&ctx, async |tx, _| {
        for _ in 0..=1000 {
            bump_in(tx, 1).await?;
        }
        Ok(())
    });

    let refused = work.await.expect_err("1,001 facts");

    assert!(refused.is(&sayso_db::TOO_MUCH), "{refused}");
    assert_eq!(things::version(&database, 1).await, 0);
    assert_eq!(judge::waiting(database.db()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_fact_for_two_channels_is_refused_and_its_change_with_it() {
    let database = database().await;
    let ctx = TestCtx::new().acting(Role::Staff);
    let streams = vec![things::stream(1), things::stream(2)];
    let work = database.db().transaction(&ctx, async move |tx, _| {
        bump_in(tx, 1).await?;
        tx.emit(Fact::event(&things::MOVED, streams.clone(), 1, &json!({})));
        Ok(())
    });

    let refused = work.await.expect_err("whoever is in both would hear it twice");

    assert_eq!(refused.kind(), Kind::Internal, "{refused}");
    assert_eq!(things::version(&database, 1).await, 0);
    assert_eq!(judge::waiting(database.db()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_serialization_failure_is_answered_by_running_again() {
    let database = database().await;
    let (db, stage) = (database.db().clone(), TestCtx::new());
    let ctx = stage.acting(Role::Staff);
    let (other, other_ctx) = (db.clone(), stage.acting(Role::Staff));
    let runs = Arc::<AtomicU32>::default();
    let count = Arc::clone(&runs);

    let version = db
        .transaction(&ctx, async move |tx, _| {
            tx.rows(&REPEATABLE, &[]).await?;
            tx.rows(&LOOK, &[&1]).await?;
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                bump(&other, &other_ctx, 1).await?;
            }
            bump_in(tx, 1).await
        })
        .await
        .unwrap();

    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(version, 2);
    assert_eq!(judge::waiting(database.db()).await.unwrap(), 2);
}

#[tokio::test]
async fn work_that_goes_on_after_a_failed_statement_is_not_committed() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));

    let outcome = db
        .transaction(&ctx, async |tx, _| {
            bump_in(tx, 1).await?;
            let _ = tx.rows(&NONSENSE, &[]).await;
            Ok(())
        })
        .await;

    assert!(outcome.is_err());
    assert_eq!(things::version(&database, 1).await, 0);
    assert_eq!(judge::waiting(db).await.unwrap(), 0);
    // Its connection is as good as before.
    bump(db, &ctx, 1).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_ended_in_the_pool_costs_no_write() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    let intruder = database.superuser().await;

    for turn in 1..=20 {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        intruder.query(sql, &[]).await.unwrap();
        assert_eq!(bump(db, &ctx, 1).await.unwrap(), turn);
        assert_eq!(judge::waiting(db).await.unwrap(), i64::from(turn));
    }
}

#[tokio::test]
async fn a_connection_that_is_ended_before_commit_costs_one_more_run() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    let intruder = database.superuser().await;
    let runs = Arc::<AtomicU32>::default();
    let count = Arc::clone(&runs);

    let version = db
        .transaction(&ctx, async move |tx, _| {
            let version = bump_in(tx, 1).await?;
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                           WHERE state = 'idle in transaction' AND datname = current_database()";
                intruder.query(sql, &[]).await.map_err(Fault::internal)?;
            }
            Ok(version)
        })
        .await
        .unwrap();

    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(version, 1);
    assert_eq!(judge::waiting(db).await.unwrap(), 1);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_to_the_next_on_its_connection() {
    let database = database().await;
    let limits = DbLimits { pool_max: 1, ..DbLimits::from(&Default::default()) };
    let (db, ctx) = (database.another_db(&limits), TestCtx::new().acting(Role::Staff));

    let endless = db.transaction(&ctx, async |tx, _| {
        bump_in(tx, 1).await?;
        std::future::pending::<()>().await;
        Ok(())
    });
    // A request that is given up on: its future is dropped where it stands.
    assert!(tokio::time::timeout(Duration::from_millis(300), endless).await.is_err());
    bump(&db, &ctx, 2).await.unwrap();

    assert_eq!(things::version(&database, 1).await, 0);
    assert_eq!(things::version(&database, 2).await, 1);
}
