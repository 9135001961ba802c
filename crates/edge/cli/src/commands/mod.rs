//! The commands that an operator types.

mod audit;
mod cache;
mod golden;
mod keys;
mod migrate;
mod seed;
mod serve;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Args, Parser, Subcommand};
use sayso_config::{Settings, process_environment};

/// The backbone of a company that works by saying things.
#[derive(Debug, Parser)]
#[command(name = "sayso", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// The file of settings (TOML); the environment and flags are stronger.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, as `section.key=value`; may be repeated.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
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
    match cli.command {
        Command::Serve(args) => serve::run(&settings(&cli.settings)?, &args).await,
        Command::User(command) => user::run(&settings(&cli.settings)?, command).await,
        Command::Keys(command) => keys::run(&settings(&cli.settings)?, command).await,
        Command::Migrate(command) => migrate::run(&settings(&cli.settings)?, command).await,
        Command::Seed(args) => seed::run(&settings(&cli.settings)?, &args).await,
        Command::Audit(command) => audit::run(&settings(&cli.settings)?, command).await,
        Command::Cache(command) => cache::run(&settings(&cli.settings)?, command).await,
        Command::Golden(args) => golden::run(&args),
    }
}

fn settings(args: &SettingsArgs) -> Result<Settings> {
    let mut overrides = Vec::new();
    for pair in &args.overrides {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| anyhow!("--set takes section.key=value"))?;
        overrides.push((key.to_owned(), value.to_owned()));
    }
    Settings::load(args.config.as_deref(), process_environment(), overrides).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        anyhow!("the settings cannot be used:{}", lines.concat())
    })
}

/// What a command answers goes to standard output.
#[expect(clippy::print_stdout, reason = "this is what a command answers")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

fn say_error(text: &str) {
    eprintln!("{text}");
}
