//! Decides what is to be run, and refuses what must not be.

use sayso_kernel::mutants;
use tokio_postgres::{Client, Config};

use super::error::MigrateError;
use super::record::Record;
use super::run::{Patience, Runner, Way};
use super::script::Script;
use super::session::Session;
use super::{
    Back, EXTENSIONS, MIGRATIONS, Migration, MigrationState, MigrationStatus, grants, record,
};

/// A set of migrations and how they are applied. [`up`](super::up) and its neighbours use
/// the one of this binary; tests have others.
#[derive(Clone, Debug)]
pub struct Migrator {
    /// In the order of their versions.
    pub migrations: &'static [Migration],
    /// Extensions that must be available before anything is changed.
    pub extensions: &'static [&'static str],
    /// How statements wait.
    pub patience: Patience,
    /// Called with `migration-<version>-<n>` after the n-th statement of a
    /// file (`rollback-…` on the way back), for tests that die there.
    pub fail_point: fn(&str),
}

impl Default for Migrator {
    fn default() -> Self {
        Self {
            migrations: MIGRATIONS,
            extensions: EXTENSIONS,
            patience: Patience::default(),
            fail_point: mutants::fail_point,
        }
    }
}

impl Migrator {
    /// See [`up`](super::up).
    pub async fn up(
        &self,
        owner: &Config,
        app_role: Option<&str>,
    ) -> Result<Vec<&'static str>, MigrateError> {
        let session = Session::open(owner).await?;
        let outcome = self.up_alone(&session, app_role).await;
        session.close().await;
        outcome
    }

    /// See [`status`](super::status).
    pub async fn status(&self, owner: &Config) -> Result<Vec<MigrationStatus>, MigrateError> {
        let session = Session::open(owner).await?;
        let records = record::load(session.client()).await;
        session.close().await;
        Ok(self.states(&records?))
    }

    /// See [`rollback`](super::rollback).
    pub async fn rollback(
        &self,
        owner: &Config,
        back: Back,
    ) -> Result<Vec<&'static str>, MigrateError> {
        let session = Session::open(owner).await?;
        let outcome = self.rollback_alone(&session, back).await;
        session.close().await;
        outcome
    }

    /// See [`rollback_plan`](super::rollback_plan).
    pub async fn rollback_plan(
        &self,
        owner: &Config,
        back: Back,
    ) -> Result<Vec<&'static str>, MigrateError> {
        let session = Session::open(owner).await?;
        let records = record::load(session.client()).await;
        session.close().await;
        let plan = self.undone(&records?, back)?;
        Ok(plan.iter().map(|migration| migration.name).collect())
    }

    async fn up_alone(
        &self,
        session: &Session,
        app_role: Option<&str>,
    ) -> Result<Vec<&'static str>, MigrateError> {
        session.lock(self.patience.turn_wait).await?;
        let client = session.client();
        let records = record::load(client).await?;
        let pending = self.pending(&records)?;
        if !pending.is_empty() {
            self.require_extensions(client).await?;
            record::ensure_table(client).await?;
        }
        let runner = self.runner(client);
        for (migration, script, done) in &pending {
            runner.run(migration, script, Way::Up, *done).await?;
            tracing::debug!(migration = migration.name, "applied");
        }
        if let Some(role) = app_role {
            grants::give(client, role).await?;
        }
        Ok(pending.iter().map(|(migration, ..)| migration.name).collect())
    }

    /// What is to be applied and how many statements of it already are. All
    /// files are read before the first is run.
    fn pending(&self, records: &[Record]) -> Result<Vec<(Migration, Script, usize)>, MigrateError> {
        record::refuse_future(records, self.migrations)?;
        let mut pending = Vec::new();
        for migration in self.migrations {
            let done = match record::state(migration, records) {
                MigrationState::Altered { .. } => {
                    return Err(MigrateError::Altered { name: migration.name });
                }
                MigrationState::Partly { statement } => statement,
                MigrationState::Pending => 0,
                MigrationState::Applied { .. } | MigrationState::Unknown => continue,
            };
            pending.push((*migration, Script::parse(migration.name, migration.up)?, done));
        }
        Ok(pending)
    }

    async fn rollback_alone(
        &self,
        session: &Session,
        back: Back,
    ) -> Result<Vec<&'static str>, MigrateError> {
        session.lock(self.patience.turn_wait).await?;
        let client = session.client();
        let undone = self.undone(&record::load(client).await?, back)?;
        let mut scripts = Vec::new();
        for migration in &undone {
            scripts.push(Script::parse(migration.name, migration.down)?);
        }
        if !undone.is_empty() {
            record::ensure_table(client).await?;
        }
        let runner = self.runner(client);
        for (migration, script) in undone.iter().zip(&scripts) {
            runner.run(migration, script, Way::Down, 0).await?;
            tracing::warn!(migration = migration.name, "taken back");
        }
        Ok(undone.iter().map(|migration| migration.name).collect())
    }

    /// What going back would undo, newest first. A file that was changed after
    /// it had been applied to its end is refused: its way back may be another.
    /// One that was interrupted and then mended may be undone.
    fn undone(&self, records: &[Record], back: Back) -> Result<Vec<Migration>, MigrateError> {
        record::refuse_future(records, self.migrations)?;
        let begun = self
            .migrations
            .iter()
            .rev()
            .copied()
            .filter(|migration| record::state(migration, records) != MigrationState::Pending);
        let undone: Vec<Migration> = match back {
            Back::Steps(steps) => begun.take(steps).collect(),
            Back::To(version) => {
                let exists = version == 0
                    || self.migrations.iter().any(|migration| migration.version == version);
                if !exists {
                    return Err(MigrateError::NoSuchVersion(version));
                }
                begun.filter(|migration| migration.version > version).collect()
            }
        };
        for migration in &undone {
            if record::state(migration, records) == (MigrationState::Altered { is_whole: true }) {
                return Err(MigrateError::Altered { name: migration.name });
            }
        }
        Ok(undone)
    }

    fn states(&self, records: &[Record]) -> Vec<MigrationStatus> {
        let known = self.migrations.iter().map(|migration| MigrationStatus {
            version: migration.version,
            name: migration.name.to_owned(),
            state: record::state(migration, records),
        });
        let is_known = |version| self.migrations.iter().any(|known| known.version == version);
        let others = records.iter().filter(|record| !is_known(record.version));
        let unknown = others.map(|record| MigrationStatus {
            version: record.version,
            name: record.name.clone(),
            state: MigrationState::Unknown,
        });
        known.chain(unknown).collect()
    }

    fn runner<'a>(&'a self, client: &'a Client) -> Runner<'a> {
        Runner { client, patience: &self.patience, fail_point: self.fail_point }
    }

    async fn require_extensions(&self, client: &Client) -> Result<(), MigrateError> {
        const MISSING: &str = "SELECT name FROM unnest($1::text[]) name
            WHERE name NOT IN (SELECT a.name FROM pg_available_extensions a)";
        let rows = client.query(MISSING, &[&self.extensions]).await?;
        let names: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(MigrateError::ExtensionsMissing { names: names.join(", ").into() }),
        }
    }
}
