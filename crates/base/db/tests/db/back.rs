//! Down and up again.

use sayso_db::migrate::{Back, MIGRATIONS, MigrateError, MigrationState};
use sayso_testkit::TestDatabase;

use crate::{dump, sets};

/// Rows that a file allows for, by its name.
const ROWS: [(&str, &str); 3] = [
    (
        "0001_event_log",
        "INSERT INTO stream_heads VALUES ('company', 7);
         INSERT INTO idempotency VALUES ('s', 'r', 'k', '\\x00', 201, '{}', '\\x01', now())",
    ),
    (
        "0002_people",
        "INSERT INTO users (id, name, role, created_at, updated_at)
         VALUES ('018f0000-0000-7000-8000-000000000001', 'Zoë', 'ceo', now(), now())",
    ),
    (
        "0003_channels",
        "INSERT INTO channels (id, name, kind, created_by, created_at, updated_at)
         VALUES ('018f0000-0000-7000-8000-000000000002', 'general', 'public',
                 '018f0000-0000-7000-8000-000000000001', now(), now())",
    ),
];

#[tokio::test]
async fn down_and_up_again_gives_the_same_schema_to_the_byte_and_keeps_all_other_rows() {
    let database = TestDatabase::empty().await;
    let (owner, watch) = (database.owner_config(), database.owner().await);
    let mut before = Vec::new();
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        sets::shipped(index + 1).up(&owner, Some("sayso_app")).await.unwrap();
        if let Some((_, sql)) = ROWS.iter().find(|(name, _)| *name == migration.name) {
            database.change(sql).await;
        }
        before.push((dump::schema(&database).await, dump::rows(&watch).await));
    }

    for count in (1..=MIGRATIONS.len()).rev() {
        let migrator = sets::shipped(count);
        let name = MIGRATIONS[count - 1].name;
        for repeat in 0..2 {
            let undone = migrator.rollback(&owner, Back::Steps(1)).await.unwrap();
            assert_eq!(undone, [name]);
            // What the second time leaves, the next file's first would show.
            if count > 1 && repeat == 0 {
                let (schema, rows) = &before[count - 2];
                assert_eq!(&dump::schema(&database).await, schema, "{name} left something");
                assert_eq!(&dump::rows(&watch).await, rows, "{name} took more than its own");
            }
            if repeat == 0 {
                migrator.up(&owner, Some("sayso_app")).await.unwrap();
                assert_eq!(dump::schema(&database).await, before[count - 1].0, "{name} again");
            }
        }
    }

    assert_eq!(dump::rows(&watch).await.len(), 0);
    sets::named("shipped").up(&owner, Some("sayso_app")).await.unwrap();
    assert_eq!(dump::schema(&database).await, before[MIGRATIONS.len() - 1].0);
}

#[tokio::test]
async fn going_back_to_a_version_undoes_what_is_newer_and_nothing_else() {
    let database = TestDatabase::empty().await;
    let (owner, watch) = (database.owner_config(), database.owner().await);
    let migrator = sets::named("concurrent");
    migrator.up(&owner, None).await.unwrap();

    let plan = migrator.rollback_plan(&owner, Back::To(1)).await.unwrap();
    let undone = migrator.rollback(&owner, Back::To(1)).await.unwrap();

    assert_eq!(plan, ["0003_third", "0002_second"]);
    assert_eq!(undone, plan);
    let states = migrator.status(&owner).await.unwrap();
    assert!(matches!(states[0].state, MigrationState::Applied { .. }));
    assert_eq!(states[1].state, MigrationState::Pending);
    assert_eq!(states[2].state, MigrationState::Pending);
    assert_eq!(dump::rows(&watch).await.len(), 1);
    let refused = migrator.rollback(&owner, Back::To(9)).await.expect_err("there is no such file");
    assert!(matches!(refused, MigrateError::NoSuchVersion(9)));
}

#[tokio::test]
async fn an_extension_that_a_superuser_had_added_is_not_removed() {
    let database = TestDatabase::empty().await;
    let owner = database.owner_config();
    let admin = database.superuser().await;
    admin.batch_execute("CREATE EXTENSION pg_trgm").await.unwrap();
    let before = dump::names(&admin).await;

    sets::named("shipped").up(&owner, None).await.unwrap();
    sets::named("shipped").rollback(&owner, Back::To(0)).await.unwrap();

    assert_eq!(dump::names(&admin).await, before);
}
