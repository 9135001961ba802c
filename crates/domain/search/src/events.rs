//! The facts of search and of the trash. A question changes nothing; emptying
//! the trash does.

use jiff::Timestamp;
use sayso_db::{Fact, FactKind};

use crate::trash::Purged;

/// Some of the trash is gone for good.
pub const PURGED: FactKind = FactKind {
    name: "trash.purged",
    is_event: false,
    is_audited: true,
    stream: "-",
    summary: "What had been in the trash for too long was removed for good.",
};

/// The facts declared here.
pub const FACTS: &[&FactKind] = &[&PURGED];

/// Some of the trash is gone for good. Nobody saw it any more, so nobody hears
/// of it; the audit knows how much it was.
pub(crate) fn purged(purged: &Purged, before: Timestamp) -> Fact {
    Fact::audit_only(&PURGED).details(serde_json::json!({
        "before": before,
        "tasks": purged.tasks,
        "comments": purged.comments,
        "messages": purged.messages,
        "channels": purged.channels,
        "categories": purged.categories,
    }))
}
