//! The facts of the audit: that somebody read it.

use sayso_db::{Fact, FactKind};
use serde_json::json;

use crate::model::Filter;

/// Somebody read the audit.
pub const READ: FactKind = FactKind {
    name: "audit.read",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "Somebody read the audit; by which filters, and whether all of it or a page.",
};

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[&READ];

/// Longer than any kind of fact is called.
const NAME_CHARS_MAX: usize = 64;

fn shortened(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.chars().take(NAME_CHARS_MAX).collect()).collect()
}

/// Somebody read the audit. What they looked for is told in the words of their
/// question: a search for somebody is itself worth knowing of.
#[must_use]
pub fn read(filter: &Filter, is_export: bool) -> Fact {
    Fact::audit_only(&READ).details(json!({
        "export": is_export,
        "actors": filter.actors,
        "actions": filter.actions.as_ref().map(|names| shortened(names)),
        "subjectType": filter.subject_type,
        "subjectId": filter.subject_id,
        "from": filter.from,
        "to": filter.to,
        "correlationId": filter.correlation_id,
        "session": filter.session,
    }))
}
