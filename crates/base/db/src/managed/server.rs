//! One run of the server: started, ready, ended.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use sayso_kernel::Random;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use super::account::Account;
use super::binaries::Binaries;
use super::error::{Attempt, ManagedError};
use super::folder::{DataFolder, FolderLock};
use super::roles::Roles;
use super::{ManagedOptions, conf, initialise, leftover};

/// How long a server may take until it answers. Recovery after a crash reads
/// the log since the last checkpoint, which can be a gigabyte.
const READY_WAIT: Duration = Duration::from_secs(300);

/// Between two attempts to connect.
const READY_POLL: Duration = Duration::from_millis(15);

/// A fast shutdown ends sessions and writes a checkpoint.
const FAST_WAIT: Duration = Duration::from_secs(15);

/// An immediate shutdown writes nothing; the next start recovers.
const IMMEDIATE_WAIT: Duration = Duration::from_secs(5);

/// Lines kept of what the server said, to tell why it failed.
const LINES_KEPT: usize = 20;

/// A data folder that is ours and in order: all that a server is started from.
#[derive(Debug)]
pub(super) struct Site {
    cluster: PathBuf,
    folder: DataFolder,
    account: Account,
    binaries: Binaries,
    roles: Roles,
    socket_folder: PathBuf,
    name: String,
    _lock: FolderLock,
}

impl Site {
    /// Takes the folder and puts it in order.
    pub(super) async fn prepare(
        options: &ManagedOptions,
        random: &Random,
    ) -> Result<Self, ManagedError> {
        let folder = DataFolder::open(&options.data_dir)?;
        let lock = folder.lock().await?;
        let cluster = folder.cluster();
        let account = Account::choose(folder.path(), &cluster)?;
        account.open_the_way(folder.path())?;
        let binaries = Binaries::find(options.pg_bin.as_deref(), &cluster)?;
        let roles = Roles::ensure(&folder, random)?;
        initialise::ensure_cluster(&folder, &account, &binaries, &roles).await?;
        folder.write(&folder.conf(), &conf::text(), 0o644)?;
        folder.write(&folder.hba(), conf::HBA, 0o644)?;
        let socket_folder = folder.socket_folder(&account, random)?;
        let name = leftover::name_of(&cluster)?;
        Ok(Self { cluster, folder, account, binaries, roles, socket_folder, name, _lock: lock })
    }

    /// How to connect as the role that owns the tables.
    pub(super) fn owner_config(&self) -> Config {
        self.roles.owner_config(&self.socket_folder)
    }

    /// How to connect as the role that serves.
    pub(super) fn app_config(&self) -> Config {
        self.roles.app_config(&self.socket_folder)
    }

    /// Starts a server, after what an earlier one has left is gone.
    pub(super) async fn spawn(&self) -> Result<Server, ManagedError> {
        leftover::end_all(&self.cluster, &self.name, self.account.uid()).await?;
        let postgres = self.binaries.postgres();
        let mut command = self.account.command(&postgres, Signal::SIGINT);
        command.arg("-D").arg(&self.cluster).arg("-k").arg(&self.socket_folder);
        command.arg("-c").arg(setting("config_file", &self.folder.conf()));
        command.arg("-c").arg(setting("hba_file", &self.folder.hba()));
        command.arg("-c").arg(format!("cluster_name={}", self.name));
        let mut child = command.spawn().trying("run", &postgres)?;
        let said = Said::default();
        let reader = child.stderr.take().map(|stderr| tokio::spawn(said.clone().read(stderr)));
        #[cfg(not(target_os = "linux"))]
        let watcher =
            super::watcher::spawn(&self.account, child.id()).trying("watch", &postgres)?;
        Ok(Server {
            child,
            said,
            reader,
            #[cfg(not(target_os = "linux"))]
            _watcher: watcher,
        })
    }
}

fn setting(name: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(path);
    text
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    said: Said,
    reader: Option<JoinHandle<()>>,
    #[cfg(not(target_os = "linux"))]
    _watcher: Child,
}

impl Server {
    /// Its process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub(super) async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Waits until it has answered a start-up packet of `config`: a socket
    /// that takes connections says nothing, recovery may still be running.
    pub(super) async fn ready(&mut self, config: &Config) -> Result<(), ManagedError> {
        let deadline = Instant::now() + READY_WAIT;
        loop {
            let answer = tokio::select! {
                status = self.child.wait() => {
                    let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
                    let said = self.last_words().await.unwrap_or(status);
                    return Err(ManagedError::Program { program: "postgres", said });
                }
                answer = ask(config) => answer,
            };
            match answer {
                Answer::Ready => return Ok(()),
                Answer::Refused(said) => return Err(ManagedError::NoAnswer { said }),
                Answer::NotYet(said) if Instant::now() >= deadline => {
                    return Err(ManagedError::NoAnswer { said });
                }
                Answer::NotYet(_) => tokio::time::sleep(READY_POLL).await,
            }
        }
    }

    /// Ends it: fast, then at once, then by the kernel.
    pub(super) async fn end(mut self) {
        for (signal, limit) in [(Signal::SIGINT, FAST_WAIT), (Signal::SIGQUIT, IMMEDIATE_WAIT)] {
            // No id means that it has been waited for: the number may be another's.
            let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return };
            let _ = kill(Pid::from_raw(pid), signal);
            if timeout(limit, self.child.wait()).await.is_ok() {
                return;
            }
            tracing::warn!(%signal, "PostgreSQL does not end");
        }
        let _ = self.child.kill().await;
    }

    /// Why it ended, in its own words. They are waited for briefly only, since
    /// a child of the server may hold the pipe open.
    async fn last_words(&mut self) -> Option<String> {
        if let Some(reader) = self.reader.take() {
            let _ = timeout(Duration::from_millis(500), reader).await;
        }
        self.said.why()
    }
}

/// What a server says to a connection.
enum Answer {
    Ready,
    NotYet(String),
    Refused(String),
}

async fn ask(config: &Config) -> Answer {
    let error = match config.connect(NoTls).await {
        Ok(_) => return Answer::Ready,
        Err(error) => error,
    };
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let said = cause.unwrap_or_else(|| error.to_string());
    match error.code() {
        None => Answer::NotYet(said),
        Some(code) if *code == SqlState::CANNOT_CONNECT_NOW => Answer::NotYet(said),
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => Answer::Ready,
        Some(_) => Answer::Refused(said),
    }
}

/// What the server said last.
#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Said {
    /// Passes the server's lines on to our log, until it has no more.
    async fn read(self, stderr: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            log(&line);
            let mut kept = self.0.lock();
            if kept.len() == LINES_KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }

    /// The last line that tells of a failure, else the last line.
    fn why(&self) -> Option<String> {
        let kept = self.0.lock();
        let fatal =
            |line: &&String| ["FATAL:", "PANIC:", "ERROR:"].iter().any(|w| line.contains(w));
        kept.iter().rev().find(fatal).or(kept.back()).map(|line| line.trim().to_owned())
    }
}

/// One line of the server in our log. Errors of statements come back to whoever
/// sent them and are debug output here, as is the answer to those who are early
/// and the farewell to those who are still connected when it stops.
fn log(line: &str) {
    let is_expected = line.contains("the database system is")
        || line.contains("terminating connection due to administrator command");
    if line.starts_with("PANIC:") {
        tracing::error!("PostgreSQL: {line}");
    } else if (line.starts_with("FATAL:") && !is_expected) || line.starts_with("WARNING:") {
        tracing::warn!("PostgreSQL: {line}");
    } else {
        tracing::debug!("PostgreSQL: {line}");
    }
}
