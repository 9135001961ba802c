//! The documentation that the server itself serves: the API at `/docs`, and
//! every error code at `/docs/errors`. Made once at the start, from what the
//! code says of itself; no script, and nothing from another server.

mod errors;
mod html;
mod operations;
mod schemas;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa::openapi::OpenApi;

pub(crate) use errors::text as errors_text;

const STYLE: &str = include_str!("style.css");
/// A page may have its style, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
/// How long a browser may go without asking again.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Serves the pages.
pub(crate) fn route(document: &OpenApi) -> Router {
    let document = crate::openapi::complete(document);
    let api = Bytes::from(html::page("The API of Sayso", &operations::body(&document)));
    let errors = Bytes::from(html::page("The errors of Sayso", &errors::body()));
    let style = Bytes::from_static(STYLE.as_bytes());
    Router::new()
        // fixture: GET /docs
        .route("/docs", get(async move || served(HTML, api.clone())))
        // fixture: GET /docs/errors
        .route("/docs/errors", get(async move || served(HTML, errors.clone())))
        // fixture: GET /docs/style.css
        .route("/docs/style.css", get(async move || served(CSS, style.clone())))
}

fn served(kind: HeaderValue, text: Bytes) -> Response {
    let headers =
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, CACHED), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text).into_response()
}
