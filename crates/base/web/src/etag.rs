//! Entity tags: `"<version>-<rest>"`.
//!
//! The version counts edits and is what a writer must know; the rest changes
//! with everything this reader is shown. `If-Match` therefore compares the
//! part before the dash, `If-None-Match` the whole.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, ETAG, EXPIRES, HeaderName, HeaderValue, IF_MATCH, VARY,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use sayso_kernel::fault::{Place, VERSION_REQUIRED};
use sayso_kernel::{Fault, hex, secret};

use crate::codes::{BAD_HEADER, CONTRADICTORY_VERSION, field};
use crate::limits::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::problem::Problem;

const REST_LEN: usize = 8;

/// The tag of a resource in `version` whose answer is `body`.
#[must_use]
pub fn of(version: i32, body: &[u8]) -> HeaderValue {
    let sum = secret::sha256(&[body]);
    HeaderValue::try_from(format!("\"{version}-{}\"", hex::encode(&sum[..REST_LEN])))
        .expect("digits and a dash are a header value")
}

/// The version that `If-Match` asks for; `None` when the header is absent,
/// empty or `*`, which name no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i32>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(bad_if_match("was sent twice").into());
        }
        let Ok(text) = value.to_str().map(str::trim) else {
            return Err(bad_if_match("must be one entity tag as it was answered").into());
        };
        if text.is_empty() || text == "*" {
            return Ok(Self(None));
        }
        match version_of(text) {
            Some(version) => Ok(Self(Some(version))),
            None => Err(bad_if_match("must be one entity tag as it was answered").into()),
        }
    }
}

fn bad_if_match(detail: &str) -> Fault {
    Fault::new(&BAD_HEADER).with(Place::Header("If-Match".into()), field::HEADER, detail)
}

/// The version in `"3-abcd"`, `W/"3-abcd"` or `"3"`.
fn version_of(tag: &str) -> Option<i32> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let digits = inner.split_once('-').map_or(inner, |(version, _)| version);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain && !inner.contains('"') { digits.parse().ok() } else { None }
}

/// The version an edit rests on, from the body or `If-Match`.
///
/// # Errors
/// 400 when both are there and differ, 428 when neither is.
pub fn required_version(body: Option<i32>, header: &IfMatch) -> Result<i32, Fault> {
    match (body, header.0) {
        (Some(body), Some(header)) if body != header => Err(Fault::new(&CONTRADICTORY_VERSION)
            .with(Place::Header("If-Match".into()), field::HEADER, "differs from the body")
            .with(Place::Pointer("#/version".into()), field::INVALID, "differs from If-Match")),
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(Fault::new(&VERSION_REQUIRED)),
    }
}

/// Turns a 200 that the client already holds into a 304 without a body.
pub(crate) fn unless_modified(held: &[HeaderValue], response: Response) -> Response {
    let Some(tag) = response.headers().get(ETAG) else { return response };
    if response.status() != StatusCode::OK || !held.iter().any(|list| names(list, tag)) {
        return response;
    }
    const KEPT: [HeaderName; 7] =
        [ETAG, CACHE_CONTROL, VARY, EXPIRES, CONTENT_LOCATION, RATE_LIMIT, RATE_LIMIT_POLICY];
    let mut headers = HeaderMap::with_capacity(12);
    for name in KEPT {
        if let Some(value) = response.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// Whether an `If-None-Match` list names the tag (weak comparison, RFC 9110
/// section 13.1.2). Our tags hold no comma.
fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(list), Ok(tag)) = (list.to_str(), tag.to_str()) else { return false };
    let strong = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    list.split(',').map(str::trim).any(|held| held == "*" || strong(held) == strong(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_stands_before_the_dash() {
        for tag in ["\"3-abcd\"", "W/\"3-abcd\"", "\"3\""] {
            assert_eq!(version_of(tag), Some(3), "{tag}");
        }
        for tag in
            ["3", "3-abcd", "\"\"", "\"-3\"", "\"+3\"", "\"x\"", "\"3-a\", \"4-b\"", "W/3", "\""]
        {
            assert_eq!(version_of(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_body_and_the_header_must_agree() {
        let some = IfMatch(Some(3));

        assert_eq!(required_version(Some(3), &some).ok(), Some(3));
        assert_eq!(required_version(None, &some).ok(), Some(3));
        assert_eq!(required_version(Some(4), &IfMatch(None)).ok(), Some(4));
        let differ = required_version(Some(4), &some).expect_err("they differ");
        assert_eq!(differ.kind().status(), 400);
        let none = required_version(None, &IfMatch(None)).expect_err("neither is there");
        assert_eq!(none.kind().status(), 428);
    }

    #[test]
    fn one_tag_of_a_list_is_enough_and_weakness_does_not_count() {
        let tag = HeaderValue::from_static("\"3-ab\"");
        let names = |list| names(&HeaderValue::from_static(list), &tag);

        assert!(names("\"1-x\", W/\"3-ab\""));
        assert!(names("*"));
        assert!(!names("\"3-ac\""));
    }
}
