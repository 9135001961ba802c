//! The files of a tree, and where in the house a file lies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::Source;

/// The bands of the house. Arrows go from the later to the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// `crates/base`: knows no product feature.
    Base,
    /// `crates/domain`: what the product is.
    Domain,
    /// `crates/edge`: how the world gets in and out.
    Edge,
    /// Everything else: tests, tasks, benches. Never shipped.
    Outside,
}

/// Where a file lies.
pub struct Place<'a> {
    /// The band.
    pub band: Band,
    /// The name of the crate's folder.
    pub room: &'a str,
    /// The path inside the crate.
    pub inside: &'a Path,
}

impl Place<'_> {
    /// Whether this is `src/<name>.rs` or a file of the folder `src/<name>/`.
    pub fn is_module(&self, name: &str) -> bool {
        let Ok(module) = self.inside.strip_prefix("src") else { return false };
        module.starts_with(name) || module == Path::new(name).with_extension("rs")
    }
}

/// The place of `path`, which counts from the root of the tree.
pub fn place(path: &Path) -> Place<'_> {
    let outside = Place { band: Band::Outside, room: "", inside: path };
    let Ok(rest) = path.strip_prefix("crates") else { return outside };
    let mut parts = rest.components();
    let band = match parts.next().and_then(|part| part.as_os_str().to_str()) {
        Some("base") => Band::Base,
        Some("domain") => Band::Domain,
        Some("edge") => Band::Edge,
        _ => return outside,
    };
    match parts.next().and_then(|part| part.as_os_str().to_str()) {
        Some(room) => Place { band, room, inside: parts.as_path() },
        None => outside,
    }
}

/// Every file below `root` that somebody wrote, as paths from `root`, sorted.
/// Without build outputs, installed packages, what is vendored, data and hidden
/// folders.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = fs::read_dir(&path).with_context(|| format!("read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let relative = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_foreign(root, &relative) {
                folders.push(relative);
            } else if kind.is_file() {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the folder holds what nobody wrote by hand.
fn is_foreign(root: &Path, folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (name.starts_with('.') && name != ".ci")
        || name == "node_modules"
        // What others wrote, as they wrote it.
        || folder == Path::new("vendor")
        || folder == Path::new("target")
        || folder == Path::new("data")
        || root.join(folder).join("CACHEDIR.TAG").exists()
}

/// Every Rust file below `root`, taken apart.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let rust = files(root)?.into_iter().filter(|path| has_extension(path, &["rs"]));
    rust.map(|path| {
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("read {}", path.display()))?;
        Ok(Source::new(&path, &text))
    })
    .collect()
}

/// Whether the path ends in one of `extensions`.
pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|one| one.to_str()).is_some_and(|one| extensions.contains(&one))
}
