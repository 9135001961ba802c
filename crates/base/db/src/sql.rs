//! A statement with a name, and who can run one.

use std::future::Future;
use std::time::{Duration, Instant};

use sayso_telemetry::trace;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::{DbError, cost, spans};

/// Parameters of a statement.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A constant statement and the name it has in metrics and logs
/// (`tasks.lookup`).
#[derive(Debug)]
pub struct Sql {
    /// `<room>.<verb>`.
    pub name: &'static str,
    /// The text, with `$n` parameters.
    pub text: &'static str,
}

impl Sql {
    /// Names a statement.
    #[must_use]
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }
}

/// Whoever can run statements: an open transaction ([`crate::Tx`]) or a shared
/// connection for single reads ([`crate::Reader`]). Repositories borrow it, so
/// that one function serves both.
pub trait Queries: Send {
    /// All rows.
    fn rows(
        &mut self,
        sql: &'static Sql,
        params: Params<'_>,
    ) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send;

    /// The first row, if there is one.
    fn row(
        &mut self,
        sql: &'static Sql,
        params: Params<'_>,
    ) -> impl Future<Output = Result<Option<Row>, DbError>> + Send {
        async move { Ok(self.rows(sql, params).await?.into_iter().next()) }
    }
}

/// Records how long statements took and what became of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// A statement that takes this long is told in the log.
    pub(crate) slow: Duration,
}

impl Watch {
    /// Parameters are never told: they hold what people wrote.
    pub(crate) fn record(
        self,
        sql: &'static Sql,
        started: Instant,
        outcome: &Result<Vec<Row>, DbError>,
    ) {
        let took = started.elapsed();
        cost::statement();
        metrics::histogram!("sayso_db_statement_seconds", "statement" => sql.name).record(took);
        let rows = outcome.as_ref().ok().map(Vec::len);
        if trace::is_recording() {
            spans::statement(sql.name, started, rows, outcome.as_ref().err());
        }
        match rows {
            Some(rows) => {
                let rows = u64::try_from(rows).unwrap_or(u64::MAX);
                metrics::counter!("sayso_db_rows_total", "statement" => sql.name).increment(rows);
            }
            None => {
                metrics::counter!("sayso_db_statement_errors_total", "statement" => sql.name)
                    .increment(1);
            }
        }
        if took >= self.slow {
            let millis = took.as_millis();
            tracing::warn!(statement = sql.name, %millis, rows, "a statement was slow");
        }
    }
}
