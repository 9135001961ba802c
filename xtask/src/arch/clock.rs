//! Time, ids and randomness come from the context.
//!
//! The ban itself is clippy's (`clippy.toml`). This holds the ban: its lines
//! stay, and nobody above base switches it off.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Breach;
use super::tree::{Band, place, sources};

const LAW: &str = "Time, ids and randomness are parameters: clippy.toml bans their sources, and \
                   domain and edge never lift the ban.";

/// What clippy must refuse.
const BANNED: [&str; 8] = [
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "std::time::SystemTime::now",
    "uuid::Uuid::now_v7",
    "rand::rng",
    "rand::random",
    "rand::make_rng",
    "std::env::var",
];

/// Every ban that clippy.toml lost, and every place that lifts one.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let clippy = fs::read_to_string(root.join("clippy.toml")).context("read clippy.toml")?;
    let lost = BANNED.iter().filter(|path| !clippy.contains(&format!("\"{path}\"")));
    let mut breaches: Vec<Breach> = lost
        .map(|path| Breach {
            law: LAW,
            file: "clippy.toml".into(),
            line: 1,
            found: format!("`{path}` is no longer banned"),
        })
        .collect();
    for source in sources(root)? {
        if !matches!(place(&source.path).band, Band::Domain | Band::Edge) {
            continue;
        }
        for (at, _) in source.shipped_words().filter(|(_, word)| *word == "disallowed_methods") {
            let (file, line) = (source.path.clone(), source.line(at));
            breaches.push(Breach { law: LAW, file, line, found: "the ban is lifted".to_owned() });
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_lost_ban_and_a_lifted_one_are_found() {
        let all = BANNED.map(|path| format!("{{ path = \"{path}\" }}\n")).join("");
        let lifted = "//! X.\n#[expect(clippy::disallowed_methods, reason = \"x\")]\nfn a() {}";

        let lost = breaches(check, &[("clippy.toml", &all.replace("rand::random", "x"))]);
        let found = breaches(
            check,
            &[
                ("clippy.toml", &all),
                ("crates/domain/tasks/src/service.rs", lifted),
                ("crates/base/kernel/src/clock.rs", lifted),
            ],
        );

        assert_eq!(lost, ["clippy.toml:1"]);
        assert_eq!(found, ["crates/domain/tasks/src/service.rs:2"]);
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
