//! `sayso cache …`: what was read and is kept.

use anyhow::Result;
use clap::Subcommand;
use sayso_access::{Ctx, Via};
use sayso_cache::Cache;
use sayso_config::Settings;
use sayso_kernel::{Clock, Random};

use super::say;
use crate::storage::Storage;

/// The commands of `sayso cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Drop everything that is kept of what was read: on every node as soon as
    /// it hears of it, which is at once while the server runs. It is read from
    /// the database again. The audit says that it was done.
    Clear,
}

pub(super) async fn run(settings: &Settings, command: CacheCommand) -> Result<()> {
    let CacheCommand::Clear = command;
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let cleared = clear(&storage, settings, random).await;
    storage.close().await;
    cleared?;
    say("the cache is cleared");
    Ok(())
}

async fn clear(storage: &Storage, settings: &Settings, random: Random) -> Result<()> {
    let db = storage.open(settings).await?;
    let ctx = Ctx::anonymous(Via::System, Clock::System, random);
    let cleared = Cache::clear(&db, &ctx).await;
    db.close();
    Ok(cleared?)
}
