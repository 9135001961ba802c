//! The database of a deployment: one that was named, or our own.

use anyhow::{Context, Result, bail};
use sayso_config::Settings;
use sayso_db::managed::{Attached, Managed, ManagedOptions};
use sayso_db::tokio_postgres::Config;
use sayso_db::{Db, DbLimits, check_durability, migrate};
use sayso_kernel::Random;

/// A database that is there, and what keeps it there.
#[derive(Debug)]
pub(crate) struct Storage {
    /// As the role that serves.
    pub app: Config,
    /// As the role that owns the tables.
    pub owner: Config,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Own(Box<Managed>),
    Beside(Box<Attached>),
    Named,
}

impl Storage {
    /// The database for serving: our own server is started if none is named.
    pub async fn serve(settings: &Settings, random: &Random) -> Result<Self> {
        if settings.database.url.is_some() {
            return Self::named(settings);
        }
        let managed = Managed::start(options(settings), random).await?;
        Ok(Self {
            app: managed.app_config().clone(),
            owner: managed.owner_config().clone(),
            server: Server::Own(Box::new(managed)),
        })
    }

    /// The database for a command: beside a running server, or started for the
    /// time of the command.
    pub async fn attach(settings: &Settings, random: &Random) -> Result<Self> {
        if settings.database.url.is_some() {
            return Self::named(settings);
        }
        let attached = Managed::attach(options(settings), random).await?;
        Ok(Self {
            app: attached.app_config().clone(),
            owner: attached.owner_config().clone(),
            server: Server::Beside(Box::new(attached)),
        })
    }

    /// Whether there can be anything in it: a database that was named, or one
    /// of our own that was made.
    pub fn has_data(settings: &Settings) -> bool {
        settings.database.url.is_some() || sayso_db::managed::is_made(&settings.data_dir)
    }

    fn named(settings: &Settings) -> Result<Self> {
        let parse = |url: &str| url.parse::<Config>().context("the database URL cannot be read");
        let url = settings.database.url.as_ref().context("no database is named")?;
        let app = parse(url.expose())?;
        let owner = match &settings.database.owner_url {
            Some(url) => parse(url.expose())?,
            None => app.clone(),
        };
        Ok(Self { app, owner, server: Server::Named })
    }

    /// The role that serves, where it is another than the owner and so has to
    /// be given its rights.
    pub fn app_role(&self) -> Option<&str> {
        self.app.get_user().filter(|role| Some(*role) != self.owner.get_user())
    }

    /// Brings the schema up to date and opens the pools.
    pub async fn open(&self, settings: &Settings) -> Result<Db> {
        let applied = migrate::up(&self.owner, self.app_role()).await?;
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "the schema is up to date");
        }
        let db = Db::new(self.app.clone(), &DbLimits::from(&settings.database))?;
        self.require_durability(settings, &db).await?;
        Ok(db)
    }

    /// What was answered 2xx must not be lost: a PostgreSQL that may lose it is
    /// refused, or shouted about.
    async fn require_durability(&self, settings: &Settings, db: &Db) -> Result<()> {
        let unsafe_settings = check_durability(db).await?;
        if unsafe_settings.is_empty() {
            return Ok(());
        }
        let text = format!(
            "this PostgreSQL may lose what it has confirmed ({}): set them on, or allow it with \
             database.refuse_unsafe = false",
            unsafe_settings.join(", ")
        );
        if settings.database.refuse_unsafe {
            bail!(text);
        }
        tracing::error!("{text}");
        Ok(())
    }

    /// Stops our own server, if we started one.
    pub async fn close(self) {
        match self.server {
            Server::Own(managed) => managed.shutdown().await,
            Server::Beside(attached) => attached.shutdown().await,
            Server::Named => {}
        }
    }
}

fn options(settings: &Settings) -> ManagedOptions {
    ManagedOptions { data_dir: settings.data_dir.clone(), pg_bin: settings.managed.pg_bin.clone() }
}
