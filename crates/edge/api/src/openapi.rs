//! The OpenAPI document: its head, what all routes have in common, and where
//! it is served.
//!
//! What a route takes and answers is derived from its types. What many of
//! them have in common is added here, by rule: refusals, headers, chapters,
//! links, examples, and which fields events do not tell.

mod apart;
mod chapters;
mod examples;
mod headers;
mod links;
mod walk;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sayso_web::docs;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// The head of the document.
pub(crate) fn head() -> OpenApi {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Sayso")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(include_str!("openapi/about.md")))
                .build(),
        )
        .components(Some(ComponentsBuilder::new().security_scheme(BEARER, bearer).build()))
        .build()
}

/// Adds what all routes have in common and is typed.
pub(crate) fn finish(document: &mut OpenApi) {
    docs::add_problems(document);
}

/// The whole document, with what is added by rule.
pub(crate) fn complete(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("the document is plain JSON");
    headers::add(&mut document);
    chapters::add(&mut document);
    links::add(&mut document);
    examples::add(&mut document);
    apart::mark(&mut document);
    document
}

/// The document of a router, as text.
#[must_use]
pub fn document(document: &OpenApi) -> String {
    serde_json::to_string_pretty(&complete(document)).expect("the document is plain JSON")
}

/// Serves the document.
pub(crate) fn route(document: &OpenApi) -> Router {
    let text = Bytes::from(self::document(document));
    let serve = async move || ([(CONTENT_TYPE, "application/json")], text.clone()).into_response();
    // fixture: GET /openapi.json
    Router::new().route("/openapi.json", get(serve))
}
