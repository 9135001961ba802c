//! A fault as an HTTP answer: `application/problem+json` (RFC 9457).
//!
//! The answer is built twice at most: once without a request id where the
//! fault left the handler, and once more by the stack, which knows the id and
//! logs the fault. What went wrong inside stands in the log only.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use sayso_kernel::fault::{FieldFault, Place};
use sayso_kernel::{Code, Fault, Kind};
use serde_json::{Map, Value, json};

/// Faults of single fields that an answer names at the most.
pub const ERRORS_MAX: usize = 100;
/// When to try again where the fault does not say.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);
/// The media type of every refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A fault on its way out of a handler.
#[derive(Debug)]
pub struct Problem(pub Fault);

impl Problem {
    /// A problem that says no more than its code.
    #[must_use]
    pub fn new(code: &'static Code) -> Self {
        Self(Fault::new(code))
    }
}

impl<E: Into<Fault>> From<E> for Problem {
    fn from(fault: E) -> Self {
        Self(fault.into())
    }
}

/// The fault behind an answer, for the stack to log and to render with the
/// request id.
#[derive(Clone, Debug)]
pub(crate) struct Pending(pub(crate) Arc<Fault>);

/// The fault behind an answer that is on its way out.
#[must_use]
pub fn fault_of(response: &Response) -> Option<&Fault> {
    response.extensions().get::<Pending>().map(|pending| &*pending.0)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = render(&self.0, None);
        response.extensions_mut().insert(Pending(Arc::new(self.0)));
        response
    }
}

/// The problem object: the body of an HTTP refusal, and the `error` of a
/// socket's acknowledgement.
#[must_use]
pub fn body(fault: &Fault, request_id: Option<&str>) -> Value {
    let code = fault.code();
    let mut object = Map::new();
    object.insert("type".into(), format!("/docs/errors#{}", code.name).into());
    object.insert("title".into(), code.title.into());
    object.insert("status".into(), code.kind.status().into());
    object.insert("detail".into(), detail(fault).into());
    object.insert("code".into(), code.name.into());
    if let Some(id) = request_id {
        object.insert("requestId".into(), id.into());
    }
    if !fault.errors().is_empty() {
        let errors = fault.errors().iter().take(ERRORS_MAX).map(entry).collect();
        object.insert("errors".into(), Value::Array(errors));
    }
    if let Some(reason) = fault.reason_word() {
        object.insert("reason".into(), reason.into());
    }
    if let Some(current) = fault.current_value() {
        object.insert("current".into(), current.clone());
    }
    Value::Object(object)
}

/// What people are told; of our own failures nothing but the title.
fn detail(fault: &Fault) -> &str {
    match fault.kind() {
        Kind::Internal | Kind::Unavailable => fault.code().title,
        _ => fault.detail_text(),
    }
}

fn entry(fault: &FieldFault) -> Value {
    let (name, place) = match &fault.place {
        Place::Pointer(pointer) => ("pointer", pointer),
        Place::Parameter(parameter) => ("parameter", parameter),
        Place::Header(header) => ("header", header),
    };
    json!({ name: place, "code": fault.code, "detail": fault.detail })
}

pub(crate) fn render(fault: &Fault, request_id: Option<&str>) -> Response {
    let status = StatusCode::from_u16(fault.kind().status())
        .expect("every kind has a status that HTTP knows");
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = retry_after(fault) {
        headers.insert(RETRY_AFTER, HeaderValue::from(after));
    }
    if fault.kind() == Kind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, challenge(fault.code()));
    }
    let text = body(fault, request_id).to_string();
    (status, headers, text).into_response()
}

/// Whole seconds, rounded up: an early retry would be refused again.
fn retry_after(fault: &Fault) -> Option<u64> {
    let hint = fault.retry_after_hint().or(fault.kind().is_temporary().then_some(RETRY_DEFAULT))?;
    Some((hint.as_secs() + u64::from(hint.subsec_nanos() > 0)).max(1))
}

fn challenge(code: &Code) -> HeaderValue {
    let text = format!("Bearer error=\"{}\", error_description=\"{}\"", code.name, code.title);
    HeaderValue::from_str(&text)
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// Writes the fault to the log, once: our own failures with everything that
/// led to them, a client's mistakes for whoever asks for them.
pub(crate) fn log(fault: &Fault, request_id: &str, method: &str, route: &str) {
    let chain = chain(fault);
    match fault.kind() {
        Kind::Internal => tracing::error!(request_id, method, route, fault = chain, "failed"),
        Kind::Unavailable => tracing::warn!(request_id, method, route, fault = chain, "failed"),
        _ => tracing::debug!(request_id, method, route, fault = chain, "refused"),
    }
}

fn chain(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use sayso_kernel::fault::{INTERNAL, UNAVAILABLE};

    use super::*;

    #[test]
    fn a_failure_of_ours_tells_nothing_of_its_cause() {
        let fault = Fault::internal("password=hunter2").detail("table users is gone");

        let text = body(&fault, Some("r1")).to_string();

        assert!(!text.contains("hunter2") && !text.contains("table users"), "{text}");
        assert!(text.contains(INTERNAL.title));
        assert!(chain(&fault).contains("hunter2"));
    }

    #[test]
    fn waiting_times_are_whole_seconds_rounded_up() {
        let fault = Fault::new(&UNAVAILABLE).retry_after(Duration::from_millis(1200));

        assert_eq!(retry_after(&fault), Some(2));
        assert_eq!(retry_after(&Fault::new(&UNAVAILABLE)), Some(1));
        assert_eq!(retry_after(&Fault::new(&INTERNAL)), None);
    }
}
