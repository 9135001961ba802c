//! Migrations: each applied once, by one node at a time, and whole or not at
//! all, whatever is killed.
//!
//! Files stand in `migrations/` as `NNNN_name.sql`, with the way back beside
//! them as `NNNN_name.down.sql`; the README there says how to write one. A file
//! runs in one transaction with the row that records it. One that opens with
//! `-- no-transaction` (for `CREATE INDEX CONCURRENTLY`, which PostgreSQL
//! refuses in a transaction) runs statement by statement, each recorded when it
//! is done, so that a run after a kill goes on where the last one stopped.

mod error;
mod grants;
mod migrator;
mod record;
mod run;
mod script;
mod session;
mod split;

use sayso_kernel::secret::sha256;
use sayso_kernel::{Timestamp, hex};
use tokio_postgres::Config;

pub use error::MigrateError;
pub use migrator::Migrator;
pub use run::Patience;

/// A migration as it stands in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; they are applied in this order.
    pub version: i32,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub up: &'static str,
    /// What takes it back.
    pub down: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        hex::encode(&sha256(&[self.up.as_bytes()]))
    }
}

macro_rules! migrations {
    ($(($version:literal, $file:literal)),* $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $file,
            up: include_str!(concat!("../../../../../migrations/", $file, ".sql")),
            down: include_str!(concat!("../../../../../migrations/", $file, ".down.sql")),
        }),*]
    };
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = migrations![
    (1, "0001_event_log"),
    (2, "0002_people"),
    (3, "0003_channels"),
    (4, "0004_tasks"),
    (5, "0005_extensions"),
    (6, "0006_categories"),
    (7, "0007_task_relations"),
    (8, "0008_notifications"),
    (9, "0009_relation_indexes"),
    (10, "0010_search"),
    (11, "0011_search_indexes"),
    (12, "0012_list_indexes"),
    (13, "0013_channel_lists"),
    (14, "0014_consumers"),
    (15, "0015_member_lists"),
    (16, "0016_talk"),
    (17, "0017_threads"),
    (18, "0018_trash"),
    (19, "0019_trash_indexes"),
    (20, "0020_user_grants"),
    (21, "0021_people_orders"),
    (22, "0022_socket_positions"),
    (23, "0023_audit_indexes"),
    (24, "0024_key_rotation"),
    (25, "0025_reading_indexes"),
    (26, "0026_people_by_role"),
    (27, "0027_second_factor"),
    (28, "0028_machines_and_links"),
    (29, "0029_deleted_by"),
    (30, "0030_purge_keys"),
    (31, "0031_cache_results"),
    (32, "0032_quick_search_columns"),
    (33, "0033_audit_found_by_text"),
    (34, "0034_search_weeks"),
    (35, "0035_outbox_trace"),
    (36, "0036_people_indexes"),
    (37, "0037_search_week_first"),
    (38, "0038_metadata_indexes"),
];

/// What must be installed beside PostgreSQL itself: parts of words and words
/// without their accents are found with these.
const EXTENSIONS: &[&str] = &["pg_trgm", "unaccent"];

/// What became of a migration in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// It is applied.
    Applied {
        /// Since when.
        at: Timestamp,
    },
    /// It will be applied by the next start.
    Pending,
    /// It was interrupted and will be continued by the next start.
    Partly {
        /// How many of its statements are done.
        statement: usize,
    },
    /// The file is not the one that was applied.
    Altered {
        /// Whether the other one was applied to its end.
        is_whole: bool,
    },
    /// This Sayso does not know it: a newer one applied it.
    Unknown,
}

/// One line of [`status`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: MigrationState,
}

/// How far to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// So many migrations.
    Steps(usize),
    /// Until this one is the last that is applied; 0 undoes all.
    To(i32),
}

/// Brings the schema up to date as `owner`, and grants the serving role what
/// it needs. Answers the names of what was applied.
pub async fn up(owner: &Config, app_role: Option<&str>) -> Result<Vec<&'static str>, MigrateError> {
    Migrator::default().up(owner, app_role).await
}

/// What became of each migration. Changes nothing and waits for nobody.
pub async fn status(owner: &Config) -> Result<Vec<MigrationStatus>, MigrateError> {
    Migrator::default().status(owner).await
}

/// Takes back the newest migrations **with all that is in their tables**, and
/// answers their names. For an emergency: no start ever does this.
pub async fn rollback(owner: &Config, back: Back) -> Result<Vec<&'static str>, MigrateError> {
    Migrator::default().rollback(owner, back).await
}

/// What [`rollback`] would take back, newest first.
pub async fn rollback_plan(owner: &Config, back: Back) -> Result<Vec<&'static str>, MigrateError> {
    Migrator::default().rollback_plan(owner, back).await
}

#[cfg(test)]
mod tests {
    use super::script::Script;
    use super::*;

    #[test]
    fn every_file_in_the_folder_is_part_of_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../migrations");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder of migrations exists")
            .filter_map(|entry| entry.expect("it can be listed").file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .filter(|name| !name.ends_with(".down"))
            .collect();
        names.sort();

        let known: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();

        let unknown: Vec<_> = names.iter().filter(|name| !known.contains(&&***name)).collect();
        assert!(unknown.is_empty(), "{unknown:?} lies in migrations/: name it in MIGRATIONS here");
        assert_eq!(names, known);
        for (place, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.version, place);
            assert!(migration.name.starts_with(&format!("{place:04}_")));
        }
    }

    #[test]
    fn every_file_can_be_run_both_ways() {
        for migration in MIGRATIONS {
            for text in [migration.up, migration.down] {
                let script = Script::parse(migration.name, text).expect(migration.name);
                assert!(!script.statements.is_empty(), "{} does nothing", migration.name);
            }
        }
    }
}
