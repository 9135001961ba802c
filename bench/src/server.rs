//! The servers that are measured, on databases that are made for them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};
use tokio_postgres::{Client as Database, Config, NoTls};

use crate::args::Args;
use crate::client::{Ask, Client};
use crate::company::Company;
use crate::load::Aim;
use crate::usage::Processes;

const OWNER: &str = "sayso_bench_owner";
const APP: &str = "sayso_bench_app";
/// Of both roles, in a PostgreSQL that goes away with the run.
const PASSWORD: &str = "bench";
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(15);
/// The default of the server, and what the peer's hashes are made with.
const BCRYPT_COST: u32 = 12;
const PEER_PASSWORD: &str = "correct horse battery staple";

/// Sayso as it is measured: authentication, audit, events and limits on, the
/// limits out of reach. Logs tell of faults only, as the peer's.
const SETTINGS: [(&str, &str); 12] = [
    ("SAYSO_LOG__FILTER", "warn"),
    ("SAYSO_LIMITS__ENABLED", "true"),
    ("SAYSO_LIMITS__READ_PER_MINUTE", "1000000"),
    ("SAYSO_LIMITS__WRITE_PER_MINUTE", "1000000"),
    ("SAYSO_LIMITS__SEARCH_PER_MINUTE", "1000000"),
    ("SAYSO_LIMITS__LOGIN_PER_MINUTE", "1000000"),
    ("SAYSO_AUTH__BCRYPT_COST", "12"),
    ("SAYSO_AUTH__ACCESS_TTL_SECS", "14400"),
    ("SAYSO_AUTH__SESSIONS_MAX", "50"),
    ("SAYSO_REALTIME__SOCKETS_PER_PERSON_MAX", "100"),
    ("SAYSO_SECRETS__ROOT_KEY", "0707070707070707070707070707070707070707070707070707070707070707"),
    ("SAYSO_DATABASE__SLOW_STATEMENT_MS", "2500"),
];

/// A database with a company in it.
#[derive(Debug)]
pub struct Stock {
    name: String,
    args: Args,
    folder: PathBuf,
    company: Company,
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// What it is called in the report.
    pub name: &'static str,
    /// How it is reached, and who is there.
    pub aim: Aim,
    child: Child,
}

impl Stock {
    /// Makes a company of a size, for both servers.
    pub async fn make(args: &Args, tasks: u64) -> Result<Self> {
        let name = format!("bench_{tasks}");
        let folder = std::env::temp_dir().join(format!("sayso-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let admin = connect(&args.database_url, None).await?;
        make_database(&admin, &name).await?;
        let people = (tasks / 100).clamp(100, 2_000);
        let scale = format!(
            "tasks={tasks},messages={tasks},people={people},channels={}",
            (people / 5).max(20)
        );
        eprintln!("making a company: {scale}");
        let output = Command::new(&args.sayso)
            .args(["seed", "--scale", &scale])
            .env_clear()
            .envs(settings(args, &name, &folder)?)
            .output()
            .await?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let is_password =
            |word: &&str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
        let password = told.split_whitespace().find(is_password);
        let password = password.with_context(|| format!("no password in {told}"))?.to_owned();
        let db = connect(&args.database_url, Some(&name)).await?;
        let company = Company::read(&db, &password).await?;
        fill_peer(&db, &args.peer).await?;
        Ok(Self { name, args: args.clone(), folder, company })
    }

    /// Starts Sayso on it, with some settings more.
    pub async fn sayso(&self, more: &[(String, String)]) -> Result<Running> {
        let port = free_port()?;
        let mut command = Command::new(&self.args.sayso);
        command
            .arg("serve")
            .env_clear()
            .envs(settings(&self.args, &self.name, &self.folder)?)
            .env("SAYSO_HTTP__LISTEN", format!("127.0.0.1:{port}"))
            .env("REDIS_URL", &self.args.redis_url)
            .env("SAYSO_REDIS__PREFIX", self.name.replace('_', ""))
            .envs(more.iter().map(|(name, value)| (name, value)));
        self.start("Sayso", command, port, &self.company.password).await
    }

    /// Starts the peer on it.
    pub async fn peer(&self) -> Result<Running> {
        let port = free_port()?;
        let mut command = Command::new(&self.args.node);
        command
            .env_clear()
            .arg("src/server.js")
            .current_dir(&self.args.peer)
            .env("NODE_ENV", "production")
            .env("PORT", port.to_string())
            .env("DATABASE_URL", url(&self.args, "postgres", &self.name)?)
            .env("REDIS_URL", &self.args.redis_url)
            .env("ACCESS_SECONDS", "14400")
            .env("JWT_SECRET", "0707070707070707070707070707070707070707070707070707070707070707");
        self.start("peer", command, port, PEER_PASSWORD).await
    }

    /// A connection as the superuser.
    pub async fn database(&self) -> Result<Database> {
        connect(&self.args.database_url, Some(&self.name)).await
    }

    /// Its URL, as the superuser.
    pub fn url(&self) -> Result<String> {
        url(&self.args, "postgres", &self.name)
    }

    async fn start(
        &self,
        name: &'static str,
        mut command: Command,
        port: u16,
        password: &str,
    ) -> Result<Running> {
        let log = std::fs::File::create(self.folder.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{name} does not start"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + READY_WITHIN;
        while !is_ready(address).await {
            let log = || std::fs::read_to_string(self.folder.join(format!("{name}.log")));
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended ({status}): {}", log()?);
            }
            ensure!(Instant::now() < deadline, "{name} does not become ready: {}", log()?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let company = self.company.come_in(address, password).await?;
        let pid = i32::try_from(child.id().context("it runs")?)?;
        let processes =
            Processes { server: pid, postgres: self.args.postgres_pid, redis: self.args.redis_pid };
        Ok(Running { name, aim: Aim { address, processes, company }, child })
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Running {
    /// Stops it.
    pub async fn stop(mut self) -> Result<()> {
        let pid = self.aim.processes.server.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let ended = tokio::time::timeout(STOPPED_WITHIN, self.child.wait()).await;
        if ended.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// A connection of the client with a number.
    pub async fn client(&self, number: usize) -> Result<Client> {
        Client::connect(self.aim.address, Some(self.aim.company.token(number))).await
    }

    /// The company as it knows it.
    pub fn company(&self) -> &Arc<Company> {
        &self.aim.company
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut client) = Client::connect(address, None).await else { return false };
    let answer = client.ask(&Ask::get("/health/ready")).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn settings(args: &Args, database: &str, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut all: Vec<(String, String)> =
        SETTINGS.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    all.push(("DATABASE_URL".into(), url(args, APP, database)?));
    all.push(("SAYSO_DATABASE__OWNER_URL".into(), url(args, OWNER, database)?));
    all.push(("SAYSO_DATA_DIR".into(), folder.join("data").display().to_string()));
    all.extend(args.settings.iter().cloned());
    Ok(all)
}

/// The URL of a database for a role; that of the superuser is the given one.
fn url(args: &Args, role: &str, database: &str) -> Result<String> {
    let (server, _) = args.database_url.rsplit_once('/').context("the URL names a database")?;
    if role == "postgres" {
        return Ok(format!("{server}/{database}"));
    }
    let (_, host) = server.rsplit_once('@').context("the URL names a user")?;
    Ok(format!("postgres://{role}:{PASSWORD}@{host}/{database}"))
}

async fn connect(url: &str, database: Option<&str>) -> Result<Database> {
    let mut config: Config = url.parse()?;
    if let Some(database) = database {
        config.dbname(database);
    }
    let (client, connection) = config.connect(NoTls).await.context("connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn make_database(admin: &Database, name: &str) -> Result<()> {
    for role in [OWNER, APP] {
        admin
            .batch_execute(&format!(
                "DO $$ BEGIN
                     IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                         CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';
                     END IF;
                 END $$"
            ))
            .await?;
    }
    admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    admin.batch_execute(&format!("CREATE DATABASE {name} OWNER {OWNER}")).await?;
    Ok(())
}

/// The peer's tables with the same rows, and its passwords.
async fn fill_peer(db: &Database, folder: &Path) -> Result<()> {
    let schema = std::fs::read_to_string(folder.join("schema.sql"))?;
    db.batch_execute(&schema).await.context("fill the peer's tables")?;
    let hash = bcrypt::hash(PEER_PASSWORD, BCRYPT_COST)?;
    db.execute("UPDATE peer.users SET password_hash = $1", &[&hash]).await?;
    db.batch_execute("VACUUM (ANALYZE)").await?;
    Ok(())
}
