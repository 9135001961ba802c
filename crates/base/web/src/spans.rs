//! What a trace shows of a request: its route and how it was answered. Neither
//! its path, whose parts may be what people wrote, nor anything of its body.

use axum::extract::{MatchedPath, Request};
use http::{HeaderMap, HeaderName, StatusCode};
use sayso_telemetry::trace::{Span, TraceContext};

use crate::access_log;
use crate::identity::CalledBy;
use crate::request_id::RequestId;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of a request. A caller that traces is joined, and believed nothing
/// else: whether there is a span at all, it does not decide.
pub(crate) fn server(request: &Request, id: &RequestId, untraced: &[String]) -> Span {
    let is_untraced = || untraced.iter().any(|start| request.uri().path().starts_with(start));
    if !sayso_telemetry::trace::is_on() || is_untraced() {
        return Span::none();
    }
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = access_log::name(request.method());
    let span = Span::server(parent(request.headers()), || match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    });
    if span.is_recording() {
        span.set("http.request.method", method);
        span.set("sayso.request_id", id.0.to_string());
        if let Some(route) = route {
            span.set("http.route", route.to_owned());
        }
    }
    span
}

/// Two headers could be read in two ways, and are none.
fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    let one = sent.next().filter(|_| sent.next().is_none())?;
    TraceContext::parse(one.to_str().ok()?)
}

/// How it was answered. What was wrong with the request is no error of ours.
pub(crate) fn answered(span: &Span, status: StatusCode, caller: &CalledBy) {
    if !span.is_recording() {
        return;
    }
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if let Some(caller) = caller.get() {
        span.set("sayso.actor", caller.to_string());
    }
    if status.is_server_error() {
        span.failed(status.as_str().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_traceparent_is_a_parent_and_two_are_none() {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut headers = HeaderMap::new();
        assert!(parent(&headers).is_none());
        headers.append(TRACEPARENT, HeaderValue::from_static(value));
        assert_eq!(parent(&headers).map(|it| it.to_string()).as_deref(), Some(value));
        headers.append(TRACEPARENT, HeaderValue::from_static(value));
        assert!(parent(&headers).is_none());
    }
}
