//! The programs of PostgreSQL that read and write dumps, in the version that
//! fits a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BackupError;
use crate::managed::binaries::{candidates, major_of};

/// `pg_dump` and `pg_restore` for one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    /// Their major version.
    pub major: u32,
}

impl Programs {
    /// Finds those for a server of `major`: of the same version, else of the
    /// next newer one, which can still talk to it. A folder that was named is
    /// the only one looked at.
    ///
    /// # Errors
    /// When there are none, with what to install.
    pub fn find(named: Option<&Path>, major: u32) -> Result<Self, BackupError> {
        let looked_at = match named {
            Some(folder) => vec![folder.to_path_buf()],
            None => candidates(),
        };
        let found: Vec<Self> =
            looked_at.iter().filter_map(|folder| Self::inspect(folder)).collect();
        choose(found, major)
    }

    pub(super) fn dump(&self) -> PathBuf {
        self.folder.join("pg_dump")
    }

    pub(super) fn restore(&self) -> PathBuf {
        self.folder.join("pg_restore")
    }

    fn inspect(folder: &Path) -> Option<Self> {
        // Debian's `/usr/bin/pg_dump` chooses a version by files of its own;
        // those it chooses from are looked at by themselves.
        let real = folder.join("pg_dump").canonicalize().ok()?;
        if real.file_name().is_some_and(|name| name == "pg_wrapper") {
            return None;
        }
        let version = |program: &str| {
            let mut command = Command::new(folder.join(program));
            let output = command.arg("--version").stdin(Stdio::null()).output().ok()?;
            major_of(&String::from_utf8_lossy(&output.stdout))
        };
        let major = version("pg_dump")?;
        (version("pg_restore") == Some(major)).then(|| Self { folder: folder.to_path_buf(), major })
    }
}

fn choose(found: Vec<Programs>, major: u32) -> Result<Programs, BackupError> {
    let mut majors: Vec<u32> = found.iter().map(|one| one.major).collect();
    majors.sort_unstable();
    majors.dedup();
    let best = found.into_iter().filter(|one| one.major >= major).min_by_key(|one| one.major);
    best.ok_or(BackupError::NoProgram { program: "pg_dump", major, found: majors.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_server_is_preferred_then_the_next_newer_and_never_an_older() {
        let of = |majors: &[u32]| -> Vec<Programs> {
            majors.iter().map(|&major| Programs { folder: "/pg".into(), major }).collect()
        };
        let chosen = |found: &[u32]| choose(of(found), 16).map(|one| one.major);

        assert_eq!(chosen(&[18, 16, 17]).ok(), Some(16));
        assert_eq!(chosen(&[15, 18, 17]).ok(), Some(17));
        let line = chosen(&[15]).expect_err("refused").to_string();
        assert!(line.contains("(only 15): install it (Debian, Ubuntu: apt install"), "{line}");
    }
}
