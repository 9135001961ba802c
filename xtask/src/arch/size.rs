//! A file has a limit, and says what it is.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::{files, has_extension};

const LENGTH: &str = "A file has at most 400 lines: past that, two ideas share a room.";
const OPENING: &str = "Every Rust file opens with `//!`, saying what it is.";

/// The most lines a file may have.
const LINES_MAX: usize = 400;

/// What counts as written by hand.
const CODE: [&str; 7] = ["rs", "sql", "js", "mjs", "ts", "py", "sh"];

/// Every file of code that is too long, scripts without an extension included.
pub fn check_length(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for file in files(root)? {
        if !has_extension(&file, &CODE) && !file.starts_with("scripts") {
            continue;
        }
        let lines = fs::read(root.join(&file))?.iter().filter(|byte| **byte == b'\n').count();
        if lines > LINES_MAX {
            let found = format!("{lines} lines");
            breaches.push(Breach { law: LENGTH, file, line: LINES_MAX + 1, found });
        }
    }
    Ok(breaches)
}

/// Every Rust file that does not say what it is.
pub fn check_opening(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for file in files(root)?.into_iter().filter(|path| has_extension(path, &["rs"])) {
        let text = fs::read_to_string(root.join(&file))?;
        let first = text.lines().next().unwrap_or_default();
        if first.strip_prefix("//!").is_none_or(|words| words.trim().is_empty()) {
            let found = format!("it opens with `{first}`");
            breaches.push(Breach { law: OPENING, file, line: 1, found });
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn four_hundred_lines_pass_and_one_more_does_not() {
        let (full, over) = ("//\n".repeat(400), "//\n".repeat(401));

        let found = breaches(
            check_length,
            &[("a/full.rs", &full), ("a/over.rs", &over), ("migrations/0001_a.sql", &over)],
        );

        assert_eq!(found, ["a/over.rs:401", "migrations/0001_a.sql:401"]);
    }

    #[test]
    fn build_outputs_and_installed_packages_are_not_ours() {
        let over = "//\n".repeat(401);

        let found = breaches(
            check_length,
            &[("target/a.rs", &over), ("tests/js/node_modules/a.js", &over), (".git/a.rs", &over)],
        );

        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let found = breaches(
            check_opening,
            &[
                ("a/code.rs", "fn main() {}\n"),
                ("a/empty.rs", ""),
                ("a/mute.rs", "//!\nfn main() {}\n"),
                ("a/said.rs", "//! Says it.\n"),
            ],
        );

        assert_eq!(found, ["a/code.rs:1", "a/empty.rs:1", "a/mute.rs:1"]);
    }

    #[test]
    fn this_repository_keeps_the_length() {
        assert_kept_here(check_length);
    }

    #[test]
    fn every_file_of_this_repository_says_what_it_is() {
        assert_kept_here(check_opening);
    }
}
