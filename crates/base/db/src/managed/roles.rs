//! The roles of the managed database and how to connect as one of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sayso_kernel::hex;
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Random, secret};
use tokio_postgres::Config;

use super::error::{Attempt, ManagedError};
use super::folder::{DataFolder, PORT};

/// The database.
const DATABASE: &str = "sayso";
/// The superuser: for an operator in need, never for Sayso.
const SUPERUSER: &str = "postgres";
/// Owns the database and runs migrations.
const OWNER: &str = "sayso_owner";
/// Serves.
const APP: &str = "sayso_app";

/// How long an answer to a start-up packet may take.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The passwords of the roles, all derived from one key in the data folder.
#[derive(Clone, Debug)]
pub(super) struct Roles(RootKey);

impl Roles {
    /// Reads the key, or makes it; the folder must be locked.
    pub(super) fn ensure(folder: &DataFolder, random: &Random) -> Result<Self, ManagedError> {
        let path = folder.auth();
        if !path.exists() {
            let text = format!("{}\n", hex::encode(&random.bytes::<{ RootKey::LEN }>()));
            folder.write(&path, &text, 0o600)?;
        }
        Self::read(&path)
    }

    /// Reads the key.
    pub(super) fn read(path: &Path) -> Result<Self, ManagedError> {
        let text = fs::read_to_string(path).trying("read", path)?;
        // The text is hashed rather than parsed: whatever stands there is the
        // key, and a damaged one is found out by the server.
        Ok(Self(RootKey::new(secret::sha256(&[text.trim().as_bytes()]))))
    }

    fn password(&self, role: &str) -> String {
        hex::encode(&self.0.derive(&format!("managed-postgres/{role}")))
    }

    /// The statements that make roles and database, one a line, as the
    /// single-user mode of the server reads them.
    pub(super) fn statements(&self) -> String {
        let password = |role| self.password(role);
        [
            format!("ALTER ROLE {SUPERUSER} PASSWORD '{}'", password(SUPERUSER)),
            format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{}'", password(OWNER)),
            format!("CREATE ROLE {APP} LOGIN PASSWORD '{}'", password(APP)),
            // The age of the oldest snapshot is watched, whoever holds it.
            format!("GRANT pg_read_all_stats TO {APP}"),
            format!("CREATE DATABASE {DATABASE} OWNER {OWNER}"),
            format!("REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC"),
            format!("GRANT CONNECT ON DATABASE {DATABASE} TO {APP}"),
        ]
        .map(|statement| statement + "\n")
        .concat()
    }

    /// How to connect as the role that owns the tables.
    pub(super) fn owner_config(&self, socket_folder: &Path) -> Config {
        self.config(socket_folder, OWNER)
    }

    /// How to connect as the role that serves.
    pub(super) fn app_config(&self, socket_folder: &Path) -> Config {
        self.config(socket_folder, APP)
    }

    fn config(&self, socket_folder: &Path, role: &str) -> Config {
        let mut config = Config::new();
        config.host_path(socket_folder).port(PORT);
        config.user(role).password(self.password(role)).dbname(DATABASE);
        config.application_name("sayso").connect_timeout(CONNECT_WAIT);
        config
    }
}
