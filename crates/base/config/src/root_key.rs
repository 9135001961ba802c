//! The root key: as set, or made once and kept in the data folder; and those
//! that were before it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sayso_kernel::Random;
use sayso_kernel::hex;
use sayso_kernel::secret::{RootKey, Secret};

use crate::Settings;

/// The file that keeps the key.
const FILE: &str = "secret.key";
/// The file that keeps those that were the key before, one a line: a restore
/// puts them there.
const PREVIOUS_FILE: &str = "previous.keys";

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file could not be read or made.
    #[error("the root key in {} cannot be read or made: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file or setting holds something else.
    #[error("{place} does not hold a root key: 64 hexadecimal digits")]
    Damaged {
        /// The file or the setting.
        place: String,
    },
}

impl Settings {
    /// The root key: `secrets.root_key`, else the one kept in the data folder,
    /// which is made at the first call. Processes that make it at once agree
    /// on one.
    ///
    /// Whether one may be made only the database knows: one that has had a key
    /// is lost under another.
    pub fn root_key(&self, random: &Random) -> Result<RootKey, RootKeyError> {
        if let Some(key) = &self.secrets.root_key {
            let damaged = || RootKeyError::Damaged { place: "secrets.root_key".to_owned() };
            return parse(key.expose()).map(RootKey::new).ok_or_else(damaged);
        }
        let path = self.data_dir.join(FILE);
        let text = read_or_create(&path, random)
            .map_err(|error| RootKeyError::Io { path: path.clone(), error })?;
        let damaged = || RootKeyError::Damaged { place: path.display().to_string() };
        parse(text.trim()).map(RootKey::new).ok_or_else(damaged)
    }
}

impl Settings {
    /// The digits of the root key, if there is one: as set, else as kept in
    /// the data folder. Makes none.
    pub fn root_key_digits(&self) -> Result<Option<Secret<String>>, RootKeyError> {
        if let Some(key) = &self.secrets.root_key {
            return Ok(Some(key.clone()));
        }
        let path = self.root_key_file();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RootKeyError::Io { path, error }),
        }
    }

    /// The root key, if there is one. Makes none.
    pub fn known_root_key(&self) -> Result<Option<RootKey>, RootKeyError> {
        let Some(digits) = self.root_key_digits()? else { return Ok(None) };
        let place = || match &self.secrets.root_key {
            Some(_) => "secrets.root_key".to_owned(),
            None => self.root_key_file().display().to_string(),
        };
        let key = root_key_of(&digits).ok_or_else(|| RootKeyError::Damaged { place: place() })?;
        Ok(Some(key))
    }

    /// Where a root key is kept that is not set.
    #[must_use]
    pub fn root_key_file(&self) -> PathBuf {
        self.data_dir.join(FILE)
    }

    /// Keeps a root key in the data folder, unless one is there already.
    pub fn keep_root_key(&self, digits: &Secret<String>) -> Result<(), RootKeyError> {
        let path = self.root_key_file();
        let kept = write_key(&path, digits.expose());
        kept.map_err(|error| RootKeyError::Io { path, error })
    }
}

/// The root key of these digits, if they are one.
#[must_use]
pub fn root_key_of(digits: &Secret<String>) -> Option<RootKey> {
    parse(digits.expose()).map(RootKey::new)
}

/// Writes a key that was kept elsewhere.
fn write_key(path: &Path, digits: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{digits}\n").as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

impl Settings {
    /// The digits of the keys that were the root key before: those that are
    /// set, then those that are kept in the data folder and are not among them.
    pub fn previous_root_key_digits(&self) -> Result<Vec<Secret<String>>, RootKeyError> {
        let path = self.previous_root_keys_file();
        let kept = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            // Who is given the key may have no data folder that they can read.
            Err(_) if self.secrets.root_key.is_some() => String::new(),
            Err(error) => return Err(RootKeyError::Io { path, error }),
        };
        let set = self.secrets.previous_root_keys.expose().iter().map(String::as_str);
        let both = set.map(|text| (true, text)).chain(kept.lines().map(|text| (false, text)));
        let mut all: Vec<Secret<String>> = Vec::new();
        for (is_set, text) in both {
            let digits = Secret::new(text.trim().to_owned());
            if parse(digits.expose()).is_none() {
                let place = if is_set {
                    "secrets.previous_root_keys".to_owned()
                } else {
                    path.display().to_string()
                };
                return Err(RootKeyError::Damaged { place });
            }
            if !all.contains(&digits) {
                all.push(digits);
            }
        }
        Ok(all)
    }

    /// The keys that were the root key before.
    pub fn previous_root_keys(&self) -> Result<Vec<RootKey>, RootKeyError> {
        Ok(self.previous_root_key_digits()?.iter().filter_map(root_key_of).collect())
    }

    /// Where keys that were the root key before are kept that are not set.
    #[must_use]
    pub fn previous_root_keys_file(&self) -> PathBuf {
        self.data_dir.join(PREVIOUS_FILE)
    }

    /// Keeps keys that were the root key before in the data folder, beside
    /// those that are there.
    pub fn keep_previous_root_keys(&self, digits: &[Secret<String>]) -> Result<(), RootKeyError> {
        let path = self.previous_root_keys_file();
        let kept = add_keys(&path, digits);
        kept.map_err(|error| RootKeyError::Io { path, error })
    }
}

/// Writes keys behind those that a file has.
fn add_keys(path: &Path, digits: &[Secret<String>]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let lines: String = digits.iter().map(|digits| format!("{}\n", digits.expose())).collect();
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Reads 64 hexadecimal digits.
pub(crate) fn parse(text: &str) -> Option<[u8; RootKey::LEN]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |n, d| n << 4 | d)).collect();
    if digits.len() == 2 * RootKey::LEN { bytes.try_into().ok() } else { None }
}

fn read_or_create(path: &Path, random: &Random) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, random)?;
            fs::read_to_string(path)
        }
        other => other,
    }
}

/// Makes the key under a name of its own and links it to `path`. A link, other
/// than a rename, fails if somebody was faster: then theirs is the key. The
/// file is complete and on disk before it has its name, so that a crash leaves
/// no half key.
fn create(path: &Path, random: &Random) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!("{FILE}.{}", hex::encode(&random.bytes::<8>())));
    let written = write_and_link(&draft, path, random);
    let removed = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            removed?;
            File::open(folder)?.sync_all()
        }
    }
}

fn write_and_link(draft: &Path, path: &Path, random: &Random) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let key = random.bytes::<{ RootKey::LEN }>();
    file.write_all(format!("{}\n", hex::encode(&key)).as_bytes())?;
    file.sync_all()?;
    fs::hard_link(draft, path)
}
