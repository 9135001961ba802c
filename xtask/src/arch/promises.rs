//! What docs/security.md promises is shown by tests that exist: a page that names
//! a test which was renamed or never written promises nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Breach;
use super::source::is_word;
use super::tree::{files, has_extension};

const PAGE: &str = "docs/security.md";
const NAMED: &str = "docs/security.md names tests that there are.";
const SHOWN: &str = "A row of the standard in docs/security.md names a test, or says `not met` or \
                     `by hand`.";

/// Every test that the page names and that is not there, and every row of it
/// that nothing shows.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let Ok(page) = fs::read_to_string(root.join(PAGE)) else { return Ok(Vec::new()) };
    let tests = tests(root)?;
    let mut breaches = Vec::new();
    for (at, line) in page.lines().enumerate() {
        let mut breach = |law, found| {
            breaches.push(Breach { law, file: PathBuf::from(PAGE), line: at + 1, found });
        };
        let named: Vec<&str> = quoted(line).filter(|name| is_test_name(name)).collect();
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            breach(NAMED, format!("there is no test `{name}`"));
        }
        let says_so = line.contains("not met") || line.contains("by hand");
        if is_row(line) && named.is_empty() && !says_so {
            breach(SHOWN, line.chars().take(60).collect());
        }
    }
    Ok(breaches)
}

/// What stands between grave accents.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Tests are sentences: of four words at least.
fn is_test_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(is_plain) && name.matches('_').count() >= 3
}

/// A row of a table that begins with a number of the standard, like `6.2.1`.
fn is_row(line: &str) -> bool {
    let cell = line.strip_prefix("| ").unwrap_or_default();
    cell.starts_with(|c: char| c.is_ascii_digit()) && cell.contains('.')
}

/// The names of all tests: functions under an attribute that ends in `test`.
fn tests(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files(root)?.into_iter().filter(|file| has_extension(file, &["rs"])) {
        let text = fs::read_to_string(root.join(file))?;
        let mut is_due = false;
        for line in text.lines().map(str::trim) {
            if let Some(attribute) = line.strip_prefix("#[") {
                is_due |= attribute.starts_with("test]") || attribute.starts_with("tokio::test");
            } else if let (true, Some(name)) = (is_due, function(line)) {
                names.insert(name.to_owned());
                is_due = false;
            }
        }
    }
    Ok(names)
}

fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    rest.split(|c| !is_word(c)).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    const TESTS: &str = "#[test]\nfn a_thief_is_shown_out() {}\n#[tokio::test(flavor = \
                         \"x\")]\n#[ignore = \"slow\"]\nasync fn a_flood_is_let_by() {}\nfn \
                         no_test_at_all() {}\n";

    #[test]
    fn a_test_that_is_not_there_and_a_row_that_nothing_shows_are_found() {
        let page = "| row | by |\n| 6.1.1 | `a_thief_is_shown_out` |\n| 6.1.2 | `a_flood_is_let_by` \
                    and `a_thief_was_shown_out` |\n| 6.1.3 | `users.name` |\n| 6.1.4 | \
                    `no_test_at_all` |\n| 6.1.5 | **not met** |\n";

        let found =
            breaches(check, &[("docs/security.md", page), ("crates/base/kernel/src/a.rs", TESTS)]);

        let lines = [3, 4, 5].map(|line| format!("docs/security.md:{line}"));
        assert_eq!(found, lines);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
