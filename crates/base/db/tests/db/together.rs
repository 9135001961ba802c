//! Several nodes at once.

use std::time::Duration;

use sayso_db::migrate::{MIGRATIONS, MigrateError, Migrator, Patience};
use sayso_testkit::TestDatabase;
use tokio::task::JoinSet;

use crate::{dump, sets};

const NODES: usize = 10;

async fn start_together(migrator: &Migrator, database: &TestDatabase) -> Vec<&'static str> {
    let mut nodes = JoinSet::new();
    for _ in 0..NODES {
        let (migrator, owner) = (migrator.clone(), database.owner_config());
        nodes.spawn(async move { migrator.up(&owner, Some("sayso_app")).await });
    }
    let mut applied = Vec::new();
    for outcome in nodes.join_all().await {
        applied.extend(outcome.expect("every node becomes ready"));
    }
    applied.sort_unstable();
    applied
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_that_start_at_once_apply_each_file_once() {
    let database = TestDatabase::empty().await;

    let applied = start_together(&sets::named("shipped"), &database).await;

    let all: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(applied, all);
    let states = sets::named("shipped").status(&database.owner_config()).await.unwrap();
    assert_eq!(states.len(), all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_wait_for_their_turn_do_not_hold_up_an_index() {
    let database = TestDatabase::empty().await;

    let applied = start_together(&sets::named("concurrent"), &database).await;

    assert_eq!(applied, ["0001_first", "0002_second", "0003_third"]);
    assert_eq!(dump::invalid_indexes(&database).await, [""; 0]);
}

#[tokio::test]
async fn a_node_that_waited_too_long_names_the_one_that_migrates() {
    let database = TestDatabase::empty().await;
    let other = database.owner().await;
    other.batch_execute("SELECT pg_advisory_lock(7240115312)").await.unwrap();
    let other_pid: i32 = other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let patience = Patience { turn_wait: Duration::from_millis(200), ..Patience::default() };
    let migrator = Migrator { patience, ..Migrator::default() };

    let refused = migrator.up(&database.owner_config(), None).await.expect_err("it is not alone");

    assert!(matches!(refused, MigrateError::Busy { pid, .. } if pid == other_pid), "{refused}");
}
