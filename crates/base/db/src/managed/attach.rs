//! The managed database for a command: beside a Sayso that runs on the
//! folder, or for the command's own time.

use std::time::Duration;

use sayso_kernel::Random;
use tokio::time::Instant;
use tokio_postgres::{Config, NoTls};

use super::error::ManagedError;
use super::folder::DataFolder;
use super::roles::Roles;
use super::{Managed, ManagedOptions};

/// A Sayso that holds the folder may be starting, or ending.
const ATTACH_WAIT: Duration = Duration::from_secs(30);

/// A managed database that is in reach.
#[derive(Debug)]
pub struct Attached {
    owner: Config,
    app: Config,
    own: Option<Managed>,
}

impl Attached {
    /// How to connect as the role that owns the tables.
    #[must_use]
    pub fn owner_config(&self) -> Config {
        self.owner.clone()
    }

    /// How to connect as the role that serves.
    #[must_use]
    pub fn app_config(&self) -> Config {
        self.app.clone()
    }

    /// Whether a Sayso runs on the folder, to whose server we connect.
    #[must_use]
    pub const fn is_beside(&self) -> bool {
        self.own.is_none()
    }

    /// Ends the server if it was started for us.
    pub async fn shutdown(self) {
        if let Some(managed) = self.own {
            managed.shutdown().await;
        }
    }
}

impl From<Managed> for Attached {
    fn from(managed: Managed) -> Self {
        let (owner, app) = (managed.owner_config(), managed.app_config());
        Self { owner, app, own: Some(managed) }
    }
}

/// Reaches the database of a data folder, whether or not a Sayso runs on it.
pub(super) async fn attach(
    options: ManagedOptions,
    random: &Random,
) -> Result<Attached, ManagedError> {
    let folder = DataFolder::open(&options.data_dir)?;
    let deadline = Instant::now() + ATTACH_WAIT;
    loop {
        if folder.is_held()
            && let Some(beside) = beside(&folder).await?
        {
            return Ok(beside);
        }
        match Managed::start(options.clone(), random).await {
            // Held by one that does not answer yet, or no longer.
            Err(ManagedError::InUse { .. }) if Instant::now() < deadline => {}
            outcome => return outcome.map(Attached::from),
        }
    }
}

/// The server of the Sayso that holds the folder, if it answers.
async fn beside(folder: &DataFolder) -> Result<Option<Attached>, ManagedError> {
    let Some(socket_folder) = folder.recorded_socket_folder() else { return Ok(None) };
    if !folder.auth().exists() {
        return Ok(None);
    }
    let roles = Roles::read(&folder.auth())?;
    let app = roles.app_config(&socket_folder);
    if app.connect(NoTls).await.is_err() {
        return Ok(None);
    }
    let owner = roles.owner_config(&socket_folder);
    Ok(Some(Attached { owner, app, own: None }))
}
