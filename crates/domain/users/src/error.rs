//! What can go wrong with people.

use std::time::Duration;

use sayso_kernel::fault::Place;
use sayso_kernel::{Code, Fault, Kind};

/// Another person has this e-mail.
pub const EMAIL_TAKEN: Code =
    Code::new("user.email_taken", Kind::Conflict, "Another person has this e-mail");
/// More passwords are waiting to be hashed than are let in.
pub const HASHER_BUSY: Code =
    Code::new("auth.busy", Kind::Unavailable, "Too many passwords are being checked right now");

/// The codes declared here.
pub const CODES: &[&Code] = &[&EMAIL_TAKEN, &HASHER_BUSY];

/// No such person, or not one that the caller may name (in `errors[].code`).
pub const UNKNOWN_USER: &str = "user.unknown";
/// An invitation that is spent, too old or was never given.
pub const INVITATION_INVALID: &str = "invitation.invalid";

/// The password is one that everybody tries first (in `errors[].code`).
pub const PASSWORD_WEAK: &str = "password.weak";

/// The password is one that everybody tries first.
#[must_use]
pub fn password_weak() -> Fault {
    Fault::at_pointer("#/password", PASSWORD_WEAK, "is one of those that are tried first")
}

/// Another person has this e-mail.
#[must_use]
pub fn email_taken() -> Fault {
    let place = Place::Pointer("#/email".into());
    Fault::new(&EMAIL_TAKEN).with(place, EMAIL_TAKEN.name, EMAIL_TAKEN.title)
}

/// Whoever is named as manager is not there.
#[must_use]
pub fn unknown_manager() -> Fault {
    Fault::at_pointer("#/managerId", UNKNOWN_USER, "is nobody who could be a manager")
}

/// The invitation cannot be spent. Why is not said.
#[must_use]
pub fn invitation_invalid() -> Fault {
    Fault::at_pointer("#/token", INVITATION_INVALID, "is not an invitation that can be accepted")
}

/// Too many are waiting.
#[must_use]
pub fn hasher_busy() -> Fault {
    Fault::new(&HASHER_BUSY).retry_after(Duration::from_secs(1))
}
