//! The `Idempotency-Key` header.
//!
//! [`Key`] stands before the body among a handler's parameters; the body, when
//! it is read, leaves its fingerprint with the key, so that the same key with
//! another body is noticed.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, OriginalUri};
use http::header::HeaderName;
use http::request::Parts;
use sayso_access::Ctx;
use sayso_db::IdempotencyKey;
use sayso_kernel::fault::Place;
use sayso_kernel::{Fault, secret};

use crate::codes::{BAD_HEADER, KEY_NOT_SUPPORTED, field};
use crate::problem::Problem;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const SHOWN_NAME: &str = "Idempotency-Key";
/// Characters in a key at the most.
pub const KEY_LEN_MAX: usize = 255;

/// The key that came with a request, if one did.
#[derive(Clone, Debug, Default)]
pub struct Key(Option<Sent>);

#[derive(Clone, Debug)]
struct Sent {
    key: String,
    route: String,
    body: BodyPrint,
}

/// Where the body's extractor leaves the hash of what it read.
#[derive(Clone, Debug)]
pub(crate) struct BodyPrint {
    request_line: Arc<str>,
    print: Arc<OnceLock<[u8; 32]>>,
}

impl BodyPrint {
    pub(crate) fn take(&self, body: &[u8]) {
        let _first_wins =
            self.print.set(secret::sha256(&[self.request_line.as_bytes(), &[0], body]));
    }

    fn fingerprint(&self) -> [u8; 32] {
        *self.print.get_or_init(|| secret::sha256(&[self.request_line.as_bytes(), &[0]]))
    }
}

impl Key {
    /// The key as the database keeps it, scoped to the caller. To be asked for
    /// after the body was read.
    #[must_use]
    pub fn scoped(&self, ctx: &Ctx) -> Option<IdempotencyKey> {
        let sent = self.0.as_ref()?;
        Some(IdempotencyKey {
            scope: ctx.user_id().map_or_else(|| "anonymous".into(), |id| id.to_string()),
            route: sent.route.clone(),
            key: sent.key.clone(),
            fingerprint: sent.body.fingerprint(),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(refused("was sent twice").into());
        }
        let Some(key) = parse(value.as_bytes()) else {
            return Err(refused("must be 1 to 255 visible ASCII characters").into());
        };
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let route = format!("{} {}", parts.method, uri.path());
        let line = format!("{route}?{}", uri.query().unwrap_or_default());
        let body = BodyPrint { request_line: line.into(), print: Arc::default() };
        parts.extensions.insert(body.clone());
        Ok(Self(Some(Sent { key, route, body })))
    }
}

fn refused(detail: &str) -> Fault {
    Fault::new(&BAD_HEADER).with(Place::Header(SHOWN_NAME.into()), field::HEADER, detail)
}

/// Reads a key, bare or in quotes; the two are the same key.
fn parse(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?;
    let key = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\']))?,
        None => text,
    };
    let sane = (1..=KEY_LEN_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    sane.then(|| key.to_owned())
}

/// Marks a route whose answer holds a secret: it keeps no answers, so a key
/// would promise what is not done, and is refused.
#[derive(Clone, Copy, Debug)]
pub struct NoKey;

impl<S: Send + Sync> FromRequestParts<S> for NoKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.headers.contains_key(NAME) {
            let place = Place::Header(SHOWN_NAME.into());
            let fault = Fault::new(&KEY_NOT_SUPPORTED);
            return Err(fault.with(place, field::HEADER, "is not taken here").into());
        }
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_and_a_quoted_key_are_the_same() {
        assert_eq!(parse(b"a-1").as_deref(), Some("a-1"));
        assert_eq!(parse(b"\"a-1\"").as_deref(), Some("a-1"));
        assert_eq!(parse(&[b'k'; 255]).map(|key| key.len()), Some(255));
    }

    #[test]
    fn blank_long_and_invisible_keys_are_refused() {
        for key in ["", "\"\"", "a b", "\"a", "\"a\"b\"", "ü"] {
            assert_eq!(parse(key.as_bytes()), None, "{key}");
        }
        assert_eq!(parse(&[b'k'; 256]), None);
    }
}
