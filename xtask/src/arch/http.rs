//! HTTP has one home a domain crate, so that a socket or a voice can call the
//! same service.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::source::{Source, is_word};
use super::tree::{Band, Place, place, sources};

const LAW: &str = "In a domain crate HTTP lives in routes.rs (and in the middleware bearer.rs of \
                   auth).";

/// Crates whose subject is HTTP.
const HTTP: [&str; 7] =
    ["axum", "axum_extra", "http", "hyper", "tower", "tower_http", "utoipa_axum"];

/// Every use of a crate of HTTP outside its home in a domain crate.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        let place = place(&source.path);
        if place.band != Band::Domain || may_speak_http(&place) {
            continue;
        }
        let code = source.shipped_code();
        for (at, word) in source.shipped_words() {
            if HTTP.contains(&word) && is_crate(&code, at, word) {
                breaches.push(found(&source, at, word));
            }
        }
    }
    Ok(breaches)
}

fn found(source: &Source, at: usize, word: &str) -> Breach {
    let (file, line) = (source.path.clone(), source.line(at));
    Breach { law: LAW, file, line, found: format!("the crate `{word}` is used") }
}

fn may_speak_http(place: &Place<'_>) -> bool {
    place.is_module("routes") || (place.room == "auth" && place.is_module("bearer"))
}

/// Whether the word at `at` names a crate: it begins a path, or is imported
/// whole.
fn is_crate(code: &str, at: usize, word: &str) -> bool {
    let before = code[..at].trim_end();
    let after = code[at + word.len()..].trim_start();
    if let Some(path) = before.strip_suffix("::") {
        // `::axum` is the crate, `other::axum` is not.
        return !path.ends_with(|c| is_word(c) || c == '>');
    }
    let imported = before.ends_with("use") && !before.ends_with("r#use");
    after.starts_with("::") || imported || before.ends_with("extern crate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn every_way_to_name_a_crate_of_http_is_found() {
        let text = "use axum::Json;\nuse {http::StatusCode};\nuse axum;\nfn a() -> \
                    ::utoipa_axum::X {}\nuse axum as web;\n";

        let found = breaches(check, &[("crates/domain/tasks/src/service.rs", text)]);

        let lines: Vec<String> =
            (1..=5).map(|line| format!("crates/domain/tasks/src/service.rs:{line}")).collect();
        assert_eq!(found, lines);
    }

    #[test]
    fn views_and_lib_speak_no_http_either() {
        let text = "use axum::Json;";

        let found = breaches(
            check,
            &[
                ("crates/domain/tasks/src/lib.rs", text),
                ("crates/domain/tasks/src/view.rs", text),
                ("crates/domain/tasks/src/bearer.rs", text),
            ],
        );

        assert_eq!(found.len(), 3);
    }

    #[test]
    fn routes_the_bearer_of_auth_and_what_only_looks_like_http_are_left_alone() {
        let text = "use axum::Json;";
        let lookalikes = "// axum::Json\nconst A: &str = \"http://x\";\nuse crate::http::Z;\nfn \
                          f(http: u8) -> u8 { http }\n";

        let found = breaches(
            check,
            &[
                ("crates/domain/tasks/src/routes.rs", text),
                ("crates/domain/tasks/src/routes/bulk.rs", text),
                ("crates/domain/auth/src/bearer.rs", text),
                ("crates/edge/api/src/lib.rs", text),
                ("crates/domain/tasks/src/service.rs", lookalikes),
            ],
        );

        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
