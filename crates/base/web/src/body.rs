//! The JSON body of a request, checked against the schema of its type.

use axum::extract::{FromRequest, MatchedPath, Request};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sayso_kernel::Fault;
use sayso_kernel::fault::INVALID;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use crate::check::{self, Checker};
use crate::codes::{TOO_LARGE, UNPARSABLE, UNSUPPORTED_MEDIA};
use crate::compiled::PerType;
use crate::finding::Finding;
use crate::key::BodyPrint;
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::{json, schema};

/// Bytes in a body at the most, where the stack does not say.
pub const BODY_MAX: usize = 1024 * 1024;

static CHECKERS: PerType<Checker> = PerType::new();

/// The bytes that a body may have; the stack puts it into the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyMax(pub(crate) usize);

/// A JSON body: parsed, trimmed, checked against the schema of `T`, all that
/// is wrong answered at once. The last of a handler's parameters.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned + ToSchema + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_media(&parts)?;
        let max = parts.extensions.get::<BodyMax>().map_or(BODY_MAX, |max| max.0);
        check_length(&parts.headers, max)?;
        let bytes = receive(body, max).await?;
        if let Some(print) = parts.extensions.get::<BodyPrint>() {
            print.take(&bytes);
        }
        let (value, findings) = json::read(&bytes)?;
        Ok(Self(checked(value, findings, Some(&parts))?))
    }
}

/// Reads a body from its bytes, as [`Body`] does.
///
/// # Errors
/// 400 when it is not JSON, 422 with everything that is wrong.
pub fn parse<T: DeserializeOwned + ToSchema + 'static>(bytes: &[u8]) -> Result<T, Fault> {
    let (value, findings) = json::read(bytes)?;
    checked(value, findings, None)
}

/// Reads a body from JSON that was parsed elsewhere (what comes over a
/// socket), by the same rules.
///
/// # Errors
/// 422 with everything that is wrong.
pub fn parse_value<T: DeserializeOwned + ToSchema + 'static>(value: Value) -> Result<T, Fault> {
    let (value, findings) = json::look_through(value);
    checked(value, findings, None)
}

fn checked<T>(
    mut value: Value,
    mut findings: Vec<Finding>,
    request: Option<&Parts>,
) -> Result<T, Fault>
where
    T: DeserializeOwned + ToSchema + 'static,
{
    let checker = CHECKERS.of::<T>(|| Checker::of(&schema::of_body::<T>(), &T::name()));
    findings.extend(checker.check(&mut value));
    if tracing::enabled!(tracing::Level::DEBUG) {
        log(request, &T::name(), &checker.redacted(&value, findings.is_empty()));
    }
    if findings.is_empty() {
        return check::into_type(value).map_err(|finding| invalid(vec![*finding]));
    }
    Err(invalid(findings))
}

/// Writes what came, without what people wrote, for whoever asks for it
/// (`sayso_web::body=debug`).
fn log(request: Option<&Parts>, schema: &str, body: &Value) {
    let extensions = request.map(|request| &request.extensions);
    let request_id = extensions.and_then(|it| it.get::<RequestId>()).map(|id| &*id.0);
    let route = extensions.and_then(|it| it.get::<MatchedPath>()).map(MatchedPath::as_str);
    tracing::debug!(request_id, route, schema, %body, "body");
}

fn invalid(mut findings: Vec<Finding>) -> Fault {
    findings.sort();
    Fault::new(&INVALID).with_all(findings.into_iter().map(Finding::at_pointer))
}

/// 413 for a body that says itself that it is too large.
pub(crate) fn check_length(headers: &HeaderMap, max: usize) -> Result<(), Fault> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > max) { Err(too_large(max)) } else { Ok(()) }
}

fn too_large(max: usize) -> Fault {
    Fault::new(&TOO_LARGE).detail(format!("The body may have {max} bytes"))
}

async fn receive(body: axum::body::Body, max: usize) -> Result<Bytes, Fault> {
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(max)),
        Err(error) => {
            Err(Fault::new(&UNPARSABLE).detail("The body did not arrive whole").caused_by(error))
        }
    }
}

/// 415 for anything but JSON in UTF-8 without compression. Nothing said about
/// an empty body is well: that it is empty is then what is wrong.
fn check_media(parts: &Parts) -> Result<(), Fault> {
    let refused = |detail: &'static str| Err(Fault::new(&UNSUPPORTED_MEDIA).detail(detail));
    let encoding = parts.headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return refused("Send the body without Content-Encoding");
    }
    let Some(media) = parts.headers.get(CONTENT_TYPE) else {
        let is_empty = parts.headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
            && !parts.headers.contains_key(http::header::TRANSFER_ENCODING);
        return if is_empty { Ok(()) } else { refused("Say Content-Type: application/json") };
    };
    if is_json(media.to_str().unwrap_or_default(), &parts.method) {
        Ok(())
    } else {
        refused(UNSUPPORTED_MEDIA.title)
    }
}

fn is_json(media: &str, method: &Method) -> bool {
    let mut pieces = media.split(';').map(str::trim);
    let kind = pieces.next().unwrap_or_default();
    let known = kind.eq_ignore_ascii_case("application/json")
        || (method == Method::PATCH && kind.eq_ignore_ascii_case("application/merge-patch+json"));
    known && pieces.all(is_utf8_parameter)
}

/// Parameters other than a foreign character set do not matter.
fn is_utf8_parameter(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_utf8_is_taken_and_a_merge_patch_where_it_patches() {
        assert!(is_json("application/json", &Method::POST));
        assert!(is_json("Application/JSON; charset=\"UTF-8\"", &Method::POST));
        assert!(is_json("application/merge-patch+json", &Method::PATCH));
        assert!(!is_json("application/merge-patch+json", &Method::PUT));
        assert!(!is_json("application/json; charset=latin1", &Method::POST));
        assert!(!is_json("text/plain", &Method::POST));
        assert!(!is_json("", &Method::POST));
    }
}
