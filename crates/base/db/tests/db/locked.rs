//! Somebody else's lock in the way.

use std::time::Duration;

use sayso_db::migrate::{MigrateError, Migrator, Patience};
use sayso_testkit::{TestDatabase, until};

use crate::{dump, sets};

const SOON: Duration = Duration::from_secs(20);

/// A table, and then a change of it that needs its strongest lock.
fn changing() -> Migrator {
    sets::migrator(&[
        ("CREATE TABLE things (id int PRIMARY KEY)", "DROP TABLE things"),
        (
            "CREATE TABLE more (id int);\nALTER TABLE things ADD COLUMN a int",
            "ALTER TABLE things DROP COLUMN a; DROP TABLE more",
        ),
    ])
}

async fn first_of(migrator: &Migrator, database: &TestDatabase) {
    let first = Migrator { migrations: &migrator.migrations[..1], ..migrator.clone() };
    first.up(&database.owner_config(), Some("sayso_app")).await.unwrap();
}

async fn waits(database: &TestDatabase) -> bool {
    let sql = "SELECT count(*)::text FROM pg_locks WHERE NOT granted
               AND relation = to_regclass('public.things') AND mode = 'AccessExclusiveLock'";
    dump::one(database, sql).await != "0"
}

#[tokio::test]
async fn a_long_transaction_in_the_way_holds_up_the_migration_and_nobody_else() {
    let database = TestDatabase::empty().await;
    let migrator = changing();
    first_of(&migrator, &database).await;
    let long = database.app().await;
    long.batch_execute("BEGIN; SELECT * FROM things").await.unwrap();

    let owner = database.owner_config();
    let migrating = tokio::spawn(async move { migrator.up(&owner, Some("sayso_app")).await });
    // It waits, lets go so that others get through, and waits again.
    for _ in 0..2 {
        until("it to wait for the lock", SOON, async || waits(&database).await.then_some(())).await;
        let other = database.app().await;
        other.batch_execute("SET lock_timeout = '2s'; SELECT * FROM things").await.unwrap();
        until("it to let go", SOON, async || (!waits(&database).await).then_some(())).await;
    }
    long.batch_execute("COMMIT").await.unwrap();

    assert_eq!(migrating.await.unwrap().unwrap(), ["0002_second"]);
}

#[tokio::test]
async fn a_lock_that_never_goes_is_named_and_nothing_of_the_file_is_left() {
    let database = TestDatabase::empty().await;
    let mut migrator = changing();
    first_of(&migrator, &database).await;
    let long = database.app().await;
    long.batch_execute("BEGIN; SELECT * FROM things").await.unwrap();
    migrator.patience = Patience { tries_max: 3, ..migrator.patience };

    let refused = migrator.up(&database.owner_config(), None).await.expect_err("it is locked");

    let MigrateError::Locked { name: "0002_second", statement: 2, tries: 3 } = refused else {
        panic!("{refused}");
    };
    assert_eq!(dump::rows(&database.owner().await).await.len(), 1);
}

#[tokio::test]
async fn a_statement_that_would_hold_its_locks_for_too_long_is_ended() {
    let database = TestDatabase::empty().await;
    let mut migrator = sets::migrator(&[("CREATE TABLE a (); SELECT pg_sleep(60)", "")]);
    let statement_timeout = Duration::from_millis(200);
    migrator.patience = Patience { statement_timeout, ..migrator.patience };

    let refused = migrator.up(&database.owner_config(), None).await.expect_err("it is too slow");

    assert!(refused.to_string().contains("statement timeout"), "{refused}");
    assert_eq!(dump::rows(&database.owner().await).await.len(), 0);
}
