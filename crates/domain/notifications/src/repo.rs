//! The SQL of notifications.

mod list;
mod make;
mod preferences;

use sayso_db::Sql;

pub(crate) use list::{count_unread, groups, list, lookup, mark_read, unread_channels};
pub(crate) use make::{Due, Recipient, due, insert, recipients, take_due_turn};
pub(crate) use preferences::{lookup_preferences, preferences_locked, update_preferences};

/// All statements of this crate, for the test that prepares each of them
/// against the real schema.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    [list::ALL, make::ALL, preferences::ALL].concat()
}
