//! `schema_migrations`: what has been applied, and how far.

use sayso_kernel::Timestamp;
use tokio_postgres::Client;

use super::error::MigrateError;
use super::{Migration, MigrationState};

/// `statement` counts what is done of a file that runs statement by statement,
/// and is NULL once a file is done.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
        version    integer     NOT NULL PRIMARY KEY,
        name       text        NOT NULL,
        checksum   text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        statement  integer
    );
    ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS statement integer";

const IS_COMPLETE: &str = "SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('public.schema_migrations') AND attname = 'statement'";

/// Whether there is a table at all; it may be one without the last column.
const EXISTS: &str = "SELECT to_regclass('public.schema_migrations') IS NOT NULL";
const ALL: &str = "SELECT version, name, checksum, applied_at,
           (to_jsonb(m) ->> 'statement')::integer
    FROM schema_migrations m ORDER BY version";

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub version: i32,
    pub name: String,
    checksum: String,
    applied_at: Timestamp,
    statement: Option<i32>,
}

/// All rows, by version; none where no Sayso has been yet.
pub(super) async fn load(client: &Client) -> Result<Vec<Record>, MigrateError> {
    if !client.query_one(EXISTS, &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client.query(ALL, &[]).await?;
    let record = |row: &tokio_postgres::Row| Record {
        version: row.get(0),
        name: row.get(1),
        checksum: row.get(2),
        applied_at: row.get(3),
        statement: row.get(4),
    };
    Ok(rows.iter().map(record).collect())
}

/// Makes the table, or the column that it lacks. Not asked for in vain: it
/// takes the table's strongest lock.
pub(super) async fn ensure_table(client: &Client) -> Result<(), MigrateError> {
    if client.query_opt(IS_COMPLETE, &[]).await?.is_none() {
        client.batch_execute(TABLE).await?;
    }
    Ok(())
}

/// Refuses a database that a newer Sayso has changed.
pub(super) fn refuse_future(
    records: &[Record],
    migrations: &[Migration],
) -> Result<(), MigrateError> {
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    match records.iter().map(|record| record.version).max() {
        Some(found) if found > known => Err(MigrateError::FromTheFuture { found, known }),
        _ => Ok(()),
    }
}

/// What became of a migration, by its row.
pub(super) fn state(migration: &Migration, records: &[Record]) -> MigrationState {
    match records.iter().find(|record| record.version == migration.version) {
        None => MigrationState::Pending,
        Some(record) if record.checksum != migration.checksum() => {
            MigrationState::Altered { is_whole: record.statement.is_none() }
        }
        Some(record) => match record.statement {
            None => MigrationState::Applied { at: record.applied_at },
            Some(done) => MigrationState::Partly { statement: usize::try_from(done).unwrap_or(0) },
        },
    }
}

/// The statement that records a whole file.
pub(super) fn insert(migration: &Migration) -> String {
    let Migration { version, name, .. } = migration;
    let checksum = migration.checksum();
    format!(
        "INSERT INTO schema_migrations (version, name, checksum)
         VALUES ({version}, '{name}', '{checksum}')"
    )
}

/// The statement that records the first `done` statements of a file.
pub(super) fn progress(migration: &Migration, done: usize) -> String {
    let Migration { version, name, .. } = migration;
    let checksum = migration.checksum();
    format!(
        "INSERT INTO schema_migrations (version, name, checksum, statement)
         VALUES ({version}, '{name}', '{checksum}', {done})
         ON CONFLICT (version) DO UPDATE SET statement = {done}, checksum = '{checksum}'"
    )
}

/// The statement that records that a file is done.
pub(super) fn done(migration: &Migration) -> String {
    let version = migration.version;
    format!(
        "UPDATE schema_migrations SET statement = NULL, applied_at = now() WHERE version = {version}"
    )
}

/// The statement that forgets a file.
pub(super) fn delete(migration: &Migration) -> String {
    format!("DELETE FROM schema_migrations WHERE version = {}", migration.version)
}
