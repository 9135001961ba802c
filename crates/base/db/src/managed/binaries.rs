//! Where the programs of PostgreSQL are, and of which major version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::ManagedError;

/// The oldest major version whose features our SQL may use.
pub(super) const OLDEST_MAJOR: u32 = 15;

/// A folder with `postgres` and `initdb` of one major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The server.
    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// The program that makes a cluster.
    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// Finds the programs for `cluster`: those of the version that wrote it,
    /// or for a new cluster the first that are new enough. A folder that was
    /// named is the only one looked at.
    pub(super) fn find(named: Option<&Path>, cluster: &Path) -> Result<Self, ManagedError> {
        let found: Vec<Self> = match named {
            Some(folder) => vec![
                Self::inspect(folder)
                    .ok_or_else(|| ManagedError::NotBinaries { path: folder.to_path_buf() })?,
            ],
            None => candidates().iter().filter_map(|folder| Self::inspect(folder)).collect(),
        };
        let written_by = std::fs::read_to_string(cluster.join("PG_VERSION")).ok();
        choose(found, cluster, written_by.as_deref().map(str::trim))
    }

    /// Asks the server of `folder` for its version. It answers as root, too.
    fn inspect(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let mut command = Command::new(folder.join("postgres"));
        let output = command.arg("--version").stdin(Stdio::null()).output().ok()?;
        let major = major_of(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_path_buf(), major })
    }
}

fn choose(
    found: Vec<Binaries>,
    cluster: &Path,
    written_by: Option<&str>,
) -> Result<Binaries, ManagedError> {
    let mut majors: Vec<u32> = found.iter().map(|one| one.major).collect();
    majors.sort_unstable();
    majors.dedup();
    let fits = |one: &Binaries| match written_by {
        Some(version) => version == one.major.to_string(),
        None => one.major >= OLDEST_MAJOR,
    };
    found.into_iter().find(fits).ok_or_else(|| match written_by {
        Some(version) => ManagedError::OtherMajor {
            path: cluster.to_path_buf(),
            folder: version.into(),
            found: majors.into(),
        },
        None => ManagedError::NoBinaries { found: majors },
    })
}

/// The folders in which a server may be, the preferred first: `PATH`, then the
/// newest of what the usual packages install.
pub(crate) fn candidates() -> Vec<PathBuf> {
    let mut folders = sayso_config::search_path();
    for (above, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    ] {
        folders.extend(versions_in(Path::new(above), prefix));
    }
    folders.dedup();
    folders
}

/// `<above>/<prefix><major>/bin`, the newest first.
fn versions_in(above: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(above)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The major version in `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`; a
/// development version reads `18devel`.
pub(crate) fn major_of(said: &str) -> Option<u32> {
    let version = said.split("(PostgreSQL) ").nth(1)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(majors: &[u32]) -> Vec<Binaries> {
        majors.iter().map(|&major| Binaries { folder: PathBuf::from("/pg"), major }).collect()
    }

    #[test]
    fn the_version_is_read_from_what_the_server_says() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18devel\n"), Some(18));
        assert_eq!(major_of("something else"), None);
    }

    #[test]
    fn a_cluster_gets_the_version_that_wrote_it_and_a_new_one_the_first_that_is_new_enough() {
        let chosen = |found: &[u32], written_by| {
            choose(of(found), Path::new("/data"), written_by).map(|one| one.major)
        };

        assert_eq!(chosen(&[17, 16, 15], Some("16")).ok(), Some(16));
        assert_eq!(chosen(&[12, 16, 17], None).ok(), Some(16));
    }

    #[test]
    fn what_does_not_fit_is_answered_with_what_to_install() {
        let line = |found: &[u32], written_by| {
            let error = choose(of(found), Path::new("/data"), written_by).expect_err("refused");
            error.to_string()
        };

        let old = line(&[12], None);
        let other = line(&[17], Some("15"));
        let none = line(&[], None);

        assert!(old.starts_with("no PostgreSQL 15 or newer was found (only 12): install"), "{old}");
        assert!(other.contains("written by PostgreSQL 15, and only 17 is here"), "{other}");
        assert!(other.contains("apt install postgresql-15"), "{other}");
        assert!(none.contains("was found: install"), "{none}");
    }
}
