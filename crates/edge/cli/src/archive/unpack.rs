//! Reads the file of a backup.

use std::io::{self, Read};

use anyhow::{Context, Result, bail};
use sayso_kernel::hex;
use sayso_kernel::secret::Secret;
use sha2::{Digest, Sha256};

use super::tar::Reader;
use super::{ABOUT, About, END, End, FORMAT, KEY, Keys, PART, PREVIOUS_KEYS};

/// A backup that is read: first what it says of itself, then by [`Read`] the
/// dump, then [`Opened::finish`].
pub(crate) struct Opened<R> {
    pub about: About,
    tar: Reader<R>,
    /// The entry that is being read.
    entry: Option<String>,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Opened<R> {
    /// Reads what a backup says of itself.
    pub fn open(input: R) -> Result<Self> {
        let mut tar = Reader::new(input);
        let first = tar.next().context("the backup cannot be read")?;
        if first.as_deref() != Some(ABOUT) {
            bail!("it is not a backup of Sayso");
        }
        let text = tar.small()?;
        let format: Format =
            serde_json::from_slice(&text).context("it is not a backup of Sayso")?;
        if format.format > FORMAT {
            bail!("a newer Sayso wrote this backup ({}): restore it with that one", format.sayso);
        }
        let about = serde_json::from_slice(&text).context("the backup does not say what it is")?;
        let entry = tar.next()?;
        Ok(Self { about, tar, entry, hash: Sha256::new(), bytes: 0 })
    }

    /// After the dump was read: the rest, and whether the dump is whole.
    /// Answers the root keys, if they are in there.
    pub fn finish(mut self) -> Result<Keys> {
        io::copy(&mut self, &mut io::sink()).context("the backup is cut off or damaged")?;
        let mut keys = Keys::default();
        while let Some(name) = self.entry.take() {
            let text = self.tar.small()?;
            match name.as_str() {
                KEY => keys.root = lines(text)?.pop(),
                PREVIOUS_KEYS => keys.previous = lines(text)?,
                END => {
                    let end: End = serde_json::from_slice(&text)?;
                    let found =
                        End { bytes: self.bytes, sha256: hex::encode(&self.hash.finalize()) };
                    if end != found {
                        bail!("the backup is damaged: its dump has another sum than it should");
                    }
                    while self.tar.next().context("the backup is cut off")?.is_some() {}
                    return Ok(keys);
                }
                _ => {}
            }
            self.entry = self.tar.next().context("the backup is cut off")?;
        }
        bail!("the backup is cut off: its end is missing")
    }
}

/// The keys of a file that has one a line.
fn lines(text: Vec<u8>) -> Result<Vec<Secret<String>>> {
    let text = String::from_utf8(text)?;
    Ok(text.lines().map(|line| Secret::new(line.trim().to_owned())).collect())
}

/// The one thing that every format says.
#[derive(serde::Deserialize)]
struct Format {
    format: u32,
    #[serde(default)]
    sayso: String,
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.entry.as_ref().is_some_and(|name| name.starts_with(PART)) && !buffer.is_empty() {
            let count = self.tar.read(buffer)?;
            if count > 0 {
                self.hash.update(&buffer[..count]);
                self.bytes += count as u64;
                return Ok(count);
            }
            self.entry = self.tar.next()?;
        }
        Ok(0)
    }
}
