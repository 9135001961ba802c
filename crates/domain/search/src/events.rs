//! The facts of search: none, a question changes nothing.

use sayso_db::FactKind;

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[];
