//! One line and one measurement a request.
//!
//! A line costs more than a cached read, so ordinary requests are written for
//! whoever asks for them (`sayso_web::access_log=debug`); slow ones always.

use std::time::Duration;

use http::{Method, StatusCode};

use sayso_db::Cost;

use crate::identity::CalledBy;
use crate::request_id::RequestId;

/// From here on a request is slow.
const SLOW: Duration = Duration::from_secs(1);

/// The line, at a level. What is not known (nobody came with a token, nothing
/// is traced) is left out. Nothing is put into words for a line that nobody
/// reads.
macro_rules! tell {
    ($($level:ident)::+, $line:ident, $what:literal) => {
        $($level)::+!(
            request_id = &*$line.id.0,
            method = name($line.method),
            route = $line.route,
            status = $line.status.as_u16(),
            micros = u64::try_from($line.took.as_micros()).unwrap_or(u64::MAX),
            statements = $line.cost.statements,
            trips = $line.cost.trips,
            actor = $line.caller.get().map(tracing::field::display),
            trace_id = $line.trace_id,
            $what
        )
    };
}

/// What is told of a request.
pub(crate) struct Line<'a> {
    pub(crate) id: &'a RequestId,
    pub(crate) method: &'a Method,
    pub(crate) route: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
    pub(crate) cost: Cost,
    pub(crate) caller: &'a CalledBy,
    /// Under which it is found where traces are kept, if it is traced.
    pub(crate) trace_id: Option<String>,
}

pub(crate) fn write(line: &Line<'_>) {
    let Line { took, route, .. } = *line;
    if took >= SLOW {
        tell!(tracing::info, line, "slow request");
    } else {
        tell!(tracing::debug, line, "request");
    }
    metrics::histogram!("sayso_http_request_micros", "method" => name(line.method),
                        "route" => route.to_owned(), "status" => line.status.as_u16().to_string())
    .record(took.as_secs_f64() * 1e6);
}

/// Names we know; a client may invent others, and each would be a series.
pub(crate) fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
