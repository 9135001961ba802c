//! The commands that an operator types.

mod audit;
mod backup;
mod cache;
mod config;
mod doctor;
mod events;
mod golden;
mod keys;
mod migrate;
mod progress;
mod restore;
mod seed;
mod serve;
mod user;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use sayso_config::{Settings, process_environment};

/// The backbone of a company that works by saying things.
#[derive(Debug, Parser)]
#[command(name = "sayso", version, about, max_term_width = 100, after_help = HELP)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

/// What `sayso --help` ends with.
const HELP: &str = "\
Begin:
  sayso serve --demo           a company to look at, in a PostgreSQL of Sayso's own
  sayso doctor                 what is wrong here, and what to do about it
  sayso backup FILE            the whole database in one file

Settings come from --config, then the environment (SAYSO_<SECTION>__<KEY>, DATABASE_URL,
REDIS_URL), then --set; `sayso config print` shows what is in force and who said it.

Exit codes: 0 it is done; 1 it could not be done, or what was checked is not as it should be (the
reason is on standard error); 2 the command line cannot be read. Answers go to standard output,
logs and reasons to standard error.";

#[derive(Debug, Args)]
struct SettingsArgs {
    /// The file of settings (TOML); the environment and flags are stronger.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, as `section.key=value`; may be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = config::pair)]
    overrides: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run Sayso: HTTP, sockets, the log, and a PostgreSQL of its own unless
    /// DATABASE_URL names one.
    Serve(serve::ServeArgs),
    /// Look after people.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Look after the keys of tokens, and secrets at rest.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Look after the schema of the database.
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Fill an empty database: with the demo company, or with a large one.
    Seed(seed::SeedArgs),
    /// Look after the audit.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Find out what is wrong, and what to do about it.
    Doctor(doctor::DoctorArgs),
    /// Look at the settings.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look at the log of events.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Print the OpenAPI document of this version.
    Openapi(OpenapiArgs),
    /// Write the whole database into one file.
    Backup(backup::BackupArgs),
    /// Make a backup the database.
    Restore(restore::RestoreArgs),
    /// Look after what was read and is kept.
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Write what the code says of itself into a folder, for review.
    #[command(hide = true)]
    Golden(golden::GoldenArgs),
}

/// Runs a command; a failure is one line (with its causes) on standard error.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("sayso: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> Result<()> {
    let given = &cli.settings;
    match cli.command {
        Command::Serve(args) => serve::run(given, &args).await,
        Command::User(command) => user::run(&given.read()?, command).await,
        Command::Keys(command) => keys::run(&given.read()?, command).await,
        Command::Migrate(command) => migrate::run(&given.read()?, command).await,
        Command::Seed(args) => seed::run(&given.read()?, &args).await,
        Command::Audit(command) => audit::run(&given.read()?, command).await,
        Command::Doctor(args) => {
            doctor::run(given.load().map(|(settings, _)| settings), &args).await
        }
        Command::Config(command) => config::run(given.load(), &command),
        Command::Events(command) => events::run(&given.read()?, command).await,
        Command::Openapi(args) => openapi(&args),
        Command::Backup(args) => backup::run(&given.read()?, &args).await,
        Command::Restore(args) => restore::run(&given.read()?, &args).await,
        Command::Cache(command) => cache::run(&given.read()?, command).await,
        Command::Golden(args) => golden::run(&args),
    }
}

/// Which document.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso openapi | jq .info.version
  sayso openapi --asyncapi > asyncapi.json")]
struct OpenapiArgs {
    /// The AsyncAPI document instead: everything that travels over a socket.
    #[arg(long)]
    asyncapi: bool,
}

fn openapi(args: &OpenapiArgs) -> Result<()> {
    if args.asyncapi {
        say(&sayso_api::asyncapi_text());
    } else {
        say(&sayso_api::document(&golden::document()?));
    }
    Ok(())
}

impl SettingsArgs {
    /// The settings with their sources, or all their faults.
    fn load(&self) -> config::Loaded {
        let given = self.overrides.clone();
        Settings::load_told(self.config.as_deref(), process_environment(), given)
    }

    /// The settings; all their faults in one error.
    fn read(&self) -> Result<Settings> {
        let loaded = self.load().map_err(|faults| config::refused(&faults))?;
        Ok(loaded.0)
    }
}

/// What a command answers goes to standard output. Whoever reads no further, as
/// `head` does, has seen enough.
pub(crate) fn say(text: &str) {
    let said = writeln!(io::stdout().lock(), "{text}");
    if let Err(error) = said
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        say_error(&format!("sayso: the answer cannot be written: {error}"));
        std::process::exit(1);
    }
}

fn say_error(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    /// The examples below a command and all its own.
    fn examples(command: &clap::Command, all: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().map(str::trim).filter(|line| line.starts_with("sayso "));
        all.extend(lines.map(str::to_owned));
        command.get_subcommands().for_each(|inner| examples(inner, all));
    }

    #[test]
    fn every_example_of_the_help_can_be_typed() {
        let mut all = Vec::new();
        examples(&Cli::command(), &mut all);

        assert!(all.len() > 20, "{all:?}");
        for line in &all {
            // A remark stands apart by spaces, a pipe leads to others.
            let typed = line.split(" | ").next().unwrap_or_default();
            let typed = typed.split(" > ").next().unwrap_or_default();
            let typed = typed.split("   ").next().unwrap_or_default().replace('\'', "");
            let parsed = Cli::try_parse_from(typed.split_whitespace());
            assert!(
                parsed.is_ok(),
                "{line}: {}",
                parsed.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }

    /// Blocks of commands are run (`tests/journeys`); these stand in sentences.
    #[test]
    fn every_command_that_a_page_names_can_be_typed() {
        let pages = [
            include_str!("../../../../../README.md"),
            include_str!("../../../../../docs/operations.md"),
            include_str!("../../../../../migrations/README.md"),
        ];
        let lines = pages.into_iter().flat_map(str::lines);
        let quoted = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
        let named: Vec<&str> = quoted.filter(|words| words.starts_with("sayso ")).collect();

        assert!(named.len() > 20, "{named:?}");
        for words in named {
            let typed = words.replace("<version>", "27");
            let refused = Cli::try_parse_from(typed.split_whitespace()).err();
            // A sentence may name a command without the file it takes.
            let wrong = refused.filter(|one| one.kind() != ErrorKind::MissingRequiredArgument);
            assert!(wrong.is_none(), "{words}: {wrong:?}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
