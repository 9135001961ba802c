//! What PostgreSQL can refuse, and what that means for the caller.

use sayso_kernel::Fault;
use tokio_postgres::error::SqlState;

/// A statement that failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A named constraint refused the row. Names of constraints are API: a
    /// repository turns them into faults with [`OnConstraint`].
    #[error("constraint {name} refused the row")]
    Constraint {
        /// The constraint's (or unique index's) name.
        name: String,
    },
    /// A deadlock or a serialization failure: the whole transaction may be run
    /// again.
    #[error("the transaction must be run again: {0}")]
    Conflict(#[source] tokio_postgres::Error),
    /// The server is away, full, read-only, hung or shutting down.
    #[error("the database cannot answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection went away under the statement.
    #[error("the connection to the database was lost: {0}")]
    Disconnected(#[source] tokio_postgres::Error),
    /// The server did not answer in time: it hangs, or the line to it is dead.
    /// What was asked for may still be done.
    #[error("the database did not answer in time")]
    Silent,
    /// A bug: a statement that does not fit its schema or its parameters.
    #[error("the statement failed: {0}")]
    Bug(#[source] tokio_postgres::Error),
}

impl DbError {
    /// What it is, in a word that tells nothing of what was stored.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Constraint { .. } => "constraint",
            Self::Conflict(_) => "conflict",
            Self::Unavailable(_) => "unavailable",
            Self::Disconnected(_) => "disconnected",
            Self::Silent => "silent",
            Self::Bug(_) => "bug",
        }
    }

    /// Whether the connection can no longer be used.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Disconnected(_) | Self::Silent)
    }

    /// Something other than the statement itself made it fail.
    pub(crate) fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.is_closed() {
            return Self::Disconnected(error);
        }
        let Some(state) = error.code() else {
            // Without a SQLSTATE it is the wire (an io error) or our own
            // parameters (a conversion): only the former may heal.
            let is_io = std::error::Error::source(&error)
                .is_some_and(|source| source.downcast_ref::<std::io::Error>().is_some());
            return if is_io { Self::Disconnected(error) } else { Self::Bug(error) };
        };
        classify(state.clone(), error)
    }
}

fn classify(state: SqlState, error: tokio_postgres::Error) -> DbError {
    if state == SqlState::T_R_SERIALIZATION_FAILURE || state == SqlState::T_R_DEADLOCK_DETECTED {
        return DbError::Conflict(error);
    }
    // Class 23: integrity constraints.
    if state.code().starts_with("23")
        && let Some(name) = error.as_db_error().and_then(|db| db.constraint())
    {
        return DbError::Constraint { name: name.to_owned() };
    }
    if state == SqlState::ADMIN_SHUTDOWN || state == SqlState::CRASH_SHUTDOWN {
        return DbError::Disconnected(error);
    }
    // 25006 read-only transaction, 53 resources (disk full, connections), 55P03
    // lock timeout, 57 operator intervention and statement timeout, 58 system.
    let code = state.code();
    if code == "25006"
        || code == "55P03"
        || code == "25P03"
        || ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
    {
        return DbError::unavailable(error);
    }
    DbError::Bug(error)
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Conflict(_)
            | DbError::Unavailable(_)
            | DbError::Disconnected(_)
            | DbError::Silent => Self::unavailable(error),
            DbError::Constraint { .. } | DbError::Bug(_) => Self::internal(error),
        }
    }
}

/// Turns a refused row into the fault it means, at the call site.
pub trait OnConstraint<T> {
    /// When the constraint `name` refused the row, the answer is `fault()`.
    fn on_constraint(self, name: &str, fault: impl FnOnce() -> Fault) -> Result<T, Fault>;
}

impl<T> OnConstraint<T> for Result<T, DbError> {
    fn on_constraint(self, name: &str, fault: impl FnOnce() -> Fault) -> Result<T, Fault> {
        match self {
            Err(DbError::Constraint { name: refused }) if refused == name => Err(fault()),
            other => other.map_err(Fault::from),
        }
    }
}
