//! Names that say nothing are refused.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::source::Source;
use super::tree::{files, has_extension, sources};

const LAW: &str = "A file is named for what it holds, never utils, helpers, common or manager.";

/// Words that name a drawer instead of what lies in it.
const DRAWERS: [&str; 9] =
    ["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "shared"];

/// What counts as code.
const CODE: [&str; 7] = ["rs", "sql", "js", "mjs", "ts", "py", "sh"];

/// Every file, folder and module named after a drawer.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for file in files(root)?.into_iter().filter(|path| has_extension(path, &CODE)) {
        let parts = file.with_extension("");
        let drawer = parts.iter().filter_map(|part| part.to_str()).find(|part| is_drawer(part));
        if let Some(name) = drawer {
            let found = format!("`{name}` in its path");
            breaches.push(Breach { law: LAW, file, line: 1, found });
        }
    }
    for source in sources(root)? {
        breaches.extend(modules(&source));
    }
    Ok(breaches)
}

/// The modules of a file that are named after a drawer.
fn modules(source: &Source) -> Vec<Breach> {
    let words: Vec<_> = source.words().collect();
    let declared = words.windows(2).filter(|pair| pair[0].1 == "mod" && is_drawer(pair[1].1));
    let breach = |pair: &[(usize, &str)]| Breach {
        law: LAW,
        file: source.path.clone(),
        line: source.line(pair[1].0),
        found: format!("the module `{}`", pair[1].1),
    };
    declared.map(breach).collect()
}

/// Whether the name is a drawer, or ends like one: `text_utils`.
fn is_drawer(name: &str) -> bool {
    name.rsplit(['_', '-']).next().is_some_and(|last| DRAWERS.contains(&last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn drawers_are_found_as_files_folders_and_modules() {
        let found = breaches(
            check,
            &[
                ("crates/base/db/src/utils.rs", "//! X."),
                ("crates/base/db/src/helpers/rows.rs", "//! X."),
                ("crates/base/db/src/session_manager.rs", "//! X."),
                ("crates/base/db/src/lib.rs", "//! X.\npub mod common {}\nmod managed;"),
                ("tests/clients/js/test-utils.js", ""),
            ],
        );

        assert_eq!(
            found,
            [
                "crates/base/db/src/helpers/rows.rs:1",
                "crates/base/db/src/session_manager.rs:1",
                "crates/base/db/src/utils.rs:1",
                "tests/clients/js/test-utils.js:1",
                "crates/base/db/src/lib.rs:2",
            ]
        );
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
