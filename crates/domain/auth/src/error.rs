//! What can go wrong at the door.

use sayso_kernel::fault::Place;
use sayso_kernel::{Code, Fault, Kind};

/// No such person, another password, or one who may not come in: which of the
/// three is never said.
pub const INVALID_CREDENTIALS: Code = Code::new(
    "auth.invalid_credentials",
    Kind::Unauthenticated,
    "This e-mail and this password do not belong together",
);
/// The token is not one of ours.
pub const TOKEN_INVALID: Code =
    Code::new("auth.token_invalid", Kind::Unauthenticated, "The access token is not valid");
/// The token was ours, and is too old.
pub const TOKEN_EXPIRED: Code =
    Code::new("auth.token_expired", Kind::Unauthenticated, "The access token has expired");
/// The session of the token has ended.
pub const SESSION_REVOKED: Code =
    Code::new("auth.session_revoked", Kind::Unauthenticated, "This session has ended");
/// The refresh token is not one of ours.
pub const REFRESH_INVALID: Code =
    Code::new("auth.refresh_invalid", Kind::Unauthenticated, "The refresh token is not valid");
/// The session was not refreshed in time.
pub const REFRESH_EXPIRED: Code =
    Code::new("auth.refresh_expired", Kind::Unauthenticated, "This session has expired");
/// A sibling on the same device has just refreshed: its tokens are the ones.
pub const REFRESH_SUPERSEDED: Code = Code::new(
    "auth.refresh_superseded",
    Kind::Conflict,
    "This device has just refreshed with this token; use what it was given",
);

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &sayso_access::TOKEN_MISSING,
    &INVALID_CREDENTIALS,
    &TOKEN_INVALID,
    &TOKEN_EXPIRED,
    &SESSION_REVOKED,
    &REFRESH_INVALID,
    &REFRESH_EXPIRED,
    &REFRESH_SUPERSEDED,
];

/// The present password is another one (in `errors[].code`).
pub const PASSWORD_WRONG: &str = "password.wrong";
/// The new password is the present one (in `errors[].code`).
pub const PASSWORD_UNCHANGED: &str = "password.unchanged";

/// The present password was not the one that was sent.
#[must_use]
pub fn password_wrong() -> Fault {
    Fault::at_pointer("#/currentPassword", PASSWORD_WRONG, "is not the present password")
}

/// The new password is the present one.
#[must_use]
pub fn password_unchanged() -> Fault {
    let place = Place::Pointer("#/newPassword".into());
    let fault = Fault::new(&sayso_kernel::fault::INVALID);
    fault.with(place, PASSWORD_UNCHANGED, "must be another than the present one")
}
