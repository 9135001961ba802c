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
    /// Nobody collects any more.
    #[error("logs are collected no more")]
    Gone,
}

/// Changes what is logged while the process runs.
pub struct LogFilter(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl std::fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogFilter")
    }
}

impl LogFilter {
    /// Logs as these settings say from now on; the form of a line stays.
    ///
    /// # Errors
    /// When the filter cannot be read; then it stays as well.
    pub fn set(&self, settings: &Log) -> Result<(), LogError> {
        let filter = EnvFilter::try_new(&settings.filter)?;
        if (self.0)(filter) { Ok(()) } else { Err(LogError::Gone) }
    }
}

/// Begins to write logs as the settings say.
///
/// # Errors
/// When the filter cannot be read, or logs are collected already.
pub fn init(settings: &Log) -> Result<LogFilter, LogError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = EnvFilter::try_new(&settings.filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.finish().try_init()?;
            Ok(LogFilter(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
        LogFormat::Pretty => {
            let lines = lines.with_target(false).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.finish().try_init()?;
            Ok(LogFilter(Box::new(move |filter| handle.reload(filter).is_ok())))
        }
    }
}
