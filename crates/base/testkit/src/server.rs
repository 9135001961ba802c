//! The PostgreSQL server of the tests: its roles, and the template from which
//! each test's database is copied.

use std::str::FromStr;

use sayso_config::process_environment;
use sayso_db::migrate::{self, MIGRATIONS};
use sayso_kernel::hex;
use sayso_kernel::secret::sha256;
use tokio::sync::OnceCell;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

/// The role that owns the tables, as in production.
pub(crate) const OWNER: &str = "sayso_owner";
/// The role that serves, as in production.
pub(crate) const APP: &str = "sayso_app";

/// Held by whoever prepares the roles and the template.
const LOCK: &str = "SELECT pg_advisory_lock(7240115399)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7240115399)";

/// Held by whoever drops what ended tests have left.
const TRY_SWEEP_LOCK: &str = "SELECT pg_try_advisory_lock(7240115398)";
const SWEEP_UNLOCK: &str = "SELECT pg_advisory_unlock(7240115398)";

/// As many databases of ended tests may lie on a server (12 MB each).
const LEFT_AT_MOST: usize = 200;

/// One process drops as many of them at the most: on a busy disk each takes a
/// second, and the first test of the process waits for it.
const SWEPT_AT_ONCE: usize = 20;

/// A server on which the template is ready.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    admin: Config,
    template: String,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// The server that `SAYSO_TEST_DATABASE_URL` names, prepared once a process
/// (and in truth by the first process that comes), and a superuser's connection
/// to it: whoever prepared goes on with the one it had.
pub(crate) async fn server() -> (&'static Server, Client) {
    let mut used = None;
    let server = SERVER
        .get_or_init(async || {
            let (server, client) = prepare().await;
            used = Some(client);
            server
        })
        .await;
    let client = match used {
        Some(client) => client,
        None => connect(&server.admin).await,
    };
    (server, client)
}

async fn prepare() -> (Server, Client) {
    let url = process_environment().find(|(name, _)| name == "SAYSO_TEST_DATABASE_URL");
    let Some((_, url)) = url else {
        panic!(
            "SAYSO_TEST_DATABASE_URL is not set: run `make test` or `scripts/test <filter>`, \
             which start a PostgreSQL for the tests"
        );
    };
    let admin = Config::from_str(&url).expect("SAYSO_TEST_DATABASE_URL is a PostgreSQL URL");
    let server = Server { admin, template: template_name() };
    let client = connect(&server.admin).await;
    sweep(&client).await;
    run(&client, LOCK).await;
    if !server.has_template(&client).await {
        server.make_template(&client).await;
    }
    run(&client, UNLOCK).await;
    (server, client)
}

/// Named by all migrations, so that one of another schema is never used.
fn template_name() -> String {
    let texts: Vec<&[u8]> = MIGRATIONS.iter().map(|migration| migration.up.as_bytes()).collect();
    format!("sayso_template_{}", &hex::encode(&sha256(&texts))[..12])
}

/// Drops some of the databases of tests that ended, once there are many of them.
///
/// A test does not drop its own: for every drop PostgreSQL writes out and syncs
/// the pages of all other databases, which took longer than most tests. One
/// after the other and little in between they cost next to nothing.
async fn sweep(client: &Client) {
    let row = client.query_one(TRY_SWEEP_LOCK, &[]).await.expect("a lock can be tried");
    if !row.get::<_, bool>(0) {
        return;
    }
    let rows = client
        .query("SELECT datname FROM pg_database WHERE datname LIKE 'sayso\\_test\\_%'", &[])
        .await
        .expect("databases can be listed");
    let names = rows.iter().map(|row| row.get::<_, String>(0));
    let left: Vec<String> = names.filter(|name| maker(name).is_some_and(is_gone)).collect();
    if left.len() > LEFT_AT_MOST {
        for name in left.iter().take(SWEPT_AT_ONCE) {
            drop_database(client, name).await;
        }
    }
    run(client, SWEEP_UNLOCK).await;
}

/// The process that made a database.
fn maker(name: &str) -> Option<i32> {
    name.split('_').nth(2)?.parse().ok()
}

fn is_gone(pid: i32) -> bool {
    let found = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None);
    found == Err(nix::errno::Errno::ESRCH)
}

async fn drop_database(client: &Client, name: &str) {
    run(client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
}

pub(crate) async fn run(client: &Client, sql: &str) {
    if let Err(error) = client.batch_execute(sql).await {
        panic!("{sql}: {error:?}");
    }
}

/// Connects, and drives the connection on this runtime.
pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) =
        config.connect(NoTls).await.expect("the PostgreSQL of the tests can be reached");
    tokio::spawn(connection);
    client
}

impl Server {
    async fn has_template(&self, client: &Client) -> bool {
        // The flag is set last: a template without it was never finished.
        let sql = "SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate";
        let found = client.query_opt(sql, &[&self.template]).await;
        found.expect("databases can be listed").is_some()
    }

    async fn make_template(&self, client: &Client) {
        self.make_role(client, OWNER).await;
        self.make_role(client, APP).await;
        let stale = client
            .query("SELECT datname FROM pg_database WHERE datname LIKE 'sayso\\_template\\_%'", &[])
            .await
            .expect("databases can be listed");
        for row in stale {
            let name: String = row.get(0);
            run(client, &format!("ALTER DATABASE {name} IS_TEMPLATE false")).await;
            drop_database(client, &name).await;
        }
        run(client, &format!("CREATE DATABASE {} OWNER {OWNER}", self.template)).await;
        migrate::up(&self.config(OWNER, &self.template), Some(APP))
            .await
            .expect("all migrations apply to an empty database");
        run(client, &format!("ALTER DATABASE {} IS_TEMPLATE true", self.template)).await;
    }

    async fn make_role(&self, client: &Client, role: &str) {
        let password = self.password(role);
        let sql = format!(
            "DO $$ BEGIN
                 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                     CREATE ROLE {role} LOGIN;
                 END IF;
                 ALTER ROLE {role} PASSWORD '{password}';
             END $$"
        );
        run(client, &sql).await;
    }

    /// Copies the template.
    pub(crate) async fn clone_template(&self, client: &Client, name: &str) {
        drop_database(client, name).await;
        let sql = format!("CREATE DATABASE {name} TEMPLATE {} OWNER {OWNER}", self.template);
        run(client, &sql).await;
    }

    /// Makes a database without any schema.
    pub(crate) async fn make_empty(&self, client: &Client, name: &str) {
        drop_database(client, name).await;
        run(client, &format!("CREATE DATABASE {name} OWNER {OWNER}")).await;
    }

    /// As the superuser, to `database`.
    pub(crate) fn admin_of(&self, database: &str) -> Config {
        let mut config = self.admin.clone();
        config.dbname(database);
        config
    }

    /// As `role`, to `database`.
    pub(crate) fn config(&self, role: &str, database: &str) -> Config {
        let mut config = self.admin_of(database);
        config.user(role).password(self.password(role));
        config
    }

    /// The same as a URL.
    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        let host = match self.admin.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.to_string_lossy().replace('/', "%2F"),
            None => "127.0.0.1".to_owned(),
        };
        let port = self.admin.get_ports().first().copied().unwrap_or(5432);
        format!("postgres://{role}:{}@{host}:{port}/{database}", self.password(role))
    }

    /// Every process of a run knows it, and nobody who cannot be superuser.
    fn password(&self, role: &str) -> String {
        let secret = self.admin.get_password().unwrap_or_default();
        hex::encode(&sha256(&[secret, b"/", role.as_bytes()]))
    }
}
