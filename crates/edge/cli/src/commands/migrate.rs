//! `sayso migrate …`: the schema, by hand.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use sayso_config::Settings;
use sayso_db::migrate::{self, Back, MigrationState, MigrationStatus};
use sayso_kernel::{Random, Timestamp};

use super::say;
use crate::storage::Storage;

/// The commands of `sayso migrate`.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Apply every migration that this database lacks.
    ///
    /// `sayso serve` does this by itself when it starts, so this is for those who want it done
    /// before. It may run beside servers and beside itself: one migrates, the others wait, and
    /// after a crash the next run goes on where the last one stopped.
    Up,
    /// Show which migrations this database has and which it lacks. Changes nothing.
    Status,
    /// Take back the newest migrations, AND EVERYTHING THAT IS IN THEIR TABLES.
    ///
    /// For an emergency. Make a backup, stop every Sayso on this database, take back with the
    /// newer Sayso (only it knows the way), then start the older one: the newer would apply
    /// them again. Without --yes it only says what it would do.
    Rollback(RollbackArgs),
}

/// How far to go back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso migrate rollback --to 27             what would it do?
  sayso migrate rollback --to 27 --yes")]
pub struct RollbackArgs {
    /// How many migrations to take back.
    #[arg(long, default_value_t = 1, value_name = "N")]
    steps: usize,
    /// Take back all that are newer than this one, as `sayso migrate status` numbers them.
    #[arg(long, value_name = "VERSION", conflicts_with = "steps")]
    to: Option<i32>,
    /// Really do it.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, command: MigrateCommand) -> Result<()> {
    let storage = Storage::attach(settings, &Random::from_os()).await?;
    let answer = match command {
        MigrateCommand::Up => up(&storage).await,
        MigrateCommand::Status => status(&storage).await,
        MigrateCommand::Rollback(args) => rollback(&storage, &args).await,
    };
    storage.close().await;
    say(&answer?);
    Ok(())
}

async fn up(storage: &Storage) -> Result<String> {
    let applied = migrate::up(&storage.owner, storage.app_role()).await?;
    Ok(match applied.as_slice() {
        [] => "nothing to apply: the schema is up to date".to_owned(),
        names => format!("applied {}", names.join(", ")),
    })
}

async fn status(storage: &Storage) -> Result<String> {
    let lines = migrate::status(&storage.owner).await?;
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let lines: Vec<String> = lines.iter().map(|line| status_line(line, width)).collect();
    Ok(lines.join("\n"))
}

fn status_line(line: &MigrationStatus, width: usize) -> String {
    let mut text = format!("{:>4}  {:width$}  ", line.version, line.name);
    let _ = match &line.state {
        MigrationState::Applied { at } => write!(text, "applied {}", seconds(*at)),
        MigrationState::Pending => write!(text, "pending"),
        MigrationState::Partly { statement } => {
            write!(text, "interrupted after statement {statement}: `sayso migrate up` goes on")
        }
        MigrationState::Altered { .. } => write!(text, "changed after it had been applied"),
        MigrationState::Unknown => write!(text, "unknown to this Sayso: a newer one applied it"),
    };
    text
}

/// Without the fractions that nobody asks for.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

async fn rollback(storage: &Storage, args: &RollbackArgs) -> Result<String> {
    let back = args.to.map_or(Back::Steps(args.steps), Back::To);
    if !args.yes {
        let plan = migrate::rollback_plan(&storage.owner, back).await?;
        if !plan.is_empty() {
            bail!(
                "this takes back {} and deletes everything in their tables: make a backup, stop \
                 every Sayso on this database, and say it again with --yes",
                plan.join(", ")
            );
        }
    }
    let undone = migrate::rollback(&storage.owner, back).await?;
    Ok(match undone.as_slice() {
        [] => "nothing to take back".to_owned(),
        names => format!("took back {}", names.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_one_line_that_says_what_to_do() {
        let at = Timestamp::new(1_800_000_000, 123_000_000).expect("a time");
        for (state, told) in [
            (MigrationState::Applied { at }, "applied 2027-01-15T08:00:00Z"),
            (MigrationState::Pending, "pending"),
            (
                MigrationState::Partly { statement: 2 },
                "interrupted after statement 2: `sayso migrate up` goes on",
            ),
            (MigrationState::Altered { is_whole: true }, "changed after it had been applied"),
            (MigrationState::Unknown, "unknown to this Sayso: a newer one applied it"),
        ] {
            let line = MigrationStatus { version: 7, name: "0007_a".to_owned(), state };
            assert_eq!(status_line(&line, 8), format!("   7  0007_a    {told}"));
        }
    }
}
