//! The faults of the HTTP surface itself, whatever the domain.

use sayso_kernel::{Code, Kind};

/// The body, the query or a path is not even well-formed.
pub const UNPARSABLE: Code =
    Code::new("request.unparsable", Kind::Malformed, "The request could not be read");
/// A header is malformed.
pub const BAD_HEADER: Code =
    Code::new("request.bad_header", Kind::Malformed, "A request header is not valid");
/// The version in the body and the one in `If-Match` differ.
pub const CONTRADICTORY_VERSION: Code = Code::new(
    "request.contradictory_version",
    Kind::Malformed,
    "The version in the body and the one in If-Match differ",
);
/// The path is known, the method is not.
pub const METHOD_NOT_ALLOWED: Code = Code::new(
    "request.method_not_allowed",
    Kind::MethodNotAllowed,
    "This path does not take this method",
);
/// The body is larger than the limit.
pub const TOO_LARGE: Code =
    Code::new("request.too_large", Kind::TooLarge, "The body is larger than is taken");
/// The body is in a media type or an encoding that is not taken.
pub const UNSUPPORTED_MEDIA: Code = Code::new(
    "request.unsupported_media",
    Kind::UnsupportedMedia,
    "Send the body as application/json in UTF-8",
);
/// The request took longer than a request may take.
pub const TIMEOUT: Code =
    Code::new("server.timeout", Kind::Unavailable, "The request took too long");
/// A key came with a request whose answer holds a secret and is not kept.
pub const KEY_NOT_SUPPORTED: Code = Code::new(
    "idempotency.not_supported",
    Kind::Malformed,
    "This route does not take an Idempotency-Key, because its answer holds a secret",
);

/// The caller has used up what there is of a kind of requests.
pub const TOO_MANY: Code =
    Code::new("limits.too_many", Kind::TooMany, "That is more often than is allowed");
/// A page of an origin that is not allowed wants a socket.
pub const FOREIGN_ORIGIN: Code = Code::new(
    "origin.not_allowed",
    Kind::Forbidden,
    "Pages of this origin may not open sockets here",
);

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &UNPARSABLE,
    &BAD_HEADER,
    &CONTRADICTORY_VERSION,
    &METHOD_NOT_ALLOWED,
    &TOO_LARGE,
    &UNSUPPORTED_MEDIA,
    &TIMEOUT,
    &KEY_NOT_SUPPORTED,
    &TOO_MANY,
    &FOREIGN_ORIGIN,
];

/// Codes of single parts of a request, as they stand in `errors[].code`.
pub mod field {
    /// The field or parameter is not known.
    pub const UNKNOWN: &str = "field.unknown";
    /// It must be there.
    pub const REQUIRED: &str = "field.required";
    /// It has another JSON type.
    pub const TYPE: &str = "field.type";
    /// Nothing but white space.
    pub const BLANK: &str = "field.blank";
    /// Fewer characters than required.
    pub const TOO_SHORT: &str = "field.too_short";
    /// More characters than allowed.
    pub const TOO_LONG: &str = "field.too_long";
    /// Fewer entries than required.
    pub const TOO_FEW: &str = "field.too_few";
    /// More entries than allowed.
    pub const TOO_MANY: &str = "field.too_many";
    /// A number below the least.
    pub const TOO_SMALL: &str = "field.too_small";
    /// A number above the greatest.
    pub const TOO_LARGE: &str = "field.too_large";
    /// None of the values there are.
    pub const NOT_ALLOWED: &str = "field.not_allowed";
    /// Not in the form that is asked for (date-time, UUID, pattern).
    pub const FORMAT: &str = "field.format";
    /// The same entry, key or parameter twice.
    pub const REPEATED: &str = "field.repeated";
    /// NUL or an unpaired surrogate.
    pub const CHARACTERS: &str = "field.characters";
    /// Not valid for another reason, told in the detail.
    pub const INVALID: &str = "field.invalid";
    /// A header that cannot be read.
    pub const HEADER: &str = "header.invalid";

    /// All of them.
    pub const ALL: &[&str] = &[
        UNKNOWN,
        REQUIRED,
        TYPE,
        BLANK,
        TOO_SHORT,
        TOO_LONG,
        TOO_FEW,
        TOO_MANY,
        TOO_SMALL,
        TOO_LARGE,
        NOT_ALLOWED,
        FORMAT,
        REPEATED,
        CHARACTERS,
        INVALID,
        HEADER,
    ];
}
