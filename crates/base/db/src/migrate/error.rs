//! Why a schema could not be changed: one clear line each.

use std::fmt;

use tokio_postgres::error::{Error, SqlState};

/// Why the schema could not be brought up to date, or back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Another node has been migrating for too long.
    #[error(
        "another Sayso (process {pid} of this PostgreSQL) is migrating this database and was not \
         done within {minutes} min: look at it in pg_stat_activity, or wait and start again"
    )]
    Busy {
        /// The holder's process id on the server.
        pid: i32,
        /// How long it was waited for.
        minutes: u64,
    },
    /// The database was made by a newer Sayso.
    #[error(
        "this database is at schema {found}, and this Sayso knows only {known}: \
         start the newer Sayso, go back with its `sayso migrate rollback`, or restore a backup"
    )]
    FromTheFuture {
        /// The version found.
        found: i32,
        /// The newest version known.
        known: i32,
    },
    /// A file was changed after it had been applied.
    #[error(
        "migration {name} was changed after it had been applied to this database: restore the \
         file, and put the change into a migration of its own"
    )]
    Altered {
        /// The file's name.
        name: &'static str,
    },
    /// A file that cannot be run safely.
    #[error("migration {name} cannot be run: {why}")]
    Malformed {
        /// The file's name.
        name: &'static str,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// PostgreSQL's own additions are not installed on the server.
    #[error(
        "this PostgreSQL lacks the extensions {names}: install the package postgresql-contrib on \
         its machine (on Debian and Ubuntu it is part of postgresql-<version>) and start again"
    )]
    ExtensionsMissing {
        /// The names of those that are missing.
        names: Box<str>,
    },
    /// Somebody else's lock was in the way all the time.
    #[error(
        "migration {name} found its tables locked in {tries} tries and changed nothing at \
         statement {statement}: end the long transaction in its way (pg_stat_activity shows it) \
         and start again"
    )]
    Locked {
        /// The file's name.
        name: &'static str,
        /// Which statement, from 1.
        statement: usize,
        /// How often it was tried.
        tries: u32,
    },
    /// A statement failed.
    #[error("migration {name} failed at statement {statement} (line {line}): {}", Said(.error))]
    Failed {
        /// The file's name.
        name: &'static str,
        /// Which statement, from 1.
        statement: usize,
        /// The line it begins in.
        line: usize,
        /// What PostgreSQL said.
        error: Error,
    },
    /// A version that `rollback` was asked to go back to and that is none.
    #[error("there is no migration {0} to go back to")]
    NoSuchVersion(i32),
    /// The database cannot be reached or refused something basic.
    #[error("the database cannot be migrated: {}", Said(.0))]
    Database(Error),
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Whether trying again in a moment may help: a lock was not granted in time.
pub(super) fn is_lock(error: &Error) -> bool {
    matches!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED))
}

/// What PostgreSQL said, with its advice: the error's own text is only
/// `db error`.
struct Said<'a>(&'a Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(said) = self.0.as_db_error() else {
            write!(f, "{}", self.0)?;
            let cause = std::error::Error::source(self.0);
            return cause.map_or(Ok(()), |cause| write!(f, ": {cause}"));
        };
        f.write_str(said.message())?;
        for more in [said.detail(), said.hint()].into_iter().flatten() {
            write!(f, " ({more})")?;
        }
        Ok(())
    }
}
