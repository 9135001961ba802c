//! What can go wrong with people.

use std::time::Duration;

use sayso_events::Presence;
use sayso_kernel::fault::{Place, STALE};
use sayso_kernel::{Code, Fault, Kind};

use crate::model::User;
use crate::view::UserView;

/// Another person has this e-mail.
pub const EMAIL_TAKEN: Code =
    Code::new("user.email_taken", Kind::Conflict, "Another person has this e-mail");
/// More passwords are waiting to be hashed than are let in.
pub const HASHER_BUSY: Code =
    Code::new("auth.busy", Kind::Unavailable, "Too many passwords are being checked right now");

/// The company would be left without anybody who leads it.
pub const LAST_CEO: Code =
    Code::new("user.last_ceo", Kind::Conflict, "This is the last CEO who may come in");
/// A line of managers would lead back to where it began.
pub const REPORTING_CIRCLE: Code =
    Code::new("user.reporting_circle", Kind::Conflict, "The person would report to themselves");
/// Somebody who has a password needs no invitation.
pub const HAS_PASSWORD: Code =
    Code::new("user.has_password", Kind::Conflict, "The person has chosen a password already");
/// Whoever is kept out is not invited.
pub const INACTIVE: Code =
    Code::new("user.inactive", Kind::Conflict, "The person may not come in; reactivate them first");
/// Nothing is left of the person but the row.
pub const ERASED: Code = Code::new("user.erased", Kind::Conflict, "The person was erased for good");
/// Only who was deleted can be erased.
pub const NOT_DELETED: Code =
    Code::new("user.not_deleted", Kind::Conflict, "The person is not deleted; delete them first");

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &EMAIL_TAKEN,
    &HASHER_BUSY,
    &LAST_CEO,
    &REPORTING_CIRCLE,
    &HAS_PASSWORD,
    &INACTIVE,
    &ERASED,
    &NOT_DELETED,
];

/// A field that the caller may not set (in `errors[].code`).
pub const FIELD_FORBIDDEN: &str = "field.forbidden";
/// A permission that is not given to one person (in `errors[].code`).
pub const GRANT_NOT_GIVABLE: &str = "grant.not_givable";
/// A permission that is named more than once (in `errors[].code`).
pub const GRANT_REPEATED: &str = "grant.repeated";
/// A grant that would end before it begins (in `errors[].code`).
pub const GRANT_EXPIRED: &str = "grant.expired";

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

/// 412 with the person as they are now.
#[must_use]
pub fn stale(current: &User, presence: &Presence) -> Fault {
    let view = serde_json::to_value(UserView::of(current, presence));
    Fault::new(&STALE).current(view.expect("a view is plain JSON"))
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
