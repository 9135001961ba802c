//! What can go wrong at the door.

use sayso_kernel::fault::Place;
use sayso_kernel::{Code, Fault, Kind};
use sayso_users::error::{INVITATION_INVALID, PASSWORD_WEAK};

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

/// The password was right, and the person has a second factor.
pub const CODE_REQUIRED: Code = Code::new(
    "auth.code_required",
    Kind::Unauthenticated,
    "Send the code of your second factor as well",
);
/// The password was right and the code was not.
pub const CODE_INVALID: Code =
    Code::new("auth.code_invalid", Kind::Unauthenticated, "This code is not valid");
/// Too many wrong codes: none is taken for a while.
pub const CODE_THROTTLED: Code =
    Code::new("auth.code_throttled", Kind::TooMany, "Too many wrong codes; wait a few minutes");
/// There is a second factor already.
pub const TOTP_ENABLED: Code =
    Code::new("auth.totp_enabled", Kind::Conflict, "There is a second factor; remove it first");
/// The role asks for a second factor, and the person has none yet.
pub const TOTP_REQUIRED: Code = Code::new(
    "auth.totp_required",
    Kind::Forbidden,
    "Your role needs a second factor; set it up first",
);
/// As many sessions as the person may have, and more are refused.
pub const TOO_MANY_SESSIONS: Code = Code::new(
    "auth.too_many_sessions",
    Kind::Conflict,
    "You have as many sessions as you may; end one of them",
);
/// As many API tokens as the person may have.
pub const TOO_MANY_TOKENS: Code = Code::new(
    "auth.too_many_tokens",
    Kind::Conflict,
    "There are as many tokens as there may be; revoke one",
);
/// The API token was not made for this.
pub const SCOPE_MISSING: Code =
    Code::new("auth.scope_missing", Kind::Forbidden, "This token may not be used for that");
/// The identity is linked to somebody, or the person has another one.
pub const IDENTITY_TAKEN: Code =
    Code::new("auth.identity_taken", Kind::Conflict, "This identity is linked already");

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &CODE_REQUIRED,
    &CODE_INVALID,
    &CODE_THROTTLED,
    &TOTP_ENABLED,
    &TOTP_REQUIRED,
    &TOO_MANY_SESSIONS,
    &TOO_MANY_TOKENS,
    &SCOPE_MISSING,
    &IDENTITY_TAKEN,
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

/// The code of a reset cannot be used (in `errors[].code`).
const RESET_INVALID: &str = "reset.invalid";
/// The code of a second factor is another one (in `errors[].code`).
const CODE_WRONG: &str = "code.wrong";

/// What says that something was presented as a proof and was none.
pub(crate) const WRONG_PROOFS: [&str; 4] =
    [PASSWORD_WRONG, CODE_WRONG, RESET_INVALID, INVITATION_INVALID];

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

/// The present password was not the one that was sent, in this place.
#[must_use]
pub fn password_wrong_here(pointer: &'static str) -> Fault {
    Fault::at_pointer(pointer, PASSWORD_WRONG, "is not the present password")
}

/// The code of a reset is spent, too old, or none. Which, is not said.
#[must_use]
pub fn reset_invalid() -> Fault {
    Fault::at_pointer("#/code", RESET_INVALID, "is not a code that can be used")
}

/// The code of a second factor is not right, sent by somebody who is logged in.
#[must_use]
pub fn code_wrong() -> Fault {
    Fault::at_pointer("#/code", CODE_WRONG, "is not the code of this moment")
}

/// A token must end, within a year.
#[must_use]
pub fn expiry_invalid() -> Fault {
    Fault::at_pointer("#/expiresAt", "token.expiry", "must lie ahead, within a year")
}

/// A token for somebody who is no program, or not for the caller to run.
#[must_use]
pub fn unknown_account() -> Fault {
    Fault::at_pointer("#/userId", "user.unknown", "is no service account")
}

/// The identity is linked to somebody, or the person has another one.
#[must_use]
pub fn identity_taken() -> Fault {
    Fault::new(&IDENTITY_TAKEN)
}

/// The same as where a password is chosen, in the place of the new one.
#[must_use]
pub fn password_weak_new(fault: Fault) -> Fault {
    let is_weak = fault.errors().iter().any(|error| error.code == PASSWORD_WEAK);
    if !is_weak {
        return fault;
    }
    Fault::at_pointer("#/newPassword", PASSWORD_WEAK, "is one of those that are tried first")
}
