//! A Redis (or Valkey) of one test's own, to be killed, stopped, emptied or
//! filled up. It keeps nothing, and ends with its value.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sayso_config::{process_environment, search_path};
use sayso_kernel::{Random, hex};

use crate::folder::TestFolder;
use crate::port::Port;
use crate::until::until;

/// How long a start may take.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Where it is there, it has the kernel end the server with a test that is
/// killed.
const SETPRIV: &str = "/usr/bin/setpriv";

/// A private server.
#[derive(Debug)]
pub struct TestRedis {
    folder: TestFolder,
    password: String,
    port: Port,
    settings: Vec<String>,
    child: Option<Child>,
}

impl TestRedis {
    /// Starts one with these settings (`maxmemory 10mb`) of its own.
    ///
    /// # Panics
    /// When there is no Redis on this machine, or it does not start.
    pub async fn start(settings: &[&str]) -> Self {
        let mut server = Self {
            folder: TestFolder::new(),
            password: password(),
            port: Port::free(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            child: None,
        };
        server.start_again().await;
        server
    }

    /// The URL of a server that all tests share, and in which each has keys of
    /// its own.
    ///
    /// # Panics
    /// When the tests were started without one.
    #[must_use]
    pub fn shared_url() -> String {
        let url = process_environment().find(|(name, _)| name == "SAYSO_TEST_REDIS_URL");
        url.expect("SAYSO_TEST_REDIS_URL is set: run `make test` or `scripts/test <filter>`").1
    }

    /// Three masters of one cluster, each with a third of the keys.
    ///
    /// # Panics
    /// When they do not find each other.
    pub async fn cluster() -> [Self; 3] {
        const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
        let settings = ["cluster-enabled yes", "cluster-node-timeout 2000", "protected-mode no"];
        let start = || Self::start(&settings);
        let servers = [start().await, start().await, start().await];
        let first = servers[0].port().to_string();
        for (server, [from, to]) in servers.iter().zip(SLOTS) {
            let given = server.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
            assert_eq!(given.trim(), "OK", "a server of a cluster takes its keys");
            let _the_first_knows_itself = server.ask(&["CLUSTER", "MEET", "127.0.0.1", &first]);
        }
        let is_whole = |server: &Self| {
            let told = server.ask(&["CLUSTER", "INFO"]);
            told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:3")
        };
        until("the cluster to be whole", READY_WITHIN, async || {
            servers.iter().all(is_whole).then_some(())
        })
        .await;
        servers
    }

    /// What the names of the keys of one test begin with.
    #[must_use]
    pub fn own_prefix() -> String {
        format!("t{}", hex::encode(&Random::from_os().bytes::<8>()))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port.number)
    }

    /// Where it is, by way of something that listens on another port.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        format!("redis://default:{}@127.0.0.1:{port}/", self.password)
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// Starts it after its end, empty, and waits until it answers.
    pub async fn start_again(&mut self) {
        self.kill9();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {}", self.port.number),
            format!("requirepass {}", self.password),
            format!("dir {}", self.folder.path().display()),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
        ];
        lines.extend(self.settings.iter().cloned());
        let path = self.folder.path().join("redis.conf");
        std::fs::write(&path, lines.join("\n")).expect("the folder of the test can be written to");
        let mut command = mortal(&program());
        command.arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("Redis can be started"));
        until("Redis to answer", READY_WITHIN, async || {
            (self.ask(&["PING"]).trim() == "PONG").then_some(())
        })
        .await;
    }

    /// Ends it at once: nothing in it can react, and what it held is gone.
    /// Whether it was this that ended it: not where it does not run, or had
    /// ended by itself.
    pub fn kill9(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        let _ = child.kill();
        child.wait().is_ok_and(|status| status.signal() == Some(Signal::SIGKILL as i32))
    }

    /// Hangs it: it stands still, and its port still takes connections.
    pub fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Runs a command in it, and answers what it said.
    #[must_use]
    pub fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", &self.password);
        command.arg("-p").arg(self.port.number.to_string()).args(args).stdin(Stdio::null());
        let output = command.output().expect("redis-cli is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("Redis runs");
        let pid = i32::try_from(child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("a child can be signalled");
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A program that ends with this process.
fn mortal(program: &str) -> Command {
    if !std::path::Path::new(SETPRIV).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL", program]);
    command
}

/// One for all servers of this process: those of a cluster need it.
fn password() -> String {
    static PASSWORD: OnceLock<String> = OnceLock::new();
    PASSWORD.get_or_init(|| hex::encode(&Random::from_os().bytes::<16>())).clone()
}

fn program() -> String {
    let folders: Vec<_> = search_path().into_iter().collect();
    let found = ["redis-server", "valkey-server"]
        .into_iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.exists()));
    found.expect("redis-server or valkey-server is installed").display().to_string()
}
