//! What a trace shows of a statement: its name. Never its parameters, nor what
//! PostgreSQL says of an error: both hold what people wrote.

use std::time::Instant;

use sayso_telemetry::trace::{EndedSpan, SpanKind};

use crate::DbError;

/// The span of a statement that was answered, or was not.
pub(crate) fn statement(
    name: &'static str,
    started: Instant,
    rows: Option<usize>,
    error: Option<&DbError>,
) {
    let mut span = EndedSpan::new(SpanKind::Client, name, started)
        .with("db.system.name", "postgresql")
        .with("db.query.summary", name);
    if let Some(rows) = rows {
        span = span.with("db.response.returned_rows", i64::try_from(rows).unwrap_or(i64::MAX));
    }
    if let Some(error) = error {
        span = span.failed(error.name());
    }
    span.in_current();
}
