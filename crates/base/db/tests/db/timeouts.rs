//! PostgreSQL ends by itself what takes too long.

use std::time::{Duration, Instant};

use sayso_access::Role;
use sayso_config::Database;
use sayso_db::{DbError, DbLimits, Queries, Sql};
use sayso_kernel::Kind;
use sayso_testkit::{TestCtx, TestDatabase};

use crate::notes;

const LOCK: Sql = Sql::new("test.lock", "LOCK TABLE notes IN ACCESS EXCLUSIVE MODE");
const COUNT: Sql = Sql::new("test.count", "SELECT count(*) FROM notes");
const INSERT: Sql = Sql::new("test.insert", "INSERT INTO notes VALUES (gen_random_uuid())");

/// Far below what the other limits are.
const SHORT: Duration = Duration::from_millis(200);
/// Far above it, far below the others.
const SOON: Duration = Duration::from_secs(2);

fn limits() -> DbLimits {
    DbLimits::from(&Database::default())
}

async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    database.change(notes::TABLE).await;
    database.change("GRANT ALL ON notes TO sayso_app").await;
    database
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let database = database().await;
    let db = database.another_db(&DbLimits { statement_timeout: SHORT, ..limits() });
    let (ctx, started) = (TestCtx::new().acting(Role::Staff), Instant::now());

    let write = notes::sleep(&db, &ctx, 10_000.0).await.unwrap_err();
    let read = db.read().rows(&notes::SLEEP, &[&10_000.0]).await.unwrap_err();

    assert!(started.elapsed() < SOON);
    assert_eq!(write.kind(), Kind::Unavailable);
    // PostgreSQL has said so itself; the limit of this side is far away.
    assert!(matches!(read, DbError::Unavailable(_)), "{read}");
    // Its connection is as good as before.
    assert_eq!(db.pool_status(), (1, 1));
}

#[tokio::test]
async fn a_lock_that_is_not_given_is_not_waited_for() {
    let database = database().await;
    let db = database.another_db(&DbLimits { lock_timeout: SHORT, ..limits() });
    let ctx = TestCtx::new().acting(Role::Staff);
    let holder = database.owner().await;
    holder.batch_execute("BEGIN; LOCK TABLE notes").await.unwrap();
    let started = Instant::now();

    let fault = db
        .transaction(&ctx, async move |tx, _| Ok(tx.rows(&LOCK, &[]).await?.len()))
        .await
        .unwrap_err();

    assert!(started.elapsed() < SOON);
    assert_eq!(fault.kind(), Kind::Unavailable);
    assert_eq!(db.pool_status(), (1, 1));
}

#[tokio::test]
async fn a_transaction_in_which_nothing_happens_is_ended_and_leaves_nothing() {
    let database = database().await;
    let limits = DbLimits { idle_in_transaction_timeout: SHORT, ..limits() };
    let db = database.another_db(&limits);
    let ctx = TestCtx::new().acting(Role::Staff);

    let fault = db
        .transaction(&ctx, async move |tx, _| {
            tx.rows(&INSERT, &[]).await?;
            // What is tested is that this is too long.
            tokio::time::sleep(SHORT * 3).await;
            Ok(tx.rows(&INSERT, &[]).await?.len())
        })
        .await
        .unwrap_err();

    assert_eq!(fault.kind(), Kind::Unavailable);
    let row = db.read().row(&COUNT, &[]).await.unwrap().unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn background_work_has_more_time() {
    let database = database().await;
    let db = database.another_db(&DbLimits { statement_timeout: SHORT, ..limits() });
    let ctx = TestCtx::new().acting(Role::Staff);

    notes::sleep(&db.background(), &ctx, 500.0).await.unwrap();
    db.background().read().rows(&notes::SLEEP, &[&500.0]).await.unwrap();
}
