//! The facts of the audit: that somebody read it, and that the database began
//! anew from a backup.

use sayso_db::{Fact, FactKind};
use sayso_kernel::Timestamp;
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

/// The database began anew from a backup.
pub const RESTORED: FactKind = FactKind {
    name: "backup.restored",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A backup was restored: what came after it is gone, and all sessions were ended.",
};

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[&READ, &RESTORED];

/// Longer than any kind of fact is called.
const NAME_CHARS_MAX: usize = 64;

fn shortened(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.chars().take(NAME_CHARS_MAX).collect()).collect()
}

/// The database began anew: with what was there at `taken_at`, when the log of
/// the history `epoch` ended at `position`.
#[must_use]
pub fn restored(taken_at: Timestamp, epoch: Option<&str>, position: i64) -> Fact {
    let details = json!({ "takenAt": taken_at, "epoch": epoch, "position": position });
    Fact::audit_only(&RESTORED).details(details)
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
