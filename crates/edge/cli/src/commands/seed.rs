//! `sayso seed`: fills an empty database.

use anyhow::{Result, bail};
use clap::Args;
use sayso_config::Settings;
use sayso_db::{Db, DbLimits};
use sayso_kernel::Random;

use super::say;
use crate::demo::Login;
use crate::repo::scale::Scale;
use crate::storage::Storage;
use crate::{compose, demo, greeting, scale};

/// Which company.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso seed                                 the demo company of thirty
  sayso seed --scale small
  sayso seed --scale tasks=1000,messages=5000,people=100,channels=20")]
pub struct SeedArgs {
    /// Make a company of a size instead of the demo: small, medium or full, or
    /// counts as in tasks=1000,messages=5000,people=100,channels=20.
    #[arg(long, value_name = "SIZE")]
    scale: Option<Scale>,
}

pub(super) async fn run(settings: &Settings, args: &SeedArgs) -> Result<()> {
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let seeded = seed(&storage, settings, random, args).await;
    storage.close().await;
    say(&greeting::passwords(&seeded?));
    Ok(())
}

async fn seed(
    storage: &Storage,
    settings: &Settings,
    random: Random,
    args: &SeedArgs,
) -> Result<Vec<Login>> {
    let auth = compose::beside(storage, settings, random).await?;
    let made = match args.scale {
        None => demo::make(&auth).await,
        Some(scale) => {
            let limits = scale::limits(DbLimits::from(&settings.database));
            let owner = Db::new(storage.owner.clone(), &limits)?;
            let made = scale::make(&auth, &owner, scale).await;
            owner.close();
            made
        }
    };
    auth.app.db.close();
    match made? {
        Some(logins) => Ok(logins),
        None => bail!("somebody is in this database already: seed an empty one"),
    }
}
