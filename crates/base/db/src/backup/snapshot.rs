//! One moment of the database, held still.

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::BackupError;

/// Nothing ends the transaction that holds the moment still, and rows are
/// written alike on every server.
pub(super) const QUIET: &str = "
    SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; SET lock_timeout = 0;
    SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_min_messages = warning";

const HOLD: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const NAME: &str = "SELECT pg_export_snapshot(), current_setting('server_version_num')::integer";

/// The tables that hold rows and keep them after a crash: ranges of the log
/// each by itself.
const TABLES: &str = "
    SELECT relname::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p'
    ORDER BY relname";

const SCHEMA: &str = "SELECT to_regclass('public.schema_migrations') IS NOT NULL";
const SCHEMA_VERSION: &str = "SELECT coalesce(max(version), 0) FROM public.schema_migrations";
const HEAD: &str = "SELECT epoch, position FROM public.log_head";

/// What is in a database at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contents {
    /// The server's version, as PostgreSQL numbers it (150018).
    pub server_version: i32,
    /// The last migration.
    pub schema: i32,
    /// The name of the history; none before the first start.
    pub epoch: Option<String>,
    /// Where the log ended.
    pub position: i64,
    /// Every table.
    pub tables: Vec<Table>,
}

/// What is in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: i64,
    /// The sum of a hash of each row: another content has another sum, in
    /// whatever order the rows stand.
    pub sum: String,
}

impl Contents {
    /// The major version of the server.
    #[must_use]
    pub fn major(&self) -> u32 {
        u32::try_from(self.server_version / 10_000).unwrap_or_default()
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// A connection that holds one moment of the database still until it is
/// dropped.
#[derive(Debug)]
pub struct Snapshot {
    client: Client,
    driver: JoinHandle<()>,
    /// By which name others see the same moment.
    pub(super) id: String,
    server_version: i32,
    pub(super) owner: Config,
}

impl Snapshot {
    /// Holds the present moment, as the role that owns the tables.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn hold(owner: &Config) -> Result<Self, BackupError> {
        let (client, driver) = connect(owner).await?;
        client.batch_execute(QUIET).await?;
        client.batch_execute(HOLD).await?;
        let row = client.query_one(NAME, &[]).await?;
        let (id, server_version) = (row.get(0), row.get(1));
        Ok(Self { client, driver, id, server_version, owner: owner.clone() })
    }

    /// Counts and hashes everything. `told` hears of each table when it is
    /// done.
    ///
    /// # Errors
    /// When the database goes away.
    pub async fn contents(&self, mut told: impl FnMut(&Table)) -> Result<Contents, BackupError> {
        let mut tables = Vec::new();
        for row in self.client.query(TABLES, &[]).await? {
            let table = measure(&self.client, row.get(0)).await?;
            told(&table);
            tables.push(table);
        }
        let (mut schema, mut head) = (0, None);
        if self.client.query_one(SCHEMA, &[]).await?.get(0) {
            schema = self.client.query_one(SCHEMA_VERSION, &[]).await?.get(0);
            head = self.client.query_opt(HEAD, &[]).await?;
        }
        let position = head.as_ref().map_or(0, |row| row.get(1));
        let epoch = head.map(|row| row.get(0));
        Ok(Contents { server_version: self.server_version, schema, epoch, position, tables })
    }

    /// The major version of the server.
    #[must_use]
    pub fn major(&self) -> u32 {
        u32::try_from(self.server_version / 10_000).unwrap_or_default()
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects, and drives the connection on this runtime.
pub(super) async fn connect(config: &Config) -> Result<(Client, JoinHandle<()>), BackupError> {
    let mut config = config.clone();
    config.application_name("sayso backup");
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(async move {
        // Whoever uses it hears of its end.
        let _ = connection.await;
    });
    Ok((client, driver))
}

/// Counts and hashes one table of the schema `public`.
pub(super) async fn measure(client: &Client, name: &str) -> Result<Table, BackupError> {
    let quoted = name.replace('"', "\"\"");
    let sql = format!(
        "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text
         FROM public.\"{quoted}\" t"
    );
    let row = client.query_one(&sql, &[]).await?;
    Ok(Table { name: name.to_owned(), rows: row.get(0), sum: row.get(1) })
}
