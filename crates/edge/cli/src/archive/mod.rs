//! The file of a backup: a tar archive, encrypted with age when a passphrase
//! is given, so that with the usual tools, and without Sayso, it is
//!
//! ```text
//! age -d backup.sayso | tar x        (or only tar x, when it is not encrypted)
//! cat database.dump.* | pg_restore …
//! ```
//!
//! In it stand `about.json` (what was counted), the dump in numbered parts (a
//! tar names the size of an entry before its bytes, and a dump does not know
//! its own), `root.key` when it was asked for, and `end.json` with the sum of
//! the dump: an archive without it was cut off.

mod pack;
mod seal;
mod tar;
mod unpack;

pub(crate) use pack::pack;
pub(crate) use seal::{PASSPHRASE_MIN, sealed, unsealed};
pub(crate) use unpack::Opened;

use sayso_db::backup::Contents;
use sayso_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// Rises when an older Sayso could not read what a newer one writes.
pub(crate) const FORMAT: u32 = 1;

const ABOUT: &str = "about.json";
const PART: &str = "database.dump.";
const KEY: &str = "root.key";
const END: &str = "end.json";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the Sayso that wrote it.
    pub sayso: String,
    /// When.
    pub at: Timestamp,
    /// The major version of the `pg_dump` that wrote the dump.
    pub dumped_by: u32,
    /// What is in it.
    pub contents: Contents,
    /// The fingerprint of the root key that belongs to it, if there was one.
    pub root_key: Option<String>,
    /// Whether that key is in it.
    pub has_root_key: bool,
}

/// The last words of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct End {
    /// Bytes of the dump.
    bytes: u64,
    /// Their SHA-256.
    sha256: String,
}
