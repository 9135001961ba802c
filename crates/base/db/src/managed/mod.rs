//! A PostgreSQL of Sayso's own, for a deployment that names none.
//!
//! A real `postgres` runs as a child process on a cluster in the data folder,
//! reached through a private Unix socket only. It dies with us, however we
//! die; when it dies by itself, it is started again, and the configurations
//! handed out before stay valid. One Sayso runs on a data folder; commands
//! [attach](Managed::attach) beside it.
//!
//! Whoever runs as root gets a server that does not: it runs as the owner of
//! the cluster, or as the user `postgres`.

mod account;
mod attach;
pub(crate) mod binaries;
mod conf;
mod error;
mod folder;
mod initialise;
mod leftover;
mod roles;
mod server;
mod supervise;
#[cfg(test)]
mod tests;
#[cfg(any(test, not(target_os = "linux")))]
mod watcher;

use std::path::PathBuf;

use sayso_kernel::Random;
use tokio::sync::{oneshot, watch};
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

pub use attach::Attached;
pub use error::ManagedError;

/// What a managed PostgreSQL is started from.
#[derive(Clone, Debug)]
pub struct ManagedOptions {
    /// The data folder; made if it is not there.
    pub data_dir: PathBuf,
    /// The folder of `postgres` and `initdb`, if they are not to be looked for.
    pub pg_bin: Option<PathBuf>,
}

/// Whether a data folder holds a cluster.
#[must_use]
pub fn is_made(data_dir: &std::path::Path) -> bool {
    data_dir.join("postgres/PG_VERSION").exists()
}

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It has not answered yet.
    Starting,
    /// It answers.
    Up {
        /// The process id of the server.
        pid: u32,
    },
    /// It died, and is started again.
    Down,
    /// It was stopped, and stays so.
    Stopped,
}

/// A managed PostgreSQL that runs. Dropping it stops the server without
/// waiting; [`Managed::shutdown`] waits.
#[derive(Debug)]
pub struct Managed {
    owner: Config,
    app: Config,
    state: watch::Receiver<ServerState>,
    stop: CancellationToken,
}

impl Managed {
    /// Starts the server of a data folder, making both if they are not there,
    /// and waits until it answers.
    pub async fn start(options: ManagedOptions, random: &Random) -> Result<Self, ManagedError> {
        let (ready, answer) = oneshot::channel();
        let (sender, state) = watch::channel(ServerState::Starting);
        let stop = CancellationToken::new();
        supervise::spawn(supervise::Orders {
            options,
            random: random.clone(),
            ready,
            state: sender,
            stop: stop.clone(),
        })?;
        let lost = |_| ManagedError::NoAnswer { said: "its thread has ended".to_owned() };
        let ready = answer.await.map_err(lost)??;
        Ok(Self { owner: ready.owner, app: ready.app, state, stop })
    }

    /// For a command: connects beside a Sayso that runs on the folder, or
    /// starts the server for the time of the command.
    pub async fn attach(
        options: ManagedOptions,
        random: &Random,
    ) -> Result<Attached, ManagedError> {
        attach::attach(options, random).await
    }

    /// How to connect as the role that owns the tables and runs migrations.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        self.owner.clone()
    }

    /// How to connect as the role that serves.
    #[must_use]
    pub fn app_config(&self) -> Config {
        self.app.clone()
    }

    /// How the server is, now and from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ServerState> {
        self.state.clone()
    }

    /// Waits until the server is stopped and will not be started again.
    pub async fn exited(&self) {
        // An error means that the thread is gone, and with it the server.
        let _ = self.state.clone().wait_for(|state| *state == ServerState::Stopped).await;
    }

    /// Stops the server: sessions end, a checkpoint is written. One that does
    /// not end in time is ended at once; what was committed is kept.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.exited().await;
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
