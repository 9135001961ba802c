//! Nothing comes in that nobody uses.
//!
//! Reads what `cargo metadata` says of each manifest and looks for the name in
//! the code. A dependency that only tests name is a development dependency: it
//! is no part of what is shipped.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Breach;
use super::arrows::{metadata, names};
use super::source::Source;
use super::tree::sources;

const LAW: &str = "A manifest names what its code uses, and what only tests use as such.";

/// What code needs without naming it: whoever calls the macro needs the crate.
const BY_MACRO: [(&str, &str); 1] = [("define_id", "postgres_types")];

/// A crate of the workspace.
struct Package {
    manifest: PathBuf,
    folder: PathBuf,
    needs: Vec<Need>,
}

/// A crate that it says it uses.
struct Need {
    /// As the manifest has it.
    key: String,
    /// As code has it.
    name: String,
    for_tests: bool,
}

/// Every dependency that no line of its crate names, or none that is shipped,
/// and every one of the workspace that no crate asks for.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let all = sources(root)?;
    let mut breaches = Vec::new();
    let mut needed = Vec::new();
    let root = root.canonicalize()?;
    for package in packages(&root)? {
        let own: Vec<&Source> =
            all.iter().filter(|source| source.path.starts_with(&package.folder)).collect();
        let text = fs::read_to_string(root.join(&package.manifest))?;
        for need in &package.needs {
            needed.push(need.key.clone());
            if let Some(why) = complaint(&own, need) {
                breaches.push(breach(&package.manifest, &text, &need.key, why));
            }
        }
    }
    breaches.extend(unasked(&root, &needed)?);
    Ok(breaches)
}

fn breach(manifest: &Path, text: &str, key: &str, why: &str) -> Breach {
    let line = text.lines().position(|line| names(line, key)).map_or(1, |line| line + 1);
    Breach { law: LAW, file: manifest.to_owned(), line, found: format!("`{key}` {why}") }
}

/// What is wrong with a dependency, if anything is.
fn complaint(own: &[&Source], need: &Need) -> Option<&'static str> {
    let is_named = own.iter().any(|source| uses(source.words(), &need.name));
    if !is_named && !own.iter().any(|source| is_in_a_literal(source, &need.name)) {
        return Some("is used nowhere");
    }
    // What only tests hold lies beside `src` as a whole.
    let has_code = own.iter().any(|source| !source.is_test(0));
    let is_shipped = own.iter().any(|source| {
        uses(source.shipped_words(), &need.name) || is_in_a_literal(source, &need.name)
    });
    (has_code && !need.for_tests && !is_shipped).then_some("is used by tests alone")
}

fn uses<'a>(mut words: impl Iterator<Item = (usize, &'a str)>, name: &str) -> bool {
    let by_macro = |word| BY_MACRO.contains(&(word, name));
    words.any(|(_, word)| word == name || by_macro(word))
}

/// Whether a path in a literal begins with it, as those of attributes do.
fn is_in_a_literal(source: &Source, name: &str) -> bool {
    let begins = |text: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    source.literals.iter().any(|literal| begins(&literal.text))
}

/// Dependencies of the workspace that no crate takes over.
fn unasked(root: &Path, needed: &[String]) -> Result<Vec<Breach>> {
    let manifest = Path::new("Cargo.toml");
    let text = fs::read_to_string(root.join(manifest))?;
    let table = text.lines().skip_while(|line| line.trim() != "[workspace.dependencies]").skip(1);
    let table = table.take_while(|line| !line.starts_with('['));
    let keys = table.filter(|line| !line.starts_with('#') && line.contains('='));
    let keys = keys.filter_map(|line| line.split(['.', ' ', '=']).next());
    let unasked = keys.filter(|key| !needed.iter().any(|needed| needed == key));
    Ok(unasked.map(|key| breach(manifest, &text, key, "is asked for by no crate")).collect())
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = metadata(root)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    packages.iter().map(|package| read_package(root, package)).collect()
}

fn read_package(root: &Path, package: &Value) -> Result<Package> {
    let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
    let manifest = Path::new(manifest).strip_prefix(root)?.to_owned();
    let folder = manifest.parent().context("a manifest lies in a folder")?.to_owned();
    let dependencies = package["dependencies"].as_array().context("a package has dependencies")?;
    let needs = dependencies.iter().filter_map(|one| {
        let key = one["rename"].as_str().or(one["name"].as_str())?.to_owned();
        Some(Need { name: key.replace('-', "_"), key, for_tests: one["kind"] == "dev" })
    });
    Ok(Package { manifest, folder, needs: needs.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    /// The breaches of a crate that depends on `dates` and has this code.
    fn broken_by(kind: &str, code: &str) -> Vec<String> {
        let workspace = "[workspace]\nresolver = '3'\nmembers = ['crates/*/*']\n\
                         [workspace.dependencies]\ndates.path = 'crates/base/dates'\n";
        let own = format!(
            "[package]\nname = 'own'\nedition = '2024'\n[{kind}]\ndates = {{ workspace = true }}\n"
        );
        let files = [
            ("Cargo.toml", workspace),
            ("crates/base/dates/Cargo.toml", "[package]\nname = 'dates'\nedition = '2024'\n"),
            ("crates/base/dates/src/lib.rs", ""),
            ("crates/base/own/Cargo.toml", &own),
            ("crates/base/own/src/lib.rs", code),
        ];
        breaches(check, &files)
    }

    #[test]
    fn what_no_line_names_is_found_also_when_a_comment_does() {
        let found = broken_by("dependencies", "// as dates::now says\npub fn a() {}\n");

        assert_eq!(found, ["crates/base/own/Cargo.toml:5"]);
        assert_eq!(broken_by("dev-dependencies", ""), ["crates/base/own/Cargo.toml:5"]);
    }

    #[test]
    fn what_only_tests_name_is_theirs() {
        let code = "pub fn a() {}\n#[cfg(test)]\nmod tests {\n    use dates::now;\n}\n";

        assert_eq!(broken_by("dependencies", code), ["crates/base/own/Cargo.toml:5"]);
        assert_eq!(broken_by("dev-dependencies", code), [""; 0]);
    }

    #[test]
    fn what_code_or_the_path_of_an_attribute_names_is_used() {
        assert_eq!(broken_by("dependencies", "use dates::now;\n"), [""; 0]);
        let attribute = "#[serde(with = \"dates::iso\")]\npub struct A;\n";
        assert_eq!(broken_by("dependencies", attribute), [""; 0]);
    }

    #[test]
    fn what_the_workspace_offers_and_nobody_takes_is_found() {
        let files = [
            (
                "Cargo.toml",
                "[workspace]\nmembers = ['crates/*/*']\n[workspace.dependencies]\n# Time\ndates = '1'\n",
            ),
            ("crates/base/own/Cargo.toml", "[package]\nname = 'own'\nedition = '2024'\n"),
            ("crates/base/own/src/lib.rs", ""),
        ];

        assert_eq!(breaches(check, &files), ["Cargo.toml:5"]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
