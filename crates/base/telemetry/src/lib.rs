//! Logs and metrics: how this process tells what it does.
//!
//! Everything else writes through `tracing` and `metrics`; here it is decided
//! where that goes.

mod logs;
mod metrics_text;

pub use logs::{LogError, LogFilter, init};
pub use metrics_text::{MetricsText, UPKEEP_EVERY};
