//! What can go wrong, in one shape for every layer.
//!
//! A crate declares its [`Code`]s as constants; a [`Fault`] is one occurrence
//! with its details. Only `base/web` turns a fault into a status and a body,
//! and `edge/realtime` into an acknowledgement.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use serde_json::Value;

/// The class of a fault; it decides the HTTP status and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// 400: the request could not be parsed, or a header contradicts another.
    Malformed,
    /// 401: no valid token.
    Unauthenticated,
    /// 403: the caller sees it but may not.
    Forbidden,
    /// 404: absent, or hidden from the caller; the two are not told apart.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 409: contradicts the present state.
    Conflict,
    /// 410: what was asked for is gone for good.
    Gone,
    /// 412: the version is not the present one.
    Stale,
    /// 413: too large.
    TooLarge,
    /// 415: a media type that is not taken.
    UnsupportedMedia,
    /// 422: parsed, but not valid.
    Invalid,
    /// 428: a version is required.
    VersionRequired,
    /// 429: more than the limit.
    TooMany,
    /// 500: a bug.
    Internal,
    /// 503: something we stand on is away; try again.
    Unavailable,
}

impl Kind {
    /// The HTTP status of this class (RFC 9110, RFC 6585).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::Stale => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::Invalid => 422,
            Self::VersionRequired => 428,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }
}

/// A kind of fault with its stable public name. Codes are API: they are
/// listed in `golden/errors.txt`.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `noun.reason`.
    pub name: &'static str,
    /// The class.
    pub kind: Kind,
    /// One sentence for people, without particulars of the occurrence.
    pub title: &'static str,
}

impl Code {
    /// Declares a code.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, title: &'static str) -> Self {
        Self { name, kind, title }
    }
}

/// Where in the request a fault lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON pointer into the body, as a URI fragment: `#/members/0/role`.
    Pointer(String),
    /// A query parameter.
    Parameter(String),
    /// A request header.
    Header(String),
}

/// One of possibly many things wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Where it lies.
    pub place: Place,
    /// `noun.reason` of this part.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
}

/// One occurrence of something going wrong.
#[derive(Debug)]
pub struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: &'static Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldFault>,
    current: Option<Value>,
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// A bug or an unforeseen state; what happened stands in the log only.
pub const INTERNAL: Code =
    Code::new("server.internal", Kind::Internal, "Something went wrong on our side");
/// Something the server stands on did not answer in time.
pub const UNAVAILABLE: Code =
    Code::new("server.unavailable", Kind::Unavailable, "The service cannot answer at the moment");
/// The body or the query does not meet its schema.
pub const INVALID: Code = Code::new("request.invalid", Kind::Invalid, "The request is not valid");
/// The thing does not exist, or not for this caller.
pub const NOT_FOUND: Code =
    Code::new("resource.not_found", Kind::NotFound, "There is no such thing");
/// The caller sees the thing, but may not do this with it.
pub const FORBIDDEN: Code = Code::new("access.forbidden", Kind::Forbidden, "You may not do this");
/// A version sent with an edit is older than the present one.
pub const STALE: Code =
    Code::new("resource.stale_version", Kind::Stale, "It has been changed since you read it");
/// An edit came without the version it rests on.
pub const VERSION_REQUIRED: Code = Code::new(
    "resource.version_required",
    Kind::VersionRequired,
    "Say which version you edit, in the body or with If-Match",
);

/// The codes declared here.
pub const CODES: &[&Code] =
    &[&INTERNAL, &UNAVAILABLE, &INVALID, &NOT_FOUND, &FORBIDDEN, &STALE, &VERSION_REQUIRED];

impl Fault {
    /// A fault that says no more than its code.
    #[must_use]
    pub fn new(code: &'static Code) -> Self {
        Self(Box::new(Parts {
            code,
            detail: Cow::Borrowed(code.title),
            errors: Vec::new(),
            current: None,
            reason: None,
            retry_after: None,
            source: None,
        }))
    }

    /// A bug, with what is known of its cause. The cause is logged, never sent.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(&INTERNAL).caused_by(source)
    }

    /// Something we stand on is away. The cause is logged, never sent.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(&UNAVAILABLE).caused_by(source).retry_after(Duration::from_secs(1))
    }

    /// One field of the body is not valid; `pointer` is a fragment like
    /// `#/members/0`.
    pub fn at_pointer(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(&INVALID).with(Place::Pointer(pointer.into()), code, detail)
    }

    /// One query parameter is not valid.
    pub fn at_parameter(
        name: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(&INVALID).with(Place::Parameter(name.into()), code, detail)
    }

    /// Says more than the title, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// Adds one more thing that is wrong.
    #[must_use]
    pub fn with(mut self, place: Place, code: &'static str, detail: impl Into<String>) -> Self {
        self.0.errors.push(FieldFault { place, code, detail: detail.into() });
        self
    }

    /// Adds many.
    #[must_use]
    pub fn with_all(mut self, errors: impl IntoIterator<Item = FieldFault>) -> Self {
        self.0.errors.extend(errors);
        self
    }

    /// Shows the present state (answers to stale versions).
    #[must_use]
    pub fn current(mut self, current: Value) -> Self {
        self.0.current = Some(current);
        self
    }

    /// Says which of the reasons that the code stands for it is, in a word
    /// for programs.
    #[must_use]
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// The class.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.code.kind
    }

    /// Whether this is an occurrence of `code`.
    #[must_use]
    pub fn is(&self, code: &Code) -> bool {
        self.0.code.name == code.name
    }

    /// The sentence for people.
    #[must_use]
    pub fn detail_text(&self) -> &str {
        &self.0.detail
    }

    /// Everything that is wrong, where it lies.
    #[must_use]
    pub fn errors(&self) -> &[FieldFault] {
        &self.0.errors
    }

    /// The present state, if it is part of the answer.
    #[must_use]
    pub fn current_value(&self) -> Option<&Value> {
        self.0.current.as_ref()
    }

    /// Which of the code's reasons it is, if it has several.
    #[must_use]
    pub fn reason_word(&self) -> Option<&'static str> {
        self.0.reason
    }

    /// When to try again, if that is known.
    #[must_use]
    pub fn retry_after_hint(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.name, self.0.detail)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_carries_its_code_its_places_and_keeps_its_cause_apart() {
        let fault =
            Fault::at_pointer("#/title", "title.blank", "must not be blank").caused_by("a cause");

        assert!(fault.is(&INVALID));
        assert_eq!(fault.kind().status(), 422);
        assert_eq!(fault.errors()[0].place, Place::Pointer("#/title".into()));
        assert_eq!(fault.source().map(ToString::to_string).as_deref(), Some("a cause"));
        assert!(!fault.to_string().contains("a cause"));
    }
}
