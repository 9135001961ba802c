//! Migrations killed at a statement, and in the middle of one.
//!
//! The short form dies at some of the statements of the shipped files;
//! `SAYSO_FAULTS=full` (`make faults`) at every one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use sayso_db::migrate::{MigrationState, Migrator};
use sayso_testkit::{TestDatabase, until};
use tokio_postgres::Client;

use super::stage::is_full;
use crate::{child, dump, sets};

/// Of how many places the short form takes one.
const ONE_OF: usize = 6;

/// Where the process is to die.
fn chosen(places: &[String]) -> impl Iterator<Item = &String> {
    places.iter().step_by(if is_full() { 1 } else { ONE_OF })
}

/// What a database holds when a file (by version, 0 is none) is the last one.
async fn whole_schemas(migrator: &Migrator) -> BTreeMap<usize, Vec<String>> {
    let database = TestDatabase::empty().await;
    let watch = database.superuser().await;
    let mut schemas = BTreeMap::from([(0, dump::names(&watch).await)]);
    for count in 1..=migrator.migrations.len() {
        let prefix = Migrator { migrations: &migrator.migrations[..count], ..migrator.clone() };
        prefix.up(&database.owner_config(), Some("sayso_app")).await.unwrap();
        schemas.insert(count, dump::names(&watch).await);
    }
    schemas
}

/// All places that a process comes by, and the schema that it leaves.
async fn undisturbed(set: &str) -> (Vec<String>, Vec<String>, String) {
    let database = TestDatabase::empty().await;
    let (up, ended_well) = child::places(child::start(&database, set, "up", "")).await;
    assert!(ended_well);
    let schema = dump::schema(&database).await;
    let (down, ended_well) = child::places(child::start(&database, set, "down", "")).await;
    assert!(ended_well);
    (up, down, schema)
}

/// `migration-3-2-recorded` → version 3 and `2-recorded`.
fn parts(place: &str) -> (usize, &str) {
    let (_, place) = place.split_once('-').unwrap();
    let (version, rest) = place.split_once('-').unwrap();
    (version.parse().unwrap(), rest)
}

/// Whether what was done before the place is still there after a kill at it.
fn stays(place: &str, is_whole: bool) -> bool {
    let (_, rest) = parts(place);
    rest == "done" || (!is_whole && rest.ends_with("-recorded"))
}

async fn dies(
    (database, watch): (&TestDatabase, &Client),
    (set, way): (&str, &str),
    place: &str,
) -> Vec<String> {
    let (came_by, ended_well) = child::places(child::start(database, set, way, place)).await;
    assert!(!ended_well, "it was to die at {place}");
    assert_eq!(came_by.last().map(String::as_str), Some(place));
    child::until_forgotten(watch).await;
    came_by
}

/// A kill at the place must leave the schema of one version; or, in a file that
/// runs statement by statement, a record of how far it came.
async fn assert_known(
    (migrator, schemas): (&Migrator, &BTreeMap<usize, Vec<String>>),
    (database, watch): (&TestDatabase, &Client),
    place: &str,
) {
    let (version, rest) = parts(place);
    let is_up = place.starts_with("migration-");
    let file = &migrator.migrations[version - 1];
    let is_whole = !file.up.starts_with("-- no-transaction");
    let is_whole_back = !file.down.starts_with("-- no-transaction");
    if rest == "done" || if is_up { is_whole } else { is_whole_back } {
        let is_before = (rest == "done") != is_up;
        let last = if is_before { version - 1 } else { version };
        let (found, whole) = (dump::names(watch).await, &schemas[&last]);
        let differing: Vec<_> = found.iter().filter(|name| !whole.contains(name)).collect();
        let missing: Vec<_> = whole.iter().filter(|name| !found.contains(name)).collect();
        assert!(found == *whole, "killed at {place}: {differing:?} too many, {missing:?} missing");
    } else {
        let found = migrator.status(&database.owner_config()).await.unwrap();
        let done = match rest.split_once('-') {
            _ if !is_up => 0,
            Some((done, _)) => done.parse().unwrap(),
            None => rest.parse::<usize>().unwrap() - 1,
        };
        let state = &found[version - 1].state;
        assert_eq!(*state, MigrationState::Partly { statement: done }, "killed at {place}");
    }
}

#[tokio::test]
async fn killed_at_a_statement_of_a_file_the_schema_is_of_one_version_and_the_next_run_ends() {
    let migrator = sets::named("shipped");
    let schemas = whole_schemas(&migrator).await;
    let (up, _, schema) = undisturbed("shipped").await;
    let database = TestDatabase::empty().await;
    let watch = database.superuser().await;

    let mut kills = 0;
    for place in chosen(&up) {
        dies((&database, &watch), ("shipped", "up"), place).await;
        kills += 1;
        assert_known((&migrator, &schemas), (&database, &watch), place).await;
    }

    let rest = migrator.up(&database.owner_config(), Some("sayso_app")).await.unwrap();
    // Where the last death came last, only the rights of the serving role were
    // still to be given.
    assert!(rest.is_empty() || !is_full(), "{rest:?}");
    assert_eq!(dump::invalid_indexes(&database).await, [""; 0]);
    assert_eq!(dump::schema(&database).await, schema);
    println!("killed {kills} times on the way by {} places", up.len());
}

#[tokio::test]
async fn killed_at_a_statement_of_the_way_back_the_schema_is_of_one_version_too() {
    let migrator = sets::named("shipped");
    let schemas = whole_schemas(&migrator).await;
    let (_, down, schema) = undisturbed("shipped").await;
    let database = TestDatabase::empty().await;
    let watch = database.superuser().await;
    let owner = database.owner_config();
    migrator.up(&owner, Some("sayso_app")).await.unwrap();

    let mut kills = 0;
    for place in chosen(&down) {
        dies((&database, &watch), ("shipped", "down"), place).await;
        kills += 1;
        assert_known((&migrator, &schemas), (&database, &watch), place).await;
    }

    let applied = migrator.up(&owner, Some("sayso_app")).await.unwrap();
    assert!(applied.len() == migrator.migrations.len() || !is_full(), "{applied:?}");
    assert_eq!(dump::schema(&database).await, schema);
    println!("killed {kills} times on the way by {} places", down.len());
}

#[tokio::test]
async fn killed_outside_a_transaction_the_next_run_goes_on_at_the_right_statement() {
    let migrator = sets::named("concurrent");
    let (up, _, schema) = undisturbed("concurrent").await;
    let database = TestDatabase::empty().await;
    let watch = database.superuser().await;
    let mut expected = 0;

    for (index, place) in up.iter().enumerate() {
        let came_by = dies((&database, &watch), ("concurrent", "up"), place).await;
        assert_eq!(came_by.first(), Some(&up[expected]), "on the way to {place}");
        let (version, rest) = parts(place);
        let is_whole = version != 2;
        if stays(place, is_whole) {
            expected = index + 1;
        }
        if let (false, Some((done, "recorded"))) = (is_whole, rest.split_once('-')) {
            let found = migrator.status(&database.owner_config()).await.unwrap();
            let statement = done.parse().unwrap();
            assert_eq!(found[1].state, MigrationState::Partly { statement });
        }
    }

    assert_eq!(migrator.up(&database.owner_config(), Some("sayso_app")).await.unwrap(), [""; 0]);
    assert_eq!(dump::invalid_indexes(&database).await, [""; 0]);
    assert_eq!(dump::schema(&database).await, schema);
}

#[tokio::test]
async fn killed_on_the_way_back_outside_a_transaction_both_ways_still_lead_to_a_whole_schema() {
    let migrator = sets::named("concurrent");
    let (_, down, schema) = undisturbed("concurrent").await;
    let database = TestDatabase::empty().await;
    let watch = database.superuser().await;
    let owner = database.owner_config();

    for place in down.iter().filter(|place| parts(place).0 == 2) {
        migrator.up(&owner, Some("sayso_app")).await.unwrap();
        assert_eq!(dump::schema(&database).await, schema, "before {place}");
        dies((&database, &watch), ("concurrent", "down"), place).await;
    }
    let (_, ended_well) = child::places(child::start(&database, "concurrent", "down", "")).await;
    assert!(ended_well);
    migrator.up(&owner, Some("sayso_app")).await.unwrap();

    assert_eq!(dump::schema(&database).await, schema);
}

#[tokio::test]
async fn killed_while_an_index_is_built_the_server_lets_go_and_the_next_run_builds_it_anew() {
    let migrator = sets::named("concurrent");
    let (_, _, schema) = undisturbed("concurrent").await;
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let first = Migrator { migrations: &migrator.migrations[..1], ..migrator.clone() };
    first.up(&owner, Some("sayso_app")).await.unwrap();
    // An index is built only when all who write at its beginning have ended.
    let writer = database.superuser().await;
    writer.batch_execute("BEGIN; UPDATE things SET a = 1 WHERE id = 1").await.unwrap();

    let mut child = child::start(&database, "concurrent", "up", "");
    until("the index to be begun", Duration::from_secs(20), async || {
        (dump::invalid_indexes(&database).await == ["things_a_idx"]).then_some(())
    })
    .await;
    child.kill().unwrap();
    child.wait().unwrap();
    child::until_forgotten(&database.superuser().await).await;

    assert_eq!(dump::invalid_indexes(&database).await, ["things_a_idx"]);
    writer.batch_execute("ROLLBACK").await.unwrap();
    migrator.up(&owner, Some("sayso_app")).await.unwrap();
    assert_eq!(dump::invalid_indexes(&database).await, [""; 0]);
    assert_eq!(dump::schema(&database).await, schema);
}
