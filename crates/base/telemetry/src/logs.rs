//! Where log lines go: to standard error, for people or for machines.
//!
//! Standard output belongs to what a command answers. Control characters of
//! what clients sent are escaped by the formatter, so a line stays a line.

use std::io::IsTerminal;

use sayso_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("log.filter is not a filter: {0}")]
    Filter(#[from] ParseError),
    /// Somebody else collects already.
    #[error("logs are collected already: {0}")]
    Taken(#[from] TryInitError),
}

/// Begins to write logs as the settings say.
///
/// # Errors
/// When the filter cannot be read, or logs are collected already.
pub fn init(settings: &Log) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = EnvFilter::try_new(&settings.filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
        LogFormat::Pretty => lines.with_target(false).finish().try_init()?,
    }
    Ok(())
}
