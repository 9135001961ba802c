//! Logs, metrics and traces: how this process tells what it does.
//!
//! Everything else writes through `tracing` and `metrics`, and makes its spans
//! with [`trace`]; here it is decided where that goes.

mod logs;
mod metrics_table;
mod metrics_text;
pub mod trace;

pub use logs::{LogError, LogFilter, init};
pub use metrics_table::{METRICS, Metric, MetricKind};
pub use metrics_text::{MetricsText, UPKEEP_EVERY};
