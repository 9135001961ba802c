//! The OpenAPI document: its head, what all routes have in common, and where
//! it is served.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sayso_web::docs;
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
                .description(Some(
                    "People, channels, messages and tasks of one company, live on every device.",
                ))
                .build(),
        )
        .components(Some(ComponentsBuilder::new().security_scheme(BEARER, bearer).build()))
        .build()
}

/// Adds what all routes have in common.
pub(crate) fn finish(document: &mut OpenApi) {
    docs::add_problems(document);
}

/// The document of a router, as text.
#[must_use]
pub fn document(document: &OpenApi) -> String {
    document.to_pretty_json().expect("the document is plain JSON")
}

/// Serves the document.
pub(crate) fn route(document: &OpenApi) -> Router {
    let text = Bytes::from(self::document(document));
    let serve = async move || ([(CONTENT_TYPE, "application/json")], text.clone()).into_response();
    Router::new().route("/openapi.json", get(serve))
}
