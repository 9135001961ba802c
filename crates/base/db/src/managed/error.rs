//! Why there is no managed PostgreSQL: one clear line each.

use std::io;
use std::path::{Path, PathBuf};

use super::binaries::OLDEST_MAJOR;

/// Why a managed PostgreSQL could not be started or reached.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// No server on this machine.
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or newer was found{}: install it (Debian, Ubuntu: apt install \
         postgresql; macOS: brew install postgresql@17), name its folder with SAYSO_PG_BIN, or \
         name a database with DATABASE_URL",
        listed(" (only ", found, ")")
    )]
    NoBinaries {
        /// What was found and is too old.
        found: Vec<u32>,
    },
    /// The folder that was named holds no server.
    #[error("{} holds no runnable postgres and initdb (SAYSO_PG_BIN)", path.display())]
    NotBinaries {
        /// The folder.
        path: PathBuf,
    },
    /// The data was written by another major version.
    #[error(
        "{} was written by PostgreSQL {folder}, and {} is here: install PostgreSQL {folder} (Debian, \
         Ubuntu: apt install postgresql-{folder}; macOS: brew install postgresql@{folder}), or move \
         the data with pg_upgrade",
        path.display(), listed("only ", found, "")
    )]
    OtherMajor {
        /// The cluster.
        path: PathBuf,
        /// The version that wrote it.
        folder: Box<str>,
        /// The versions found.
        found: Box<[u32]>,
    },
    /// Another Sayso holds the folder.
    #[error("another Sayso (process {holder}) already runs on {}", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// Its process id, as it wrote it.
        holder: String,
    },
    /// PostgreSQL refuses to run as root, and there is nobody else to run it.
    #[error(
        "Sayso runs as root, as whom PostgreSQL must not run, and there is no user `postgres`: make \
         one with `useradd --system postgres`, or run Sayso as an ordinary user"
    )]
    NoUser,
    /// The data belongs to somebody we cannot become.
    #[error("{} belongs to user {owner}, as whom PostgreSQL cannot be run from here", path.display())]
    ForeignFolder {
        /// The cluster.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
    /// A folder above the data cannot be passed by the user of PostgreSQL.
    #[error(
        "user {user} cannot enter {}: keep the data elsewhere with SAYSO_DATA_DIR (for example \
         /var/lib/sayso), or allow it with chmod o+x",
        path.display()
    )]
    NotTraversable {
        /// The folder that is closed.
        path: PathBuf,
        /// The user of PostgreSQL.
        user: String,
    },
    /// A folder with our name that is not a cluster.
    #[error("{} exists and is not a PostgreSQL data folder: move it away", path.display())]
    NotACluster {
        /// The folder.
        path: PathBuf,
    },
    /// An old server of this folder does not end.
    #[error("an old PostgreSQL (process {pid}) of {} does not end", path.display())]
    OldServer {
        /// The cluster.
        path: PathBuf,
        /// Its process id.
        pid: i32,
    },
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The last it said.
        said: String,
    },
    /// The server ran and did not answer in time.
    #[error("PostgreSQL does not answer: {said}")]
    NoAnswer {
        /// The last that was heard of it.
        said: String,
    },
    /// Something on disk could not be done.
    #[error("cannot {what} {}: {error}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Adds to an input-output error what was tried on what.
pub(super) trait Attempt<T> {
    /// Names the attempt.
    fn trying(self, what: &'static str, path: &Path) -> Result<T, ManagedError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn trying(self, what: &'static str, path: &Path) -> Result<T, ManagedError> {
        self.map_err(|error| ManagedError::Io { what, path: path.to_path_buf(), error })
    }
}

/// `before`, the majors, `after`; or nothing when there are none.
fn listed(before: &str, majors: &[u32], after: &str) -> String {
    if majors.is_empty() {
        return if before.starts_with(' ') { String::new() } else { "none".to_owned() };
    }
    let names: Vec<String> = majors.iter().map(u32::to_string).collect();
    format!("{before}{}{after}", names.join(", "))
}
