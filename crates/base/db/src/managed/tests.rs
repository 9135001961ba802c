//! A real server: started, killed, found again.

mod refusals;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sayso_kernel::{Random, hex};
use tokio_postgres::{Client, Config, NoTls};

use super::{Managed, ManagedError, ManagedOptions, ServerState, leftover};

/// Names the data folder to a test process that plays a Sayso to be killed.
const HELPER_FOLDER: &str = "SAYSO_TEST_MANAGED_FOLDER";

/// What is waited for in these tests comes long before this, or never.
const SOON: Duration = Duration::from_secs(60);

/// A folder that everybody can pass, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("sayso-managed-{}", hex::encode(&Random::from_os().bytes::<8>()));
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o755).create(&path).expect("a fresh folder");
        Self(path)
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn cluster(&self) -> PathBuf {
        self.data().join("postgres")
    }

    fn options(&self) -> ManagedOptions {
        ManagedOptions { data_dir: self.data(), pg_bin: None }
    }

    async fn start(&self) -> Result<Managed, ManagedError> {
        Managed::start(self.options(), &Random::from_os()).await
    }

    async fn refusal(&self) -> String {
        self.start().await.expect_err("a refusal").to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.expect("an answer").get(0)
}

fn pid_of(managed: &Managed) -> Pid {
    let ServerState::Up { pid } = *managed.state().borrow() else { panic!("the server is up") };
    Pid::from_raw(pid.try_into().expect("a process id"))
}

/// Whether a process runs; one that is dead and not yet waited for does not.
fn runs(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    let is_zombie = status.is_ok_and(|line| line.contains(") Z "));
    kill(pid, None).is_ok() && !is_zombie
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs this test binary again as a Sayso on `folder`, in its own process.
fn helper(folder: &Folder) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "managed::tests::a_process_that_others_kill", "--nocapture"])
        .env(HELPER_FOLDER, folder.data())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test binary runs")
}

/// The process id of the helper's server, once it is up.
fn server_of(helper: &mut Child) -> Pid {
    let lines = BufReader::new(helper.stdout.take().expect("its output")).lines();
    let said = lines.map_while(Result::ok).find_map(|line| {
        let (_, pid) = line.split_once("server ")?;
        pid.trim().parse().ok()
    });
    Pid::from_raw(said.expect("the helper says when its server is up"))
}

fn kill_nine(helper: &mut Child) {
    helper.kill().expect("it can be killed");
    helper.wait().expect("it is dead");
}

/// Does nothing in an ordinary run.
#[tokio::test]
async fn a_process_that_others_kill() {
    let folder = sayso_config::process_environment().find(|(name, _)| name == HELPER_FOLDER);
    let Some((_, data_dir)) = folder else { return };
    let options = ManagedOptions { data_dir: PathBuf::from(data_dir), pg_bin: None };

    let managed = Managed::start(options, &Random::from_os()).await.expect("a server");
    println!("\nserver {}", pid_of(&managed));
    managed.exited().await;
}

#[tokio::test]
async fn a_cold_start_makes_a_durable_private_cluster_and_a_warm_one_is_quick() {
    let folder = Folder::new();

    let began = Instant::now();
    let managed = folder.start().await.expect("a cold start");
    let cold = began.elapsed();
    let owner = connect(&managed.owner_config()).await.expect("the owner");
    owner
        .batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        .await
        .expect("a row");
    managed.shutdown().await;
    let began = Instant::now();
    let managed = folder.start().await.expect("a warm start");
    let warm = began.elapsed();
    println!("cold start {cold:?}, warm start {warm:?}");

    assert!(warm < Duration::from_secs(3), "{warm:?}");
    let owner = connect(&managed.owner_config()).await.expect("the owner");
    let app = connect(&managed.app_config()).await.expect("the serving role");
    assert_eq!(text(&owner, "SELECT n::text FROM kept").await, "7");
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("is_superuser", "off"),
        ("unix_socket_permissions", "0700"),
    ] {
        let query = format!("SELECT current_setting('{setting}')");
        assert_eq!(text(&app, &query).await, value, "{setting}");
    }
    let collation = "SELECT datcollate::text FROM pg_database WHERE datname = current_database()";
    assert_eq!(text(&app, collation).await, "C");
    assert!(app.batch_execute("CREATE TABLE own (n int)").await.is_err(), "it serves, no more");
    assert!(app.batch_execute("SELECT * FROM kept").await.is_err(), "nothing is granted yet");
    managed.shutdown().await;
}

#[tokio::test]
async fn nobody_connects_without_the_password_and_it_is_readable_by_the_owner_alone() {
    let folder = Folder::new();
    let managed = folder.start().await.expect("a server");
    let mut config = Config::new();
    let socket = fs::read_to_string(folder.data().join("postgres.socket")).expect("the record");
    config.host_path(socket.trim_end()).user("postgres").dbname("postgres");

    let without = connect(&config).await.map(drop).expect_err("refused");
    let wrong = connect(config.password("guess")).await.map(drop).expect_err("refused");

    let cause = std::error::Error::source(&without).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("password missing"), "{without}");
    assert_eq!(wrong.code().map(|code| code.code().to_owned()).as_deref(), Some("28P01"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.data().join("postgres.auth")), 0o600);
    assert_eq!(mode(Path::new(socket.trim_end())), 0o700);
    assert_eq!(mode(&folder.cluster()), 0o700);
    managed.shutdown().await;
}

#[tokio::test]
async fn a_killed_sayso_leaves_no_server_behind() {
    let folder = Folder::new();
    let mut helper = helper(&folder);
    let server = server_of(&mut helper);
    assert!(runs(server));

    kill_nine(&mut helper);

    until("the end of the server", || !runs(server)).await;
    let pid_file = folder.cluster().join("postmaster.pid");
    assert!(!pid_file.exists(), "it was told, and ended in order");
}

#[tokio::test]
async fn a_start_waits_for_the_old_server_of_the_folder_to_end() {
    let folder = Folder::new();
    let mut helper = helper(&folder);
    let server = server_of(&mut helper);
    let beside = Managed::attach(folder.options(), &Random::from_os()).await.expect("beside");
    let client = connect(&beside.app_config()).await.expect("the serving role");
    let checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let row = client.query_one(checkpointer, &[]).await.expect("it sees all processes");
    let checkpointer = Pid::from_raw(row.get(0));
    // The server cannot end before its checkpoint is written.
    kill(checkpointer, Signal::SIGSTOP).expect("it can be stopped");
    kill_nine(&mut helper);

    let (options, random) = (folder.options(), Random::from_os());
    let mut start = Box::pin(Managed::start(options, &random));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut start).await.is_ok();
    let waited_for = runs(server);
    kill(checkpointer, Signal::SIGCONT).expect("it can go on");
    assert!(waited_for && !early, "it must wait");
    let managed = start.await.expect("a server of its own");

    assert!(!runs(server));
    connect(&managed.app_config()).await.expect("it serves");
    managed.shutdown().await;
}

#[tokio::test]
async fn a_killed_server_heals_under_load_and_keeps_every_confirmed_row() {
    let folder = Folder::new();
    let managed = folder.start().await.expect("a server");
    let owner = managed.owner_config();
    let client = connect(&owner).await.expect("the owner");
    client.batch_execute("CREATE TABLE kept (n bigint PRIMARY KEY)").await.expect("a table");
    let stop = tokio_util::sync::CancellationToken::new();
    let writers: Vec<_> =
        (0..4).map(|lane| tokio::spawn(write_rows(owner.clone(), lane, stop.clone()))).collect();
    let first = pid_of(&managed);
    let count = "SELECT count(*)::text FROM kept";
    while text(&client, count).await.parse::<u32>().expect("a number") < 100 {}

    kill(first, Signal::SIGKILL).expect("it can be killed");
    let began = Instant::now();
    let mut state = managed.state();
    let healed = state.wait_for(|state| match state {
        ServerState::Up { pid } => i64::from(*pid) != i64::from(first.as_raw()),
        _ => false,
    });
    tokio::time::timeout(SOON, healed).await.expect("it heals").expect("it is watched");
    println!("healed in {:?}", began.elapsed());
    let client = connect(&owner).await.expect("the configuration stays valid");
    let before: u32 = text(&client, count).await.parse().expect("a number");
    while text(&client, count).await.parse::<u32>().expect("a number") < before + 100 {}
    stop.cancel();

    let mut confirmed = Vec::new();
    for writer in writers {
        confirmed.extend(writer.await.expect("no panic"));
    }
    let lost = "SELECT count(*)::text FROM unnest($1::bigint[]) n WHERE n NOT IN (TABLE kept)";
    let lost: String = client.query_one(lost, &[&confirmed]).await.expect("an answer").get(0);
    println!("{} rows confirmed", confirmed.len());
    assert_eq!(lost, "0");
    managed.shutdown().await;
}

/// Writes rows, reconnecting as needed, and answers which were confirmed.
async fn write_rows(
    config: Config,
    lane: i64,
    stop: tokio_util::sync::CancellationToken,
) -> Vec<i64> {
    let mut confirmed = Vec::new();
    let mut next = lane;
    while !stop.is_cancelled() {
        let Ok(client) = connect(&config).await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        while !stop.is_cancelled() {
            next += 4;
            if client.execute("INSERT INTO kept VALUES ($1)", &[&next]).await.is_err() {
                break;
            }
            confirmed.push(next);
        }
    }
    confirmed
}

#[tokio::test]
async fn a_second_sayso_is_refused_and_a_command_connects_beside_the_first() {
    let folder = Folder::new();
    let random = Random::from_os();
    let managed = folder.start().await.expect("a server");

    let line = folder.refusal().await;
    let beside = Managed::attach(folder.options(), &random).await.expect("beside");

    let expected = format!("another Sayso (process {}) already runs on", std::process::id());
    assert!(line.starts_with(&expected), "{line}");
    assert!(beside.is_beside());
    connect(&beside.owner_config()).await.expect("the owner, beside");
    beside.shutdown().await;
    connect(&managed.app_config()).await.expect("the first goes on");
    managed.shutdown().await;

    let own = Managed::attach(folder.options(), &random).await.expect("its own");
    assert!(!own.is_beside());
    connect(&own.app_config()).await.expect("the serving role");
    own.shutdown().await;
}

#[tokio::test]
async fn after_a_shutdown_no_process_of_the_cluster_is_left() {
    let folder = Folder::new();
    let managed = folder.start().await.expect("a server");
    let (server, config) = (pid_of(&managed), managed.app_config());
    let state = managed.state();

    managed.shutdown().await;

    assert_eq!(*state.borrow(), ServerState::Stopped);
    assert!(!runs(server));
    assert!(connect(&config).await.is_err());
    assert!(!folder.cluster().join("postmaster.pid").exists(), "it was an orderly end");
    let name = leftover::name_of(&folder.cluster()).expect("a name");
    let titles = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let left = titles.filter(|line| String::from_utf8_lossy(line).contains(&name)).count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_sayso_killed_while_it_makes_the_cluster_leaves_the_next_start_clean() {
    let folder = Folder::new();
    let draft = folder.data().join("postgres.new");
    let mut helper = helper(&folder);

    until("a half-made cluster", || draft.join("base").exists()).await;
    kill_nine(&mut helper);
    assert!(draft.exists() && !folder.cluster().exists(), "it was killed in the middle");
    let managed = folder.start().await.expect("a clean start");

    connect(&managed.owner_config()).await.expect("the owner");
    assert!(!draft.exists());
    managed.shutdown().await;
}

#[tokio::test]
async fn a_data_folder_with_a_long_path_gets_its_socket_elsewhere() {
    let folder = Folder::new();
    let data_dir = folder.data().join("long".repeat(30));
    let options = ManagedOptions { data_dir: data_dir.clone(), pg_bin: None };

    let managed = Managed::start(options.clone(), &Random::from_os()).await.expect("a server");
    let recorded = || fs::read_to_string(data_dir.join("postgres.socket")).expect("the record");
    let first = recorded();
    connect(&managed.app_config()).await.expect("the socket is in reach");
    managed.shutdown().await;
    let managed = Managed::start(options, &Random::from_os()).await.expect("a second start");
    connect(&managed.app_config()).await.expect("again");

    assert!(!first.starts_with(&data_dir.display().to_string()), "{first}");
    assert_eq!(recorded(), first, "the second start makes no second folder");
    managed.shutdown().await;
    fs::remove_dir_all(first.trim_end()).expect("the socket's folder");
}
