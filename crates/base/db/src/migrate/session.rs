//! The one connection that changes the schema, alone among all nodes.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::error::MigrateError;

/// Two nodes must not migrate at once. The lock is taken by trying: a session
/// that *waits* for a lock holds a snapshot that an index built concurrently
/// would wait for in turn.
const LOCK: &str = "SELECT pg_try_advisory_lock(7240115312)";
/// Who holds it: the key is stored in two halves.
const HOLDER: &str = "SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND classid = (7240115312 >> 32)::oid AND objid = (7240115312 & 4294967295)::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// How often a waiting node says so.
const LOCK_NOTICE: Duration = Duration::from_secs(10);

/// For the whole session. A statement whose Sayso was killed is given up by
/// PostgreSQL within a second instead of going on (and keeping the lock) for
/// as long as it takes, and a Sayso that hangs or whose machine is gone does
/// not keep it for ever. Each is set by itself and may be refused: not every
/// version and system knows all of them.
const SETTINGS: [(&str, &str); 8] = [
    ("search_path", "public"),
    ("client_min_messages", "warning"),
    ("client_connection_check_interval", "1s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("idle_session_timeout", "60s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// An open connection as the owner.
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Session {
    /// Connects.
    pub async fn open(owner: &Config) -> Result<Self, MigrateError> {
        let (client, connection) = owner.connect(NoTls).await?;
        let driver = tokio::spawn(connection);
        let settings = SETTINGS.map(|(name, value)| {
            format!(
                "DO $$ BEGIN PERFORM set_config('{name}', '{value}', false);
                 EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN NULL; END $$;"
            )
        });
        client.batch_execute(&settings.concat()).await?;
        Ok(Self { client, driver })
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until this node is the only one that migrates this database.
    pub async fn lock(&self, wait_max: Duration) -> Result<(), MigrateError> {
        let (started, mut told) = (Instant::now(), Instant::now());
        loop {
            if self.client.query_one(LOCK, &[]).await?.get(0) {
                return Ok(());
            }
            if started.elapsed() > wait_max {
                return self.busy(wait_max).await;
            }
            if told.elapsed() > LOCK_NOTICE {
                told = Instant::now();
                tracing::info!("another Sayso is migrating this database; waiting for it");
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }

    async fn busy(&self, waited: Duration) -> Result<(), MigrateError> {
        let holder = self.client.query_opt(HOLDER, &[]).await?;
        let pid = holder.map_or(0, |row| row.get(0));
        Err(MigrateError::Busy { pid, minutes: waited.as_secs().div_ceil(60) })
    }

    /// Leaves in order, and with that lets go of the lock.
    pub async fn close(self) {
        drop(self.client);
        let _ = self.driver.await;
    }
}
