//! Answers: what a handler gives back when nothing went wrong.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, VARY};
use http::{HeaderMap, StatusCode};
use sayso_db::StoredReply;
use sayso_kernel::page::Page;
use serde::Serialize;
use utoipa::ToSchema;

use crate::etag;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const VARIES: HeaderValue = HeaderValue::from_static("Authorization, Accept-Encoding");

/// A list as it travels.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageBody<V: ToSchema> {
    /// The entries, in the order asked for.
    pub items: Vec<V>,
    /// Pass it as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// A whole answer: status, headers and body, all in memory, so that it can be
/// kept under an `Idempotency-Key` and given again byte for byte.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// 200 with something that carries no version.
    pub fn ok<V: Serialize>(view: &V) -> Self {
        Self::json(json_bytes(view))
    }

    /// 200 with a resource and its `ETag`.
    pub fn resource<V: Serialize>(view: &V, version: i32) -> Self {
        let body = json_bytes(view);
        let tag = etag::of(version, &body);
        Self::prepared(body, tag)
    }

    /// 200 with a resource whose bytes and tag ([`etag::of`]) were prepared
    /// earlier: what a cache holds, no JSON is built.
    #[must_use]
    pub fn prepared(body: Bytes, tag: HeaderValue) -> Self {
        Self::json(body).with_header(ETAG, tag)
    }

    /// 201 with the new resource, where it lives and its `ETag`.
    pub fn created<V: Serialize>(location: &str, view: &V, version: i32) -> Self {
        Self::resource(view, version).with_status(StatusCode::CREATED).with_location(location)
    }

    /// 202 for work that goes on; `location` is where to ask for it.
    pub fn accepted<V: Serialize>(location: &str, view: &V) -> Self {
        Self::ok(view).with_status(StatusCode::ACCEPTED).with_location(location)
    }

    /// 200 with one page of a list.
    pub fn page<V: Serialize + ToSchema>(page: Page<V>) -> Self {
        Self::ok(&PageBody { items: page.items, next_cursor: page.next_cursor })
    }

    /// 200 with a secret: kept nowhere, compressed never.
    pub fn secret<V: Serialize>(view: &V) -> Self {
        Self::ok(view).with_header(CACHE_CONTROL, NO_STORE)
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn json(body: Bytes) -> Self {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, PRIVATE);
        headers.insert(VARY, VARIES);
        Self { status: StatusCode::OK, headers, body }
    }

    /// The same answer with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same answer with one header set.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Says where the thing lives. Locations are made of our own paths and
    /// ids; one that HTTP cannot carry is left out.
    fn with_location(self, location: &str) -> Self {
        match HeaderValue::from_str(location) {
            Ok(value) => self.with_header(LOCATION, value),
            Err(_) => self,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

fn json_bytes<V: Serialize>(view: &V) -> Bytes {
    Bytes::from(serde_json::to_vec(view).expect("a view is plain JSON"))
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Reply> for StoredReply {
    fn from(reply: Reply) -> Self {
        let headers = reply
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        Self { status: reply.status.as_u16(), headers, body: reply.body }
    }
}

impl From<StoredReply> for Reply {
    fn from(stored: StoredReply) -> Self {
        let headers = stored
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect();
        let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        Self { status, headers, body: stored.body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_being_stored_byte_for_byte() {
        let reply = Reply::created("/api/tasks/1", &serde_json::json!({"id": 1}), 3);

        let again = Reply::from(StoredReply::from(reply.clone()));

        assert_eq!(again.status(), StatusCode::CREATED);
        assert_eq!(again.headers(), reply.headers());
        assert_eq!(again.body(), reply.body());
    }
}
