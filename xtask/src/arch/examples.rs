//! No example of the documentation looks as if it were run.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::{files, has_extension};

const LAW: &str = "An example in the documentation is marked `text` or `ignore`: nothing runs it. \
                   What must go on working is a test.";

const FENCE: &str = "```";
const MARKS: [&str; 2] = ["text", "ignore"];

/// Every example that would be taken for a test.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for file in files(root)?.into_iter().filter(|path| has_extension(path, &["rs"])) {
        let text = fs::read_to_string(root.join(&file))?;
        let mut is_open = false;
        for (at, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let doc = comment.strip_prefix("///").or_else(|| comment.strip_prefix("//!"));
            let Some(mark) = doc.and_then(|doc| doc.trim().strip_prefix(FENCE)) else { continue };
            is_open = !is_open;
            if is_open && !MARKS.contains(&mark) {
                let found = format!("an example marked `{mark}`");
                breaches.push(Breach { law: LAW, file: file.clone(), line: at + 1, found });
            }
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn an_example_that_would_be_run_is_found_and_one_that_is_marked_is_not() {
        let text = [
            "//! A file.",
            "//! ```text",
            "//! a -> b",
            "//! ```",
            "/// ```",
            "/// run(1);",
            "/// ```",
            "/// ```rust",
            "/// ```",
            "/// ```ignore",
            "/// ```",
            "fn a() {}",
        ];

        let found = breaches(check, &[("crates/domain/tasks/src/service.rs", &text.join("\n"))]);

        let at = |line: u32| format!("crates/domain/tasks/src/service.rs:{line}");
        assert_eq!(found, [at(5), at(8)]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
