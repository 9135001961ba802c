//! Arrows go down: who may depend on whom.
//!
//! Reads what `cargo metadata` says of each manifest, so that renamed,
//! target-bound and inherited dependencies count like plain ones. Development
//! dependencies are free: a test may use what stands above.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Breach;
use super::tree::{Band, place};

const LAW: &str = "Arrows go down: edge → domain → base, and inside domain along its order.";

/// The order of the domain: a room may use those of lower steps only.
const ORDER: &[&[&str]] = &[
    &["audit"],
    &["users"],
    &["auth", "channels"],
    &["messages"],
    &["tasks"],
    &["notifications", "search"],
    &["commands"],
    &["voice"],
    &["analytics"],
];

/// One package of the workspace and what it is built from.
struct Package {
    manifest: PathBuf,
    arrows: Vec<Arrow>,
}

/// A dependency on a package of the same repository.
struct Arrow {
    name: String,
    folder: PathBuf,
}

/// Every crate that depends on one it may not know.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for package in packages(root)? {
        let text = fs::read_to_string(root.join(&package.manifest))?;
        let own = place(&package.manifest);
        if own.band == Band::Domain && step(own.room).is_none() {
            breaches.push(breach(&package, 1, format!("`{}` has no place in it", own.room)));
        }
        for arrow in &package.arrows {
            if let Some(why) = refusal(&package, arrow) {
                let line = text.lines().position(|line| names(line, &arrow.name));
                breaches.push(breach(&package, line.map_or(1, |line| line + 1), why));
            }
        }
    }
    Ok(breaches)
}

fn breach(package: &Package, line: usize, found: String) -> Breach {
    Breach { law: LAW, file: package.manifest.clone(), line, found }
}

/// Whether a line of a manifest declares a dependency on `name`.
pub(super) fn names(line: &str, name: &str) -> bool {
    let key = line.trim_start_matches("[dependencies.").trim_start();
    key.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']))
}

/// Why the arrow may not be, if it may not.
fn refusal(package: &Package, arrow: &Arrow) -> Option<String> {
    let (own, target) = (place(&package.manifest), place(&arrow.folder));
    if own.band == Band::Outside {
        return None;
    }
    if target.band == Band::Outside {
        return Some(format!("`{}` is never shipped, so nothing shipped may use it", arrow.name));
    }
    if target.band == Band::Base && target.room == "testkit" {
        return Some("the testkit is for tests: a development dependency only".to_owned());
    }
    if target.band > own.band {
        return Some(format!("{:?} climbs to `{}` of {:?}", own.band, arrow.name, target.band));
    }
    if own.band == Band::Domain && target.band == Band::Domain {
        let (own_step, target_step) = (step(own.room)?, step(target.room)?);
        if target_step >= own_step {
            return Some(format!("`{}` does not stand below `{}`", target.room, own.room));
        }
    }
    None
}

/// The step of the domain's order on which the room stands.
fn step(room: &str) -> Option<usize> {
    ORDER.iter().position(|rooms| rooms.contains(&room))
}

/// The packages of the workspace at `root`, paths counted from there.
fn packages(root: &Path) -> Result<Vec<Package>> {
    let root = root.canonicalize()?;
    let metadata = metadata(&root)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    packages.iter().map(|package| read_package(&root, package)).collect()
}

/// What cargo knows of the workspace at `root`, without what it comes to need.
pub(super) fn metadata(root: &Path) -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .context("run cargo metadata")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {told}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn read_package(root: &Path, package: &Value) -> Result<Package> {
    let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
    let dependencies = package["dependencies"].as_array().context("a package has dependencies")?;
    let arrows = dependencies.iter().filter(|one| one["kind"] != "dev").filter_map(|one| {
        let folder = Path::new(one["path"].as_str()?).strip_prefix(root).ok()?.to_owned();
        // A renamed dependency stands in the manifest under its other name.
        let name = one["rename"].as_str().or(one["name"].as_str())?.to_owned();
        Some(Arrow { name, folder })
    });
    let manifest = Path::new(manifest).strip_prefix(root)?.to_owned();
    Ok(Package { manifest, arrows: arrows.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    const WORKSPACE: &str = "[workspace]\nresolver = '3'\nmembers = ['crates/*/*', 'tests']\n";

    /// The breaches of a workspace of five crates, after `dependency` became
    /// one of the crate at `crates/<room>`.
    fn broken_by(room: &str, dependency: &str) -> Vec<String> {
        let rooms = ["base/db", "base/testkit", "domain/users", "domain/tasks", "edge/api"];
        let mut files = vec![
            ("Cargo.toml".to_owned(), WORKSPACE.to_owned()),
            ("tests/Cargo.toml".to_owned(), manifest("journeys", "")),
            ("tests/src/lib.rs".to_owned(), String::new()),
        ];
        for one in rooms {
            let more = if one == room { dependency } else { "" };
            let name = one.split('/').next_back().unwrap();
            files.push((format!("crates/{one}/Cargo.toml"), manifest(name, more)));
            files.push((format!("crates/{one}/src/lib.rs"), String::new()));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        breaches(check, &files)
    }

    fn manifest(name: &str, dependency: &str) -> String {
        format!("[package]\nname = '{name}'\nedition = '2024'\n{dependency}\n")
    }

    #[test]
    fn base_may_not_use_the_domain() {
        let found = broken_by("base/db", "[dependencies]\nusers.path = '../../domain/users'");

        assert_eq!(found, ["crates/base/db/Cargo.toml:5"]);
    }

    #[test]
    fn the_domain_may_not_use_the_edge_not_even_for_its_build_script() {
        let found = broken_by("domain/tasks", "[build-dependencies]\napi.path = '../../edge/api'");

        assert_eq!(found, ["crates/domain/tasks/Cargo.toml:5"]);
    }

    #[test]
    fn a_room_of_the_domain_may_not_use_one_that_stands_above_it() {
        let found = broken_by("domain/users", "[dependencies]\ntasks.path = '../tasks'");

        assert_eq!(found, ["crates/domain/users/Cargo.toml:5"]);
    }

    #[test]
    fn a_renamed_dependency_counts_like_a_plain_one() {
        let renamed = "[dependencies]\nother = { package = 'tasks', path = '../tasks' }";

        assert_eq!(broken_by("domain/users", renamed), ["crates/domain/users/Cargo.toml:5"]);
    }

    #[test]
    fn the_testkit_is_a_development_dependency_only() {
        let plain = "[dependencies]\ntestkit.path = '../../base/testkit'";
        let for_tests = "[dev-dependencies]\ntestkit.path = '../../base/testkit'";

        assert_eq!(broken_by("edge/api", plain), ["crates/edge/api/Cargo.toml:5"]);
        assert_eq!(broken_by("edge/api", for_tests), [""; 0]);
    }

    #[test]
    fn nothing_shipped_may_use_the_tests() {
        let found = broken_by("edge/api", "[dependencies]\njourneys.path = '../../../tests'");

        assert_eq!(found, ["crates/edge/api/Cargo.toml:5"]);
    }

    #[test]
    fn a_room_that_the_order_does_not_name_is_refused() {
        let stray = [
            ("Cargo.toml", "[workspace]\nresolver = '3'\nmembers = ['crates/*/*']\n"),
            ("crates/domain/stray/Cargo.toml", "[package]\nname = 'stray'\nedition = '2024'\n"),
            ("crates/domain/stray/src/lib.rs", ""),
        ];

        assert_eq!(breaches(check, &stray), ["crates/domain/stray/Cargo.toml:1"]);
    }

    #[test]
    fn arrows_that_go_down_are_allowed() {
        assert_eq!(broken_by("domain/tasks", "[dependencies]\nusers.path = '../users'"), [""; 0]);
        assert_eq!(
            broken_by("edge/api", "[dependencies]\ntasks.path = '../../domain/tasks'"),
            [""; 0]
        );
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
