//! `sayso audit …`: does the audit still say what happened?

use anyhow::{Result, bail};
use clap::Subcommand;
use sayso_config::Settings;
use sayso_db::Db;
use sayso_events::{AuditKey, Chain, verify_chain_of};
use sayso_kernel::Random;

use super::{progress, say};
use crate::root_key;
use crate::storage::Storage;

/// The commands of `sayso audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chain of the audit from its beginning, beside a running server
    /// or without one, and name the first entry that was changed, is missing
    /// or was added. Ends with 1 if there is one.
    ///
    /// Entries from before a change of the root key are verified with
    /// `secrets.previous_root_keys`: give the keys that were, also where they
    /// are no longer needed for anything else.
    Verify,
}

pub(super) async fn run(settings: &Settings, command: AuditCommand) -> Result<()> {
    let AuditCommand::Verify = command;
    if !Storage::has_data(settings) {
        bail!("there is no audit to verify: no database in {}", settings.data_dir.display());
    }
    let storage = Storage::attach(settings, &Random::from_os()).await?;
    let found = verify_on(&storage, settings).await;
    storage.close().await;
    progress::done();
    match found? {
        Ok(Chain { entries: 0, .. }) => say("the audit is empty"),
        Ok(Chain { entries, by_present_key }) if entries == by_present_key => {
            say(&format!("the audit holds: {}", counted(entries)));
        }
        Ok(Chain { entries, by_present_key }) => say(&format!(
            "the audit holds: {}, the last {by_present_key} of them under the present root key",
            counted(entries)
        )),
        Err(seq) => bail!(
            "the audit is broken at entry {seq}: it was changed, added or taken out; those before \
             it are as they were written"
        ),
    }
    Ok(())
}

fn counted(entries: i64) -> String {
    match entries {
        1 => "1 entry".to_owned(),
        many => format!("{many} entries"),
    }
}

async fn verify_on(storage: &Storage, settings: &Settings) -> Result<Result<Chain, i64>> {
    let db = storage.open(settings).await?;
    let found = verify(&db, settings).await;
    db.close();
    found
}

async fn verify(db: &Db, settings: &Settings) -> Result<Result<Chain, i64>> {
    let Some(root) = root_key::looking(db, settings).await? else {
        // A database that never had a key has nothing that was signed.
        return Ok(Ok(Chain { entries: 0, by_present_key: 0 }));
    };
    let earlier: Vec<AuditKey> = settings.previous_root_keys()?.iter().map(AuditKey::of).collect();
    Ok(verify_chain_of(db, &AuditKey::of(&root), &earlier, progress::entries).await?)
}
