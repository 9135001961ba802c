//! The real binary as a process of its own, which can be killed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sayso_config::process_environment;

use crate::client::Client;
use crate::database::TestDatabase;
use crate::folder::TestFolder;
use crate::port::Port;
use crate::postgres::TestPostgres;
use crate::until::until;

/// A first start may have to make a PostgreSQL.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a shutdown may take.
const STOPPED_WITHIN: Duration = Duration::from_secs(15);
/// [`crate::root_key`] as the setting has it, so that the judge of the log can
/// verify the audit of a process.
const ROOT_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
/// Lines of the log that a failed test shows.
const LOG_LINES: usize = 60;

/// Which binary, with which settings.
#[derive(Clone, Debug, Default)]
pub struct ProcessSetup {
    bin: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    serve_args: Vec<String>,
    data_dir: Option<PathBuf>,
}

impl ProcessSetup {
    /// On a PostgreSQL of its own, in its data folder.
    #[must_use]
    pub fn managed() -> Self {
        Self::default()
    }

    /// On a test's database.
    #[must_use]
    pub fn on(database: &TestDatabase) -> Self {
        Self::default()
            .env("DATABASE_URL", database.app_url())
            .env("SAYSO_DATABASE__OWNER_URL", database.owner_url())
    }

    /// As one of several nodes that share a Redis. `prefix` is what the names
    /// of its keys begin with.
    #[must_use]
    pub fn on_redis(self, url: &str, prefix: &str) -> Self {
        self.env("REDIS_URL", url).env("SAYSO_REDIS__PREFIX", prefix)
    }

    /// On a server of the test's own.
    #[must_use]
    pub fn on_server(server: &TestPostgres) -> Self {
        Self::default()
            .env("DATABASE_URL", server.app_url())
            .env("SAYSO_DATABASE__OWNER_URL", server.owner_url())
    }

    /// Another binary.
    #[must_use]
    pub fn bin(mut self, bin: PathBuf) -> Self {
        self.bin = Some(bin);
        self
    }

    /// A setting.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Flags that stand before every command.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Flags of `serve`.
    #[must_use]
    pub fn serving(mut self, flags: &[&str]) -> Self {
        self.serve_args.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// A data folder that others use as well.
    #[must_use]
    pub fn data_dir(mut self, path: &Path) -> Self {
        self.data_dir = Some(path.to_owned());
        self
    }
}

/// A server, killed when dropped. Its address stays the same over restarts.
#[derive(Debug)]
pub struct Process {
    setup: ProcessSetup,
    folder: TestFolder,
    port: Port,
    child: Option<Child>,
}

impl Process {
    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready; its log is shown.
    pub async fn start(setup: ProcessSetup) -> Self {
        let mut process = Self::begin(setup);
        process.until_ready().await;
        process
    }

    /// Starts it without waiting.
    #[must_use]
    pub fn begin(setup: ProcessSetup) -> Self {
        let mut process = Self::idle(setup);
        process.start_again();
        process
    }

    /// Does not start it: for commands before the first start.
    #[must_use]
    pub fn idle(setup: ProcessSetup) -> Self {
        Self { setup, folder: TestFolder::new(), port: Port::free(), child: None }
    }

    /// The binary that the tests are run for.
    #[must_use]
    pub fn program() -> PathBuf {
        built()
    }

    /// A folder of the test's own, beside its data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }

    /// Where its data is.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.setup.data_dir.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.setup.env.retain(|(known, _)| known != name);
        self.setup.env.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a setting for the next start.
    pub fn unset(&mut self, name: &str) {
        self.setup.env.retain(|(known, _)| known != name);
    }

    /// Ends it at once: nothing in it can react. Whether it was this that ended
    /// it: not where it does not run, or had ended by itself.
    pub fn kill9(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        let _ = child.kill();
        child.wait().is_ok_and(|status| status.signal() == Some(Signal::SIGKILL as i32))
    }

    /// Starts it again (killing it first if it runs) and waits until it is
    /// ready.
    pub async fn restart(&mut self) {
        self.start_again();
        self.until_ready().await;
    }

    /// Starts it again without waiting.
    pub fn start_again(&mut self) {
        self.kill9();
        let log = self.log_file();
        let child = self
            .command()
            .arg("serve")
            .args(&self.setup.serve_args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn();
        let bin = self.bin();
        let child =
            child.unwrap_or_else(|error| panic!("{} does not start: {error}", bin.display()));
        self.child = Some(child);
    }

    /// Waits until it answers that it is ready.
    pub async fn until_ready(&mut self) {
        let client = Client::anonymous(&self.url());
        until("the server to be ready", READY_WITHIN, async || {
            if let Some(status) = self.exited() {
                panic!("the server ended before it was ready ({status})");
            }
            let request = client.request(reqwest::Method::GET, "/health/ready");
            match crate::client::read(request.timeout(Duration::from_secs(1))).await {
                Ok(reply) if reply.status.is_success() => Some(()),
                _ => None,
            }
        })
        .await;
    }

    /// Whether the process has ended by itself, and how.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("a child can be waited for")
    }

    /// Waits until the process ends by itself.
    pub async fn until_exited(&mut self, within: Duration) -> ExitStatus {
        let status = until("the server to end", within, async || self.exited()).await;
        self.child = None;
        status
    }

    /// Asks it to shut down and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or does not end in time.
    pub async fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.until_exited(STOPPED_WITHIN).await
    }

    /// Asks it to shut down, for whoever looks at what it does until then.
    ///
    /// # Panics
    /// When it does not run.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Hangs it: it stands still, and its port still takes connections.
    ///
    /// # Panics
    /// When it does not run.
    pub fn hang(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks it to end as Ctrl-C does, and waits until it has.
    ///
    /// # Panics
    /// As [`Process::stop`].
    pub async fn interrupt(&mut self) -> ExitStatus {
        self.signal(Signal::SIGINT);
        self.until_exited(STOPPED_WITHIN).await
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("the server runs");
        kill(Pid::from_raw(pid), signal).expect("a child can be signalled");
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    /// Runs another command of the binary with the same settings, `input` on
    /// its standard input, and answers what it printed.
    ///
    /// # Panics
    /// When the command fails.
    pub async fn run(&self, args: &[&str], input: &str) -> String {
        let (status, out, err) = self.ran(args, input).await;
        assert!(status.success(), "sayso {args:?}: {status}\n{out}\n{err}");
        out
    }

    /// Runs another command that is to fail with 1, and answers what it said.
    ///
    /// # Panics
    /// When it does not.
    pub async fn fails(&self, args: &[&str]) -> String {
        let (status, out, err) = self.ran(args, "").await;
        assert_eq!(status.code(), Some(1), "sayso {args:?}:\n{out}\n{err}");
        err
    }

    /// Runs another command; how it ended, what it answered and what it said.
    pub async fn ran(
        &self,
        args: &[&str],
        input: impl AsRef<[u8]>,
    ) -> (ExitStatus, String, String) {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A command that reads nothing may have ended already.
        let _may_be_closed = stdin.write_all(input.as_ref());
        drop(stdin);
        let waiting = tokio::task::spawn_blocking(move || child.wait_with_output());
        let output = waiting.await.expect("waiting does not panic").expect("it can be waited for");
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    /// Everything it has printed, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.bin());
        command.args(&self.setup.args);
        for (name, _) in process_environment() {
            // The settings of whoever runs the tests are not the test's.
            if name.starts_with("SAYSO_") || name == "DATABASE_URL" || name == "REDIS_URL" {
                command.env_remove(name);
            }
        }
        command
            .env("SAYSO_DATA_DIR", self.data_dir())
            .env("SAYSO_HTTP__LISTEN", format!("127.0.0.1:{}", self.port.number))
            .env("SAYSO_AUTH__BCRYPT_COST", "4")
            .env("SAYSO_LIMITS__ENABLED", "false")
            // No balancer has to notice anything.
            .env("SAYSO_HTTP__DRAIN_MS", "0")
            .env("SAYSO_SECRETS__ROOT_KEY", ROOT_KEY)
            .envs(self.setup.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn bin(&self) -> PathBuf {
        self.setup.bin.clone().unwrap_or_else(built)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log_file(&self) -> File {
        let opened = OpenOptions::new().create(true).append(true).open(self.log_path());
        opened.expect("the folder of the test can be written to")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(LOG_LINES);
            eprintln!("--- the server's log ends:\n{}\n---", lines[from..].join("\n"));
        }
    }
}

/// The binary that the tests are run for: `SAYSO_TEST_BIN`, else the one that
/// was built beside this test (`target/<profile>/deps/<test>`).
fn built() -> PathBuf {
    if let Some((_, bin)) = process_environment().find(|(name, _)| name == "SAYSO_TEST_BIN") {
        return bin.into();
    }
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.parent().and_then(Path::parent).expect("a test is two folders deep");
    profile.join("sayso")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
