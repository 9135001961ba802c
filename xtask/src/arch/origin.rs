//! What comes in from outside comes from crates.io, under a licence that
//! deny.toml allows: so much of `scripts/deny` needs no cargo-deny.
//!
//! Sources are read in Cargo.lock, which has what any system would build;
//! licences of what this one builds, because the rest need not be here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Breach;

const LICENCE: &str = "A package is under a licence that deny.toml allows; another one is a \
                       decision.";
const SOURCE: &str = "What comes in from outside comes from a registry that deny.toml allows.";

const RULES: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// Every package that can be had under no licence that is allowed.
pub fn check_licences(root: &Path) -> Result<Vec<Breach>> {
    let Ok(rules) = fs::read_to_string(root.join(RULES)) else { return Ok(Vec::new()) };
    let allowed = list(&rules, "allow");
    let packages = packages(root)?;
    let lock = fs::read_to_string(root.join(LOCK))?;
    let mut breaches = Vec::new();
    for package in &packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, licence) = (text("name"), text("license"));
        if !is_met(licence, &allowed) {
            let entry = format!("name = \"{name}\"\nversion = \"{}\"\n", text("version"));
            let line = lock.find(&entry).map_or(1, |at| lock[..at].matches('\n').count() + 1);
            let found = format!("`{name}` is under `{licence}`");
            breaches.push(Breach { law: LICENCE, file: PathBuf::from(LOCK), line, found });
        }
    }
    Ok(breaches)
}

/// Every package from elsewhere: another registry, or code of a branch.
pub fn check_sources(root: &Path) -> Result<Vec<Breach>> {
    let Ok(rules) = fs::read_to_string(root.join(RULES)) else { return Ok(Vec::new()) };
    let allowed = list(&rules, "allow-registry");
    let lock = fs::read_to_string(root.join(LOCK))?;
    let mut breaches = Vec::new();
    for (at, line) in lock.lines().enumerate() {
        let Some(source) = line.strip_prefix("source = ") else { continue };
        let source = source.trim_matches('"');
        let registry = source.strip_prefix("registry+");
        if !registry.is_some_and(|one| allowed.contains(&one)) {
            let found = source.to_owned();
            let file = PathBuf::from(LOCK);
            breaches.push(Breach { law: SOURCE, file, line: at + 1, found });
        }
    }
    Ok(breaches)
}

/// The texts of a list in deny.toml.
fn list<'a>(rules: &'a str, key: &str) -> Vec<&'a str> {
    let after = rules.split_once(&format!("\n{key} = [")).map_or("", |(_, after)| after);
    let inside = after.split(']').next().unwrap_or_default();
    inside.split('"').skip(1).step_by(2).collect()
}

/// All packages that are built on this system, our own among them.
fn packages(root: &Path) -> Result<Vec<Value>> {
    let about = Command::new("cargo").arg("-vV").output().context("run cargo")?;
    let about = String::from_utf8(about.stdout)?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--all-features", "--filter-platform"])
        .arg(host.context("cargo says for which system it is")?)
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .output()
        .context("run cargo metadata")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {told}");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    metadata["packages"].as_array().cloned().context("cargo metadata lists packages")
}

/// Whether an expression of SPDX is met by what is allowed: of what `OR` joins
/// one is enough, and `AND` binds closer. A slash is an older `OR`.
fn is_met(licence: &str, allowed: &[&str]) -> bool {
    let spaced = licence.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    is_one_met(&mut rest, allowed) && rest.is_empty()
}

fn is_one_met(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut is_met = are_all_met(rest, allowed);
    while take(rest, "OR") {
        is_met |= are_all_met(rest, allowed);
    }
    is_met
}

fn are_all_met(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut is_met = is_name_met(rest, allowed);
    while take(rest, "AND") {
        is_met &= is_name_met(rest, allowed);
    }
    is_met
}

fn is_name_met(rest: &mut &[&str], allowed: &[&str]) -> bool {
    if take(rest, "(") {
        let is_met = is_one_met(rest, allowed);
        return take(rest, ")") && is_met;
    }
    let words = *rest;
    let Some((name, after)) = words.split_first() else { return false };
    *rest = after;
    // With an exception it is another licence, of which deny.toml says nothing.
    if take(rest, "WITH") {
        *rest = after.get(2..).unwrap_or_default();
        return false;
    }
    allowed.contains(name)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let words = *rest;
    let is_next = words.first().is_some_and(|first| *first == word);
    if is_next {
        *rest = &words[1..];
    }
    is_next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{Tree, assert_kept_here, breaches};

    const RULES: &str = "# Rules\n[licenses]\nallow = [\"Apache-2.0\", \"MIT\"]\n\
                         [sources]\nallow-registry = [\"https://index\"]\n";

    /// What is found in a workspace of two crates, the second under this licence.
    fn found_under(licence: &str) -> Vec<String> {
        let other = format!("[package]\nname = 'other'\nedition = '2024'\nlicense = '{licence}'\n");
        let files = [
            ("deny.toml", RULES),
            ("Cargo.toml", "[workspace]\nresolver = '3'\nmembers = ['crates/*/*']\n"),
            (
                "crates/base/own/Cargo.toml",
                "[package]\nname = 'own'\nedition = '2024'\nlicense = 'MIT'\n\
                 [dependencies]\nother.path = '../other'\n",
            ),
            ("crates/base/own/src/lib.rs", ""),
            ("crates/base/other/Cargo.toml", &other),
            ("crates/base/other/src/lib.rs", ""),
        ];
        let tree = Tree::new(&files);
        check_licences(tree.root()).unwrap().into_iter().map(|breach| breach.found).collect()
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_found() {
        assert_eq!(found_under("GPL-3.0-only"), ["`other` is under `GPL-3.0-only`"]);
        assert_eq!(found_under("GPL-3.0-only OR MIT"), [""; 0]);
    }

    #[test]
    fn an_expression_is_met_as_its_words_say() {
        let allowed = ["Apache-2.0", "MIT", "Unicode-3.0"];
        for met in [
            "MIT",
            "MIT/GPL-2.0",
            "GPL-2.0 OR MIT",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "GPL-2.0 AND ISC OR MIT",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(is_met(met, &allowed), "{met}");
        }
        for unmet in [
            "",
            "GPL-2.0",
            "MIT AND GPL-2.0",
            "MIT AND (GPL-2.0 OR ISC)",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT",
            "MIT MIT",
        ] {
            assert!(!is_met(unmet, &allowed), "{unmet}");
        }
    }

    #[test]
    fn another_registry_and_a_branch_are_found() {
        let lock = "[[package]]\nname = \"a\"\nsource = \"registry+https://index\"\n\n\
                    [[package]]\nname = \"b\"\nsource = \"registry+https://elsewhere\"\n\n\
                    [[package]]\nname = \"c\"\nsource = \"git+https://index?branch=main#1\"\n\n\
                    [[package]]\nname = \"own\"\n";

        let found = breaches(check_sources, &[("deny.toml", RULES), ("Cargo.lock", lock)]);

        assert_eq!(found, ["Cargo.lock:7", "Cargo.lock:11"]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check_licences);
        assert_kept_here(check_sources);
    }
}
