//! What the whole product declares, gathered in one place: error codes, facts,
//! endpoints and statements. The golden files are made from it.

use std::fmt::Write as _;

use sayso_db::{FactKind, Sql};
use sayso_kernel::Code;
use utoipa::openapi::OpenApi;

/// Every error code, by name.
#[must_use]
pub fn codes() -> Vec<&'static Code> {
    let mut all: Vec<&'static Code> = [
        sayso_kernel::fault::CODES,
        sayso_db::CODES,
        sayso_events::CODES,
        sayso_web::CODES,
        sayso_auth::CODES,
        sayso_users::CODES,
        sayso_channels::CODES,
        sayso_messages::CODES,
        sayso_tasks::CODES,
        sayso_notifications::CODES,
        sayso_search::CODES,
        sayso_audit::CODES,
        sayso_realtime::CODES,
    ]
    .concat();
    all.sort_by_key(|code| code.name);
    all.dedup_by_key(|code| code.name);
    all
}

/// Every kind of fact, by name.
#[must_use]
pub fn facts() -> Vec<&'static FactKind> {
    let mut all: Vec<&'static FactKind> = [
        sayso_events::FACTS,
        sayso_cache::FACTS,
        sayso_auth::FACTS,
        sayso_users::FACTS,
        sayso_channels::FACTS,
        sayso_messages::FACTS,
        sayso_tasks::FACTS,
        sayso_notifications::FACTS,
        sayso_search::FACTS,
        sayso_audit::FACTS,
    ]
    .concat();
    all.sort_by_key(|kind| kind.name);
    all
}

/// Every constant statement, by name.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let mut all = [
        sayso_db::statements(),
        sayso_events::statements(),
        sayso_cache::statements(),
        sayso_auth::statements(),
        sayso_users::statements(),
        sayso_channels::statements(),
        sayso_messages::statements(),
        sayso_tasks::statements(),
        sayso_notifications::statements(),
        sayso_search::statements(),
        sayso_audit::statements(),
    ]
    .concat();
    all.sort_by_key(|sql| sql.name);
    all
}

/// `golden/errors.txt`.
#[must_use]
pub fn errors_text() -> String {
    let mut text = String::from("# code, HTTP status, title\n");
    for code in codes() {
        let _ = writeln!(text, "{:<34} {}  {}", code.name, code.kind.status(), code.title);
    }
    text
}

/// `golden/events.txt`.
#[must_use]
pub fn events_text() -> String {
    let mut text = String::from("# fact, whether it is an event and audited, its stream\n");
    for kind in facts() {
        let carries = match (kind.is_event, kind.is_audited) {
            (true, true) => "event+audit",
            (true, false) => "event",
            (false, true) => "audit",
            (false, false) => "control",
        };
        let _ = writeln!(text, "{:<26} {:<12} {}", kind.name, carries, kind.stream);
        let _ = writeln!(text, "{:<26} {:<12} {}", "", "", kind.summary);
    }
    text
}

/// `golden/endpoints.txt`.
#[must_use]
pub fn endpoints_text(document: &OpenApi) -> String {
    let mut lines = Vec::new();
    for (path, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let id = operation.operation_id.as_deref().unwrap_or("-");
            lines.push(format!("{path:<36} {method:<7} {id}\n"));
        }
    }
    lines.sort();
    format!("# path, method, operation\n{}", lines.concat())
}

/// `docs/errors.md`.
#[must_use]
pub fn errors_page() -> String {
    crate::docs::errors_text()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_cache_knows_what_every_fact_means() {
        let facts = super::facts().into_iter().map(|kind| kind.name);
        let unknown: Vec<&str> = facts.filter(|name| !sayso_cache::is_known(name)).collect();

        assert!(unknown.is_empty(), "they drop everything: {unknown:?}");
    }
}
