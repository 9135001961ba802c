//! `pg_dump` and `pg_restore` as child processes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::{BackupError, Programs, Snapshot};

/// Only these are ours to restore: what a superuser has added beside them
/// (`pg_stat_statements`) only a superuser could.
const EXTENSIONS: [&str; 2] = ["--extension=pg_trgm", "--extension=unaccent"];

/// A dump is passed on in pieces of this size.
const FEED_BYTES: usize = 256 << 10;

/// A `pg_dump` that runs; its bytes come by [`Read`].
#[derive(Debug)]
pub struct Dump {
    child: Child,
    stdout: Option<ChildStdout>,
}

impl Dump {
    /// Begins to dump the moment that `snapshot` holds.
    ///
    /// # Errors
    /// When the program does not start.
    pub fn begin(programs: &Programs, snapshot: &Snapshot) -> Result<Self, BackupError> {
        let mut command = quiet(&programs.dump());
        connection(&mut command, &snapshot.owner);
        command.arg(format!("--snapshot={}", snapshot.id));
        command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-comments"]);
        command.args(["--no-password", "--no-unlogged-table-data"]).args(EXTENSIONS);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        Ok(Self { child, stdout })
    }

    /// Waits for its end; to be called when there is nothing more to read.
    ///
    /// # Errors
    /// When it failed, with its own words.
    pub fn finish(mut self) -> Result<(), BackupError> {
        drop(self.stdout.take());
        ended("pg_dump", &mut self.child)
    }
}

impl Read for Dump {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stdout.as_mut().map_or(Ok(0), |stdout| stdout.read(buffer))
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        // One that has ended is not hurt by it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names that stand in the table of contents of a dump.
///
/// # Errors
/// When `pg_restore` cannot read it.
pub(super) fn list(programs: &Programs, dump: &mut dyn Read) -> Result<String, BackupError> {
    let mut command = quiet(&programs.restore());
    let mut child = command.arg("--list").stdin(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let listed = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.map_or(Ok(0), |mut out| out.read_to_string(&mut text)).map(|_| text)
    });
    // It stops listening where the list ends; the rest is read for its sum.
    if let Some(stdin) = stdin {
        feed(dump, stdin)?;
    }
    std::io::copy(dump, &mut std::io::sink())?;
    ended("pg_restore", &mut child)?;
    listed.join().map_err(|_| BackupError::Script("its list cannot be read"))?.map_err(Into::into)
}

/// Passes `dump` on for as long as anybody listens.
pub(super) fn feed(dump: &mut dyn Read, mut to: impl Write) -> std::io::Result<()> {
    let mut buffer = vec![0; FEED_BYTES];
    loop {
        let count = dump.read(&mut buffer)?;
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            return Ok(());
        }
    }
}

/// A command whose environment is its own: ours holds secrets.
pub(super) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Tells a program of PostgreSQL how to connect. Through its environment: a
/// command line can be read by everybody on the machine.
fn connection(command: &mut Command, config: &Config) {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for (name, value) in [
        ("PGHOST", (!hosts.is_empty()).then(|| hosts.join(","))),
        ("PGPORT", (!ports.is_empty()).then(|| ports.join(","))),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
        ("PGAPPNAME", Some("sayso backup".to_owned())),
    ] {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
}

/// Waits for a program, and answers what it said if it failed. What it says is
/// short: it fits the pipe.
pub(super) fn ended(program: &'static str, child: &mut Child) -> Result<(), BackupError> {
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said)?;
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.contains("error:")).or_else(|| lines().next_back());
    let said = line.map_or_else(|| status.to_string(), str::to_owned);
    Err(BackupError::Program { program, said })
}
