//! Why there is no backup, or why it could not be laid in: one clear line each.

use std::io;

use tokio_postgres::Error;

use super::Table;

/// Why a database could not be backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A program of PostgreSQL is not on this machine.
    #[error(
        "no {program} of PostgreSQL {major} or newer was found{}: install it (Debian, Ubuntu: apt \
         install postgresql-client-{major}; macOS: brew install postgresql@{major}), or name its \
         folder with SAYSO_PG_BIN",
        Majors(found)
    )]
    NoProgram {
        /// `pg_dump` or `pg_restore`.
        program: &'static str,
        /// The major version of the server.
        major: u32,
        /// The versions that were found.
        found: Box<[u32]>,
    },
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The last it said.
        said: String,
    },
    /// A Sayso runs on the database that is to be replaced.
    #[error("a Sayso runs on this database: stop every one of them, then restore")]
    Running,
    /// The rows that were laid in are not those that were counted.
    #[error(
        "table {} came back with {} rows (sum {}) and the backup counted {} (sum {}): nothing was \
         changed",
        .counted.name, .found.rows, .found.sum, .counted.rows, .counted.sum
    )]
    Different {
        /// What was laid in.
        found: Box<Table>,
        /// What the backup says.
        counted: Box<Table>,
    },
    /// A table of the backup is not there after it was laid in.
    #[error("table {0} of the backup did not come back: nothing was changed")]
    TableMissing(Box<str>),
    /// The script of `pg_restore` is not one.
    #[error("the dump cannot be read: {0}")]
    Script(&'static str),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// PostgreSQL refused something.
    #[error("the database refused it: {}", said(.0))]
    Database(Error),
}

impl From<Error> for BackupError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

struct Majors<'a>(&'a [u32]);

impl std::fmt::Display for Majors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.0.iter().map(u32::to_string).collect();
        write!(f, " (only {})", names.join(", "))
    }
}

/// What PostgreSQL said: the error's own text is only `db error`. Details may
/// hold what people wrote, and stay unsaid.
fn said(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
    }
}
