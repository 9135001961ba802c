//! What is refused, with which line, and that nothing has changed then.

use sayso_db::migrate::{Back, MigrateError, MigrationState, Migrator};
use sayso_testkit::TestDatabase;

use crate::{dump, sets};

#[tokio::test]
async fn a_database_from_the_future_is_refused_both_ways_and_said_so() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let newer = sets::named("concurrent");
    newer.up(&owner, None).await.unwrap();
    let older = Migrator { migrations: &newer.migrations[..2], ..newer.clone() };
    let before = dump::schema(&database).await;

    let up = older.up(&owner, Some("sayso_app")).await.expect_err("it is newer").to_string();
    let back = older.rollback(&owner, Back::Steps(1)).await.expect_err("it is newer").to_string();

    let line = "this database is at schema 3, and this Sayso knows only 2: ";
    assert!(up.starts_with(line) && back.starts_with(line), "{up}\n{back}");
    assert_eq!(dump::schema(&database).await, before);
    let states = older.status(&owner).await.unwrap();
    assert_eq!((states[2].version, &states[2].state), (3, &MigrationState::Unknown));
    assert_eq!(states[2].name, "0003_third");
}

#[tokio::test]
async fn a_file_that_was_changed_after_it_was_applied_is_refused_by_name() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    sets::migrator(&[("CREATE TABLE a ()", "DROP TABLE a")]).up(&owner, None).await.unwrap();
    let changed = sets::migrator(&[
        ("CREATE TABLE a (id int)", "DROP TABLE a"),
        ("CREATE TABLE b ()", "DROP TABLE b"),
    ]);

    let up = changed.up(&owner, None).await.expect_err("it was changed");
    let back = changed.rollback(&owner, Back::To(0)).await.expect_err("it was changed");

    assert!(matches!(up, MigrateError::Altered { name: "0001_first" }), "{up}");
    assert!(matches!(back, MigrateError::Altered { name: "0001_first" }), "{back}");
    assert_eq!(dump::rows(&database.owner().await).await.len(), 1);
    let states = changed.status(&owner).await.unwrap();
    assert_eq!(states[0].state, MigrationState::Altered { is_whole: true });
    assert_eq!(states[1].state, MigrationState::Pending);
}

#[tokio::test]
async fn a_broken_file_leaves_nothing_and_its_line_is_told() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let good = ("CREATE TABLE a ()", "DROP TABLE a");
    let broken = sets::migrator(&[
        good,
        ("CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n\nINSERT INTO c VALUES (1);", ""),
    ]);

    let refused = broken.up(&owner, None).await.expect_err("it is broken").to_string();

    assert_eq!(
        refused,
        "migration 0002_second failed at statement 3 (line 4): relation \"c\" does not exist"
    );
    assert_eq!(dump::rows(&database.owner().await).await.keys().collect::<Vec<_>>(), ["a"]);
    let mended = sets::migrator(&[good, ("CREATE TABLE b (id int)", "DROP TABLE b")]);
    assert_eq!(mended.up(&owner, None).await.unwrap(), ["0002_second"]);
}

#[tokio::test]
async fn all_files_are_read_before_the_first_is_run() {
    let database = TestDatabase::empty().await;
    let migrator =
        sets::migrator(&[("CREATE TABLE a ()", ""), ("CREATE TABLE b ();\nCOMMIT;", "")]);

    let refused = migrator.up(&database.owner_config(), None).await.expect_err("it commits");

    assert!(refused.to_string().contains("0002_second cannot be run: line 2"), "{refused}");
    assert_eq!(dump::rows(&database.owner().await).await.len(), 0);
}

#[tokio::test]
async fn an_index_that_cannot_be_unique_is_not_left_behind_and_can_be_mended() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let migrator = sets::migrator(&[
        ("CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)", "DROP TABLE a"),
        (
            "-- no-transaction\nALTER TABLE a ADD COLUMN IF NOT EXISTS b int;\n\
             CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id_key ON a (id);",
            "DROP INDEX IF EXISTS a_id_key; ALTER TABLE a DROP COLUMN IF EXISTS b",
        ),
    ]);

    let refused = migrator.up(&owner, None).await.expect_err("1 is there twice").to_string();

    assert!(refused.contains("0002_second failed at statement 2 (line 3)"), "{refused}");
    assert!(refused.contains("(Key (id)=(1) is duplicated.)"), "{refused}");
    assert_eq!(dump::invalid_indexes(&database).await, [""; 0]);
    let states = migrator.status(&owner).await.unwrap();
    assert_eq!(states[1].state, MigrationState::Partly { statement: 1 });
    database.change("TRUNCATE a").await;
    assert_eq!(migrator.up(&owner, None).await.unwrap(), ["0002_second"]);
}

#[tokio::test]
async fn a_file_that_was_interrupted_and_then_mended_can_be_undone_and_applied() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let table = ("CREATE TABLE a (id int)", "DROP TABLE a");
    let down = "DROP INDEX IF EXISTS a_id_idx";
    let index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id_idx ON a (id);";
    let broken = format!("-- no-transaction\n{index}\nSELECT 1 / 0").leak();
    let mended = format!("-- no-transaction\n{index}").leak();
    sets::migrator(&[table, (broken, down)]).up(&owner, None).await.expect_err("it divides by 0");
    let mended = sets::migrator(&[table, (mended, down)]);

    let refused = mended.up(&owner, None).await.expect_err("it is another file");
    let undone = mended.rollback(&owner, Back::Steps(1)).await.unwrap();
    let applied = mended.up(&owner, None).await.unwrap();

    assert!(matches!(refused, MigrateError::Altered { .. }), "{refused}");
    assert_eq!((undone, applied), (vec!["0002_second"], vec!["0002_second"]));
}

#[tokio::test]
async fn a_server_without_an_extension_is_told_which_and_from_where_before_anything_changes() {
    let database = TestDatabase::empty().await;
    let mut migrator = sets::named("concurrent");
    migrator.extensions = &["plpgsql", "no_such_thing", "nor_this"];

    let refused = migrator.up(&database.owner_config(), None).await.expect_err("it is missing");

    let line = refused.to_string();
    assert!(line.contains("the extensions no_such_thing, nor_this: install"), "{line}");
    assert!(line.contains("postgresql-contrib"), "{line}");
    assert!(!dump::schema(&database).await.contains("CREATE TABLE"));
}

#[tokio::test]
async fn a_record_from_before_statements_were_counted_is_read_and_completed() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let migrator = sets::named("concurrent");
    let first = Migrator { migrations: &migrator.migrations[..1], ..migrator.clone() };
    first.up(&owner, None).await.unwrap();
    database.change("ALTER TABLE schema_migrations DROP COLUMN statement").await;

    let states = migrator.status(&owner).await.unwrap();
    let applied = migrator.up(&owner, None).await.unwrap();

    assert!(matches!(states[0].state, MigrationState::Applied { .. }));
    assert_eq!(states[1].state, MigrationState::Pending);
    assert_eq!(applied, ["0002_second", "0003_third"]);
}
