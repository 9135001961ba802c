//! A PostgreSQL of one test's own, to be killed, stopped, restarted or set
//! badly. It writes to the disk as in production, and ends with its value.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sayso_config::{process_environment, search_path};
use sayso_db::{Db, DbLimits, migrate};
use sayso_kernel::{Random, hex};
use tokio_postgres::{Client, Config, NoTls};

use crate::folder::TestFolder;
use crate::server::{self, APP, OWNER};
use crate::until::until;

/// A start may have to recover.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a shutdown may take.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// The database in it.
const NAME: &str = "sayso";
/// Where it is there, it has the kernel end the server with a test that is
/// killed.
const SETPRIV: &str = "/usr/bin/setpriv";
/// The superuser, and the user of the system who runs it for root.
const SUPERUSER: &str = "postgres";

/// A private server with one database.
#[derive(Debug)]
pub struct TestPostgres {
    folder: TestFolder,
    programs: PathBuf,
    password: String,
    port: u16,
    settings: Vec<String>,
    child: Option<Child>,
    stopped: Vec<Pid>,
}

impl TestPostgres {
    /// Makes and starts one with these settings (`name=value`) of its own, and
    /// brings its schema up to date.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine, or it does not start.
    pub async fn start(settings: &[&str]) -> Self {
        let server = Self::bare(settings).await;
        let migrated = migrate::up(&server.owner_config(), Some(APP)).await;
        migrated.expect("all migrations apply to an empty database");
        server
    }

    /// The same without any schema: whoever serves on it brings their own.
    pub async fn bare(settings: &[&str]) -> Self {
        let mut server = Self {
            folder: TestFolder::new(),
            programs: programs(),
            password: hex::encode(&Random::from_os().bytes::<16>()),
            port: free_port(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            child: None,
            stopped: Vec::new(),
        };
        server.initialise();
        server.start_again().await;
        let admin = server.connect(SUPERUSER, "postgres").await;
        for role in [OWNER, APP] {
            let sql = format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", server.password);
            server::run(&admin, &sql).await;
        }
        server::run(&admin, &format!("CREATE DATABASE {NAME} OWNER {OWNER}")).await;
        server
    }

    /// Pools for it, as the serving role.
    #[must_use]
    pub fn db(&self, limits: &DbLimits) -> Db {
        Db::new(self.app_config(), limits).expect("a pool can be prepared")
    }

    /// As the serving role.
    #[must_use]
    pub fn app_config(&self) -> Config {
        self.config(APP, NAME)
    }

    /// As the role that owns the tables.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        self.config(OWNER, NAME)
    }

    /// As the serving role.
    #[must_use]
    pub fn app_url(&self) -> String {
        self.url(APP)
    }

    /// As the role that owns the tables.
    #[must_use]
    pub fn owner_url(&self) -> String {
        self.url(OWNER)
    }

    /// The folder of its programs.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// A connection as the superuser.
    pub async fn superuser(&self) -> Client {
        self.connect(SUPERUSER, NAME).await
    }

    /// Runs statements as the owner.
    pub async fn change(&self, sql: &str) {
        server::run(&self.connect(OWNER, NAME).await, sql).await;
    }

    /// Changes a setting of the running server, for new transactions.
    pub async fn set(&self, name: &str, value: &str) {
        let client = self.superuser().await;
        server::run(&client, &format!("ALTER SYSTEM SET {name} = '{value}'")).await;
        server::run(&client, "SELECT pg_reload_conf()").await;
        until("the setting to be in force", ENDED_WITHIN, async || {
            // A connection of its own: it begins with what is in force.
            let client = self.superuser().await;
            let row = client.query_one("SELECT current_setting($1)", &[&name]).await.ok()?;
            (row.get::<_, String>(0) == value).then_some(())
        })
        .await;
    }

    /// Ends every connection of the serving role; answers how many.
    pub async fn terminate_connections(&self, superuser: &Client) -> i64 {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE usename = $1 AND pid <> pg_backend_pid()";
        let row = superuser.query_one(sql, &[&APP]).await.expect("connections can be ended");
        row.get(0)
    }

    /// Ends it at once: nothing in it can react. Its children see that it is
    /// gone and end as well.
    pub async fn kill9(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    /// Restarts it as `pg_ctl restart -m fast` does: sessions are ended in
    /// order.
    pub async fn restart_fast(&mut self) {
        self.end(Signal::SIGINT).await;
        self.start_again().await;
    }

    /// Restarts it as `pg_ctl restart -m immediate` does: as after a crash.
    pub async fn restart_immediate(&mut self) {
        self.end(Signal::SIGQUIT).await;
        self.start_again().await;
    }

    /// Starts it after its end, and waits until it answers.
    pub async fn start_again(&mut self) {
        // What a killed one leaves behind must be gone first.
        until("an old server to be gone", ENDED_WITHIN, async || {
            self.spawn();
            let started = until("PostgreSQL to answer", READY_WITHIN, async || {
                if self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None))) {
                    return Some(false);
                }
                self.answers().await.then_some(true)
            });
            started.await.then_some(())
        })
        .await;
    }

    /// Hangs it: every process of it stands still, and its port still takes
    /// connections.
    pub fn hang(&mut self) {
        let postmaster = self.pid();
        // First, so that it starts no more of them.
        signal(postmaster, Signal::SIGSTOP);
        self.stopped = children(postmaster);
        self.stopped.push(postmaster);
        for pid in &self.stopped {
            signal(*pid, Signal::SIGSTOP);
        }
    }

    /// Lets it go on.
    pub fn go_on(&mut self) {
        for pid in self.stopped.drain(..) {
            signal(pid, Signal::SIGCONT);
        }
    }

    async fn end(&mut self, how: Signal) {
        signal(self.pid(), how);
        let mut child = self.child.take().expect("the server runs");
        until("PostgreSQL to end", ENDED_WITHIN, async || {
            child.try_wait().expect("a child can be waited for")
        })
        .await;
    }

    fn pid(&self) -> Pid {
        let id = self.child.as_ref().expect("the server runs").id();
        Pid::from_raw(i32::try_from(id).expect("a process id is an int"))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn initialise(&self) {
        let password = self.folder.path().join("password");
        std::fs::write(&password, &self.password).expect("the folder can be written to");
        let secret = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&password, secret).expect("its rights can be set");
        give_to_postgres(&password);
        give_to_postgres(self.folder.path());
        let output = as_postgres(&self.programs.join("initdb"))
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password)
            // SCRAM is slow on purpose, and these tests connect hundreds of times.
            .args(["--username", SUPERUSER, "--auth", "md5", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--no-instructions"])
            .output()
            .expect("initdb can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {said}");
    }

    fn spawn(&mut self) {
        let log = self.folder.path().join("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let log = log.expect("the folder of the test can be written to");
        let postgres = self.programs.join("postgres");
        let mut command = if Path::new(SETPRIV).is_file() {
            let mut command = as_postgres(Path::new(SETPRIV));
            command.args(["--pdeathsig", "QUIT"]).arg(postgres);
            command
        } else {
            as_postgres(&postgres)
        };
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        command.args(["-h", "127.0.0.1"]).arg("-k").arg(self.folder.path());
        command.args(["-c", "shared_buffers=16MB"]);
        if cfg!(target_os = "linux") {
            // After a crash it syncs its folder file by file otherwise, for seconds.
            command.args(["-c", "recovery_init_sync_method=syncfs"]);
        }
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("postgres can be run"));
    }

    async fn answers(&self) -> bool {
        let Ok((client, connection)) = self.config(SUPERUSER, "postgres").connect(NoTls).await
        else {
            return false;
        };
        tokio::spawn(connection);
        client.simple_query("SELECT 1").await.is_ok()
    }

    async fn connect(&self, role: &str, database: &str) -> Client {
        server::connect(&self.config(role, database)).await
    }

    fn config(&self, role: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).dbname(database);
        config.user(role).password(&self.password);
        config
    }

    fn url(&self, role: &str) -> String {
        format!("postgres://{role}:{}@127.0.0.1:{}/{NAME}", self.password, self.port)
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.go_on();
        if self.child.is_some() {
            signal(self.pid(), Signal::SIGQUIT);
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            eprintln!("--- PostgreSQL's log ends:\n{}\n---", lines.join("\n"));
        }
    }
}

/// One that has just ended is as good as signalled.
fn signal(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}

/// The processes that `parent` has started, those that have not yet said who
/// they are among them.
fn children(parent: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let text = listed.unwrap_or_else(|_| {
        let output = Command::new("pgrep").args(["-P", &parent.to_string()]).output();
        let output = output.expect("the system lists its processes");
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

/// PostgreSQL refuses root.
fn unprivileged() -> Option<User> {
    let named = || User::from_name(SUPERUSER).ok().flatten();
    Uid::effective().is_root().then(|| named().expect("there is a user postgres"))
}

fn as_postgres(program: &Path) -> Command {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/local/bin:/usr/bin:/bin");
    // A group of its own: a Ctrl-C is for the test.
    command.current_dir("/").process_group(0);
    if let Some(user) = unprivileged() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn give_to_postgres(folder: &Path) {
    if let Some(user) = unprivileged() {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).expect("root may give away");
    }
}

/// The folder of PostgreSQL's programs: that of `SAYSO_PG_BIN`, one of `PATH`,
/// or the newest of the usual packages.
fn programs() -> PathBuf {
    let named = process_environment().find(|(name, _)| name == "SAYSO_PG_BIN");
    let mut folders: Vec<PathBuf> = named.map(|(_, folder)| folder.into()).into_iter().collect();
    folders.extend(search_path());
    let mut packaged: Vec<PathBuf> = match std::fs::read_dir("/usr/lib/postgresql") {
        Ok(versions) => versions.flatten().map(|version| version.path().join("bin")).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("/usr/lib/postgresql: {error}"),
    };
    packaged.sort();
    folders.extend(packaged.into_iter().rev());
    // A link may lie where the others do not.
    let found = folders.into_iter().find_map(|folder| folder.join("initdb").canonicalize().ok());
    let found = found.expect("the programs of PostgreSQL are installed: `initdb` is in PATH");
    found.parent().expect("a program lies in a folder").to_path_buf()
}

/// A port that nobody listens on, below those the system hands out by itself
/// and apart from those of other servers of the tests.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 2_000).unwrap_or(0);
    loop {
        let port = 6_000 + (start + NEXT.fetch_add(7, Ordering::Relaxed)) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
