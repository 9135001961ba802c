//! Every domain crate is furnished alike: whoever knows one knows all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Breach;
use super::source::{Source, is_word};
use super::tree::{Band, files, place};

const FILES: &str = "Every domain crate has the same files: lib, model, policy, service, repo, \
                     events, error, routes, view.";
const LIB: &str = "lib.rs of a domain crate holds no logic: modules, imports, constants and what \
                   the crate is for.";

/// The files of a room.
const FURNITURE: [&str; 9] =
    ["lib", "model", "policy", "service", "repo", "events", "error", "routes", "view"];

/// Every file that a domain crate lacks.
pub fn check_files(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for room in rooms(root)? {
        for name in FURNITURE {
            let file = room.join("src").join(name).with_extension("rs");
            if !root.join(&file).exists() {
                let found = "the file is missing".to_owned();
                breaches.push(Breach { law: FILES, file, line: 1, found });
            }
        }
    }
    Ok(breaches)
}

/// Every item of a domain crate's `lib.rs` that does something.
pub fn check_lib(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for room in rooms(root)? {
        let file = room.join("src/lib.rs");
        let Ok(text) = fs::read_to_string(root.join(&file)) else { continue };
        let source = Source::new(&file, &text);
        let code = source.shipped_code();
        for (at, item) in items(&code) {
            if let Some(found) = logic(item) {
                let line = source.line(at);
                breaches.push(Breach { law: LIB, file: file.clone(), line, found });
            }
        }
    }
    Ok(breaches)
}

/// The folders of the domain crates.
fn rooms(root: &Path) -> Result<Vec<PathBuf>> {
    let manifests = files(root)?.into_iter().filter(|path| {
        let place = place(path);
        place.band == Band::Domain && place.inside == Path::new("Cargo.toml")
    });
    Ok(manifests.filter_map(|path| path.parent().map(Path::to_owned)).collect())
}

/// The items at the top of a file, with their places, attributes left out.
fn items(code: &str) -> Vec<(usize, &str)> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, None);
    for (at, c) in code.char_indices() {
        if start.is_none() && !c.is_whitespace() {
            start = Some(at);
        }
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let Some(begin) = start else { continue };
        let attribute = code[begin..].starts_with('#');
        let ended = if attribute { c == ']' } else { c == ';' || (c == '}' && closes(code, at)) };
        if depth == 0 && ended {
            if !attribute {
                found.push((begin, &code[begin..=at]));
            }
            start = None;
        }
    }
    found
}

/// Whether the brace at `at` ends an item: that of `use a::{b};` does not.
fn closes(code: &str, at: usize) -> bool {
    !code[at + 1..].trim_start().starts_with(';')
}

/// Why the item is logic, if it is.
fn logic(item: &str) -> Option<String> {
    let words: Vec<&str> = item.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    let public = usize::from(words.first() == Some(&"pub"));
    let scoped = matches!(words.get(public), Some(&("crate" | "super"))) && public == 1;
    let words = &words[public + usize::from(scoped)..];
    let found = match words {
        ["use", ..] => return None,
        ["mod", ..] if item.ends_with(';') => return None,
        ["const", second, ..] if *second != "fn" => return None,
        ["mod", name, ..] => format!("`mod {name}` with a body"),
        _ => format!("`{}`", item.lines().next().unwrap_or_default().trim()),
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    const MANIFEST: (&str, &str) = ("crates/domain/tasks/Cargo.toml", "");

    fn broken_by(lib: &str) -> Vec<String> {
        breaches(check_lib, &[MANIFEST, ("crates/domain/tasks/src/lib.rs", lib)])
    }

    #[test]
    fn each_missing_file_is_named() {
        let found = breaches(check_files, &[MANIFEST, ("crates/domain/tasks/src/lib.rs", "")]);

        assert_eq!(found.len(), FURNITURE.len() - 1);
        assert!(found.contains(&"crates/domain/tasks/src/policy.rs:1".to_owned()));
    }

    #[test]
    fn logic_in_lib_is_found_whatever_its_form() {
        let lib = "//! X.\npub mod model;\npub fn a() { b(); }\nstruct C { d: u8 }\nconst fn e() \
                   {}\nmod f { }\nmacro_rules! g { () => {} }\nimpl C {}\nstatic H: u8 = 1;\n";

        let lines: Vec<String> =
            (3..=9).map(|line| format!("crates/domain/tasks/src/lib.rs:{line}")).collect();
        assert_eq!(broken_by(lib), lines);
    }

    #[test]
    fn modules_imports_constants_and_tests_are_no_logic() {
        let lib = "//! X.\n#![deny(missing_docs)]\n\npub mod model;\npub(crate) mod repo;\nuse \
                   a::{b, c};\npub use model::{Task, TaskId};\n/// D.\npub const D: [u8; 2] = [1, \
                   2];\nconst E: F = F { g: 1 };\n#[cfg(test)]\nmod tests { fn h() {} }\n";

        assert_eq!(broken_by(lib), [""; 0]);
    }

    #[test]
    fn every_domain_crate_of_this_repository_has_the_same_files() {
        assert_kept_here(check_files);
    }

    #[test]
    fn no_lib_of_this_repositorys_domain_holds_logic() {
        assert_kept_here(check_lib);
    }
}
