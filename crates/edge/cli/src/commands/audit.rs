//! `sayso audit …`: does the audit still say what happened?

use anyhow::{Result, bail};
use clap::Subcommand;
use sayso_config::Settings;
use sayso_events::{AuditKey, verify_chain};
use sayso_kernel::Random;

use super::say;
use crate::storage::Storage;

/// The commands of `sayso audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chain of the audit from its beginning, beside a running server
    /// or without one, and name the first entry that was changed, is missing
    /// or was added. Ends with 1 if there is one.
    Verify,
}

pub(super) async fn run(settings: &Settings, command: AuditCommand) -> Result<()> {
    let AuditCommand::Verify = command;
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let found = verify(&storage, settings, &random).await;
    storage.close().await;
    match found? {
        Ok(0) => say("the audit is empty"),
        Ok(count) => say(&format!("the audit holds: {count} entries")),
        Err(seq) => bail!(
            "the audit is broken at entry {seq}: it was changed, added or taken out; those before \
             it are as they were written"
        ),
    }
    Ok(())
}

async fn verify(
    storage: &Storage,
    settings: &Settings,
    random: &Random,
) -> Result<Result<i64, i64>> {
    let db = storage.open(settings).await?;
    let key = AuditKey::of(&settings.root_key(random)?);
    let found = verify_chain(&db, &key).await;
    db.close();
    Ok(found?)
}
