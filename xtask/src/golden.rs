//! The reviewed outputs in `golden/`: written by the binary, committed, and
//! compared, so that a change of what the outside sees is seen in review.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, bail, ensure};

/// What other tests write into `golden/`: statement plans and costs need a
/// filled database, the matrix of rights a server that is called.
const OTHERS: [&str; 4] = ["README.md", "authz-matrix.txt", "costs.txt", "plans"];

/// The part of what the binary writes that does not stand in `golden/`: pages
/// for people, in the folder of the same name beside it.
const PAGES: &str = "docs";

/// A file that is not what the binary writes.
#[derive(Debug, PartialEq, Eq)]
enum Drift {
    /// The texts part at this line.
    Differs(PathBuf, usize),
    /// The binary writes it, but it is not committed.
    Missing(PathBuf),
    /// It is committed, but nothing writes it.
    Orphaned(PathBuf),
}

/// Writes `golden/` anew.
pub fn write(root: &Path) -> Result<()> {
    let fresh = Fresh::written_by_the_binary(root)?;
    for file in files(&fresh.0)? {
        let target = home(root, &file).join(&file);
        fs::create_dir_all(target.parent().context("a file has a folder")?)?;
        fs::copy(fresh.0.join(&file), target)?;
    }
    report(root, &fresh.0)
}

/// The folder below which a file that the binary writes is committed.
fn home(root: &Path, file: &Path) -> PathBuf {
    if file.starts_with(PAGES) { root.to_owned() } else { root.join("golden") }
}

/// Fails where `golden/` is not what the binary writes.
pub fn check(root: &Path) -> Result<()> {
    let fresh = Fresh::written_by_the_binary(root)?;
    report(root, &fresh.0)
}

/// Shows every drift; an error when there is one.
fn report(root: &Path, fresh: &Path) -> Result<()> {
    let drifts = compare(root, fresh)?;
    for drift in &drifts {
        match drift {
            Drift::Differs(file, line) => {
                let path = home(root, file).join(file);
                eprintln!("{}:{line}: differs from what the binary writes", path.display());
                show(&path, &fresh.join(file));
            }
            Drift::Missing(file) => {
                eprintln!("{}: is not there yet", home(root, file).join(file).display());
            }
            Drift::Orphaned(file) => {
                eprintln!("golden/{}: nothing writes it; delete it", file.display());
            }
        }
    }
    if !drifts.is_empty() {
        bail!("golden/ has drifted: run `make golden`, read the difference, commit it");
    }
    Ok(())
}

/// Prints the difference of one file, as git shows it.
fn show(committed: &Path, fresh: &Path) {
    let shown = Command::new("git")
        .args(["--no-pager", "diff", "--no-index", "--no-color", "--no-ext-diff"])
        .args([committed, fresh])
        .stdout(std::io::stderr())
        .status();
    if shown.is_err() {
        eprintln!("(install git to see the difference)");
    }
}

/// Every drift between what is committed and what was freshly written.
fn compare(root: &Path, fresh: &Path) -> Result<Vec<Drift>> {
    let (committed, written) = (files(&root.join("golden"))?, files(fresh)?);
    let mut drifts = Vec::new();
    for file in &written {
        let path = home(root, file).join(file);
        if !path.exists() {
            drifts.push(Drift::Missing(file.clone()));
        } else if let Some(line) = first_difference(&path, &fresh.join(file))? {
            drifts.push(Drift::Differs(file.clone(), line));
        }
    }
    let orphans = committed.difference(&written).filter(|file| !is_of_others(file));
    drifts.extend(orphans.map(|file| Drift::Orphaned(file.clone())));
    Ok(drifts)
}

fn is_of_others(file: &Path) -> bool {
    OTHERS.iter().any(|other| file.starts_with(other))
}

/// The first line, from 1, at which two files part.
fn first_difference(one: &Path, other: &Path) -> Result<Option<usize>> {
    let (one, other) = (fs::read(one)?, fs::read(other)?);
    if one == other {
        return Ok(None);
    }
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b);
    Ok(Some(same.filter(|(byte, _)| **byte == b'\n').count() + 1))
}

/// The files of a folder, as paths from it. A folder that is not there is empty.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let path = folder.join(&inner);
        if !path.exists() {
            continue;
        }
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let relative = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(relative);
            } else {
                found.insert(relative);
            }
        }
    }
    Ok(found)
}

/// A temporary folder of freshly written files; goes away with the value.
struct Fresh(PathBuf);

impl Fresh {
    /// An empty folder.
    fn empty(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("sayso-golden-{name}-{}", process::id()));
        fs::create_dir_all(&folder).context("make a temporary folder")?;
        Ok(Self(folder))
    }

    /// What `sayso golden <folder>` writes.
    fn written_by_the_binary(root: &Path) -> Result<Self> {
        let fresh = Self::empty("fresh")?;
        let status = Command::new("cargo")
            .args(["run", "-q", "-p", "sayso", "--bin", "sayso", "--", "golden"])
            .arg(&fresh.0)
            .current_dir(root)
            .status()
            .context("run the binary")?;
        ensure!(status.success(), "`sayso golden` failed");
        ensure!(!files(&fresh.0)?.is_empty(), "`sayso golden` wrote nothing");
        Ok(fresh)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // A folder that is left behind in /tmp harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> Fresh {
        let folder = Fresh::empty(name).unwrap();
        for (file, text) in files {
            let path = folder.0.join(file);
            fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn every_kind_of_drift_is_named() {
        let root = folder(
            "drifted",
            &[
                ("golden/a.txt", "one\ntwo\n"),
                ("golden/gone.txt", ""),
                ("golden/plans/x.txt", ""),
                ("golden/same.txt", "s"),
                ("docs/testing.md", "by hand"),
                ("docs/errors.md", "old\n"),
            ],
        );
        let fresh = folder(
            "written",
            &[
                ("a.txt", "one\nthree\n"),
                ("docs/errors.md", "new\n"),
                ("new/b.txt", ""),
                ("same.txt", "s"),
            ],
        );

        let drifts = compare(&root.0, &fresh.0).unwrap();

        assert_eq!(
            drifts,
            [
                Drift::Differs("a.txt".into(), 2),
                Drift::Differs("docs/errors.md".into(), 1),
                Drift::Missing("new/b.txt".into()),
                Drift::Orphaned("gone.txt".into()),
            ]
        );
        assert!(report(&root.0, &fresh.0).is_err());
    }

    #[test]
    fn equal_folders_have_not_drifted() {
        let root = folder(
            "kept",
            &[("golden/a.txt", "one\n"), ("golden/costs.txt", "1"), ("docs/b.md", "")],
        );
        let fresh = folder("equal", &[("a.txt", "one\n"), ("docs/b.md", "")]);

        assert!(report(&root.0, &fresh.0).is_ok());
    }
}
