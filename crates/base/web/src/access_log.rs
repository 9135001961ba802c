//! One line and one measurement a request.
//!
//! A line costs more than a cached read, so ordinary requests are written for
//! whoever asks for them (`sayso_web::access_log=debug`); slow ones always.

use std::time::Duration;

use http::{Method, StatusCode};

use sayso_db::Cost;

use crate::request_id::RequestId;

/// Histogram of the time a request took, in microseconds, by `method`,
/// `route` and `status`; its count is the number of requests.
pub const HTTP_REQUEST_MICROS: &str = "sayso_http_request_micros";
/// From here on a request is slow.
const SLOW: Duration = Duration::from_secs(1);

pub(crate) fn write(
    method: &Method,
    route: &str,
    status: StatusCode,
    took: Duration,
    cost: Cost,
    id: &RequestId,
) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (method, status, request_id) = (name(method), status.as_u16(), &*id.0);
    let Cost { statements, trips } = cost;
    if took >= SLOW {
        tracing::info!(
            request_id,
            method,
            route,
            status,
            micros,
            statements,
            trips,
            "slow request"
        );
    } else {
        tracing::debug!(request_id, method, route, status, micros, statements, trips, "request");
    }
    let labels =
        [("method", method.into()), ("route", route.to_owned().into()), ("status", label(status))];
    metrics::histogram!(HTTP_REQUEST_MICROS, &labels[..]).record(took.as_secs_f64() * 1e6);
}

fn label(status: u16) -> metrics::SharedString {
    status.to_string().into()
}

/// Names we know; a client may invent others, and each would be a series.
fn name(method: &Method) -> &'static str {
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
