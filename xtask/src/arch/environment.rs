//! The environment is read in one place.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::source::Source;
use super::tree::{Band, place, sources};

const LAW: &str = "Only base/config reads the environment.";

/// Functions of `std::env` that read or change it.
const FUNCTIONS: [&str; 6] = ["var", "vars", "var_os", "vars_os", "set_var", "remove_var"];

/// Every place that reads the environment outside base/config, tests included:
/// they too are told by parameters what they need. Only what is broken on
/// purpose, and in no release, may be switched on from outside.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        let place = place(&source.path);
        if place.band == Band::Base && place.room == "config" {
            continue;
        }
        let reads = calls(&source).into_iter().chain(flags(&source));
        let reads = reads.filter(|(at, _)| !source.is_mutant(*at));
        breaches.extend(reads.map(|(at, found)| Breach {
            law: LAW,
            file: source.path.clone(),
            line: source.line(at),
            found,
        }));
    }
    Ok(breaches)
}

/// Uses of the functions: `env::var`, `env::{var, …}`.
fn calls(source: &Source) -> Vec<(usize, String)> {
    let modules = source.words().filter(|(_, word)| *word == "env");
    let uses = modules.filter_map(|(at, _)| {
        let after = source.code[at + 3..].trim_start().strip_prefix("::")?.trim_start();
        let group = after.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let mut names = match group {
            Some(group) => group.split(',').collect::<Vec<_>>(),
            None => vec![after],
        }
        .into_iter()
        .map(|name| name.trim_start().split(|c: char| !super::source::is_word(c)).next());
        names
            .find_map(|name| name.filter(|name| FUNCTIONS.contains(name)).map(str::to_owned))
            .map(|name| (at, format!("`env::{name}` is named")))
    });
    uses.collect()
}

/// Flags of the command line that fall back on the environment:
/// `#[arg(long, env = "…")]`.
fn flags(source: &Source) -> Vec<(usize, String)> {
    let attributes = source.code.match_indices("#[arg(").map(|(at, _)| (at, attribute(source, at)));
    let told = attributes.filter(|(_, text)| {
        text.split([',', '('])
            .any(|part| part.split(['=', ')']).next().unwrap_or("").trim() == "env")
    });
    told.map(|(at, _)| (at, "a flag falls back on the environment".to_owned())).collect()
}

/// The attribute that begins at `at`, up to its `)]`.
fn attribute(source: &Source, at: usize) -> &str {
    let rest = &source.code[at..];
    &rest[..rest.find(")]").map_or(rest.len(), |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn every_way_to_read_the_environment_is_found() {
        let text = "use std::env::var;\nuse std::env::{self, vars};\nfn a() { \
                    std::env::var_os(\"A\"); }\nfn b() { env :: set_var(\"A\", \"b\"); }\n\
                    struct C {\n    #[arg(long, env = \"A\")]\n    d: u8,\n}\n";

        let found = breaches(check, &[("crates/edge/cli/src/main.rs", text)]);

        let lines: Vec<String> =
            [1, 2, 3, 4, 6].map(|line| format!("crates/edge/cli/src/main.rs:{line}")).to_vec();
        assert_eq!(found, lines);
    }

    #[test]
    fn the_settings_and_what_is_no_variable_are_left_alone() {
        let found = breaches(
            check,
            &[
                ("crates/base/config/src/environment.rs", "fn a() { std::env::vars(); }"),
                (
                    "crates/base/kernel/src/mutants.rs",
                    "#[cfg(feature = \"mutants\")]\nfn a() { std::env::var(\"A\"); }",
                ),
                (
                    "crates/edge/cli/src/main.rs",
                    "fn a() { std::env::args(); env!(\"A\"); std::env::temp_dir(); }\nstruct B { \
                     #[arg(long)]\n env: u8 }",
                ),
            ],
        );

        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
