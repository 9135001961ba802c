//! A database of one's own, copied from the template.

use std::sync::atomic::{AtomicU32, Ordering};

use sayso_config::Database;
use sayso_db::{Db, DbLimits};
use tokio_postgres::{Client, Config};

use crate::server::{self, APP, OWNER, Server};

/// One test's database: all migrations applied, nothing in it.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static Server,
    name: String,
    db: Db,
}

impl TestDatabase {
    /// Copies the template.
    ///
    /// # Panics
    /// When `SAYSO_TEST_DATABASE_URL` is not set: `make test` and
    /// `scripts/test` do that.
    pub async fn new() -> Self {
        Self::made(async |server, admin, name| server.clone_template(admin, name).await).await
    }

    /// A database without any schema, owned by the role that migrates.
    pub async fn empty() -> Self {
        Self::made(async |server, admin, name| server.make_empty(admin, name).await).await
    }

    async fn made(make: impl AsyncFnOnce(&Server, &Client, &str)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (server, admin) = server::server().await;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sayso_test_{}_{count}", std::process::id());
        make(server, &admin, &name).await;
        let db = db(server.config(APP, &name), &limits());
        Self { server, name, db }
    }

    /// The database as the serving role, with the usual limits.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Another set of pools for it, as another node would have.
    #[must_use]
    pub fn another_db(&self, limits: &DbLimits) -> Db {
        db(self.app_config(), limits)
    }

    /// As the serving role.
    #[must_use]
    pub fn app_config(&self) -> Config {
        self.server.config(APP, &self.name)
    }

    /// As the role that owns the tables.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        self.server.config(OWNER, &self.name)
    }

    /// As the serving role.
    #[must_use]
    pub fn app_url(&self) -> String {
        self.server.url(APP, &self.name)
    }

    /// As the role that owns the tables.
    #[must_use]
    pub fn owner_url(&self) -> String {
        self.server.url(OWNER, &self.name)
    }

    /// A connection as the serving role, beside the pools.
    pub async fn app(&self) -> Client {
        server::connect(&self.app_config()).await
    }

    /// A connection as the owner, to add tables or triggers.
    pub async fn owner(&self) -> Client {
        server::connect(&self.owner_config()).await
    }

    /// A connection as the superuser, to end other connections or to do what
    /// an intruder would.
    pub async fn superuser(&self) -> Client {
        server::connect(&self.superuser_config()).await
    }

    /// As the superuser, for whoever opens several connections.
    #[must_use]
    pub fn superuser_config(&self) -> Config {
        self.server.admin_of(&self.name)
    }

    /// Runs statements as the owner.
    pub async fn change(&self, sql: &str) {
        server::run(&self.owner().await, sql).await;
    }
}

/// The limits of the default settings, but for the connections that reads share:
/// one does for a test, and each costs more than most of what it is asked.
fn limits() -> DbLimits {
    DbLimits { readers: 1, ..DbLimits::from(&Database::default()) }
}

fn db(config: Config, limits: &DbLimits) -> Db {
    Db::new(config, limits).expect("a pool can be prepared")
}

impl Drop for TestDatabase {
    /// Lets go of it. It goes with its server, or when too many have been left
    /// (see `server::sweep`).
    fn drop(&mut self) {
        self.db.close();
    }
}
