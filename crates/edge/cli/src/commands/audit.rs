//! `sayso audit …`: does the audit still say what happened?

use anyhow::{Result, bail};
use clap::Subcommand;
use sayso_config::Settings;
use sayso_events::{AuditKey, Chain, verify_chain_of};
use sayso_kernel::Random;

use super::{progress, say};
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
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let found = verify(&storage, settings, &random).await;
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

async fn verify(
    storage: &Storage,
    settings: &Settings,
    random: &Random,
) -> Result<Result<Chain, i64>> {
    let key = AuditKey::of(&settings.root_key(random)?);
    let earlier: Vec<AuditKey> = settings.previous_root_keys()?.iter().map(AuditKey::of).collect();
    let db = storage.open(settings).await?;
    let found = verify_chain_of(&db, &key, &earlier, progress::entries).await;
    db.close();
    Ok(found?)
}
