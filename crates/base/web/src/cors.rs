//! Cross-origin requests: an allowlist, and no credentials, for no cookie is
//! ever read. A request without an `Origin` (a native app) is not our concern.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const SENT: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Sayso-Min-Position, \
     X-Request-Id",
);
const SHOWN: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Idempotent-Replayed, \
     Sayso-Position",
);
/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The origins that browsers may call from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cors {
    allowed: Vec<String>,
}

impl Cors {
    pub(crate) fn new(allowed: &[String]) -> Self {
        let lower = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Self { allowed: allowed.iter().map(lower).collect() }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let origin = origin.as_bytes();
        self.allowed.iter().any(|one| one == "*" || one.as_bytes().eq_ignore_ascii_case(origin))
    }

    /// Whether a page of `origin` may open sockets: it is allowed, or was
    /// served from where the request goes to.
    pub(crate) fn is_known(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let own = |host: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
            origin.is_some_and(|(_, at)| at.as_bytes().eq_ignore_ascii_case(host.as_bytes()))
        };
        self.allows(origin) || host.is_some_and(own)
    }

    /// The answer to a preflight; `None` for any other request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let origin = headers.get(ORIGIN).filter(|_| asks)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        if self.allows(origin) {
            let out = response.headers_mut();
            out.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            out.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            out.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        }
        self.mark(Some(origin), response.headers_mut());
        Some(response)
    }

    /// Lets the page behind `origin` read an answer.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.allowed.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|origin| self.allows(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }
}
