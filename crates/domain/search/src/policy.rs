//! What can be asked of whom. What the caller may *see* is decided in the
//! query, by the rules of each kind. Pure.

use crate::model::Kind;
use crate::query::Query;

/// Whether things of a kind can fit the question at all: a person has no
/// sender and no channel, and only a task has a status.
#[must_use]
pub fn fits(kind: Kind, query: &Query) -> bool {
    let is_tasks_only = query.status.is_some();
    match kind {
        Kind::Task => true,
        Kind::Message => !is_tasks_only,
        Kind::Channel => !is_tasks_only && query.within.is_none(),
        Kind::User => !is_tasks_only && query.within.is_none() && query.from.is_none(),
    }
}
