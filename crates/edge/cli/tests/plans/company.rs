//! A company of a size, in a database of its own.

use std::process::{Command, Stdio};
use std::str::FromStr;

use sayso_config::process_environment;
use sayso_testkit::{TestDatabase, TestFolder};
use tokio_postgres::{Client, Config, NoTls};

use crate::past;

/// What a session is told before it asks: what stands in the settings of the
/// managed server, and the generic plan, which is what a statement comes to
/// that is run for the sixth time.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off;
    SET max_parallel_workers_per_gather = 0; SET random_page_cost = 1.1; SET work_mem = '8MB';
    SET effective_cache_size = '1GB'; SET timezone = 'UTC'; SET search_path = public";

/// The company.
pub struct Company {
    config: Config,
    /// Dropped with it.
    _database: Option<TestDatabase>,
}

impl Company {
    /// Made by the command that operators use, with what happened in it: so
    /// many of a hundred of its messages are told in the log.
    pub async fn seeded(scale: &str, told: i64) -> Self {
        let (database, folder) = (TestDatabase::new().await, TestFolder::new());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
        for (name, _) in process_environment() {
            if name.starts_with("SAYSO_") || name == "DATABASE_URL" || name == "REDIS_URL" {
                command.env_remove(name);
            }
        }
        command
            .args(["seed", "--scale", scale])
            .env("DATABASE_URL", database.app_url())
            .env("SAYSO_DATABASE__OWNER_URL", database.owner_url())
            .env("SAYSO_DATA_DIR", folder.path())
            .env("SAYSO_SECRETS__ROOT_KEY", "07".repeat(32))
            .stdin(Stdio::null());
        let seeding = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = seeding.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let config = database.superuser_config();
        past::happens(&connect(&config).await, database.db(), told).await;
        Self { config, _database: Some(database) }
    }

    /// One that was made before.
    pub async fn at(url: &str) -> Self {
        Self { config: Config::from_str(url).unwrap(), _database: None }
    }

    /// A session that is asked as Sayso asks.
    pub async fn client(&self) -> Client {
        let client = connect(&self.config).await;
        client.batch_execute(SESSION).await.unwrap();
        client
    }

    /// Tells the planner of every row instead of a sample, so that it comes to
    /// the same plans each time.
    pub async fn know_everything(&self) {
        let client = self.client().await;
        client.batch_execute("SET default_statistics_target = 300; ANALYZE").await.unwrap();
    }

    /// How large it is, in words.
    pub async fn size(&self) -> String {
        let client = self.client().await;
        let mut parts = Vec::new();
        for table in ["tasks", "messages", "users", "channels", "audit_log", "event_log"] {
            let count = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await;
            parts.push(format!("{} {table}", count.unwrap().get::<_, i64>(0)));
        }
        let size = "SELECT pg_size_pretty(pg_database_size(current_database()))";
        let size: String = client.query_one(size, &[]).await.unwrap().get(0);
        format!("{}; {size} with indexes", parts.join(", "))
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
