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
//! its own), `root.key` when it was asked for, with `previous.keys` if there
//! were others before it, and `end.json` with the sum of the dump: an archive
//! without it was cut off.

mod pack;
mod seal;
mod tar;
mod unpack;

pub(crate) use pack::pack;
pub(crate) use seal::{PASSPHRASE_MIN, sealed, unsealed};
pub(crate) use unpack::Opened;

use sayso_db::backup::Contents;
use sayso_kernel::Timestamp;
use sayso_kernel::secret::Secret;
use serde::{Deserialize, Serialize};

/// Rises when an older Sayso could not read what a newer one writes.
pub(crate) const FORMAT: u32 = 1;

const ABOUT: &str = "about.json";
const PART: &str = "database.dump.";
const KEY: &str = "root.key";
/// Those that were the root key before, one a line.
pub(crate) const PREVIOUS_KEYS: &str = "previous.keys";
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
    /// The fingerprints of those that were the root key before and may still
    /// be needed. A backup that was made before they were told has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_root_keys: Vec<String>,
    /// Whether those keys are in it.
    pub has_root_key: bool,
}

/// The root keys that are put into a backup, or were found in one; in digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The root key.
    pub root: Option<Secret<String>>,
    /// Those that were it before.
    pub previous: Vec<Secret<String>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            format: FORMAT,
            sayso: "0.1.0".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            dumped_by: 15,
            contents: Contents {
                server_version: 150_018,
                schema: 38,
                epoch: None,
                position: 0,
                tables: Vec::new(),
            },
            root_key: Some("new".to_owned()),
            previous_root_keys: vec!["old".to_owned()],
            has_root_key: true,
        }
    }

    fn packed(about: &About, keys: &Keys) -> (About, Keys) {
        let bytes = pack(Vec::new(), about, &mut b"a dump".as_slice(), keys, |_| {});
        let bytes = bytes.expect("written");
        let opened = Opened::open(bytes.as_slice()).expect("it is one");
        (opened.about.clone(), opened.finish().expect("it is whole"))
    }

    #[test]
    fn the_root_keys_that_go_in_come_out() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let keys = Keys { root: Some(secret("aa")), previous: vec![secret("bb"), secret("cc")] };

        assert_eq!(packed(&about(), &keys), (about(), keys));
        assert_eq!(packed(&about(), &Keys::default()).1, Keys::default());
    }

    #[test]
    fn a_backup_from_before_earlier_keys_were_told_has_none() {
        let none = About { previous_root_keys: Vec::new(), ..about() };

        let text = serde_json::to_string(&none).expect("written");

        assert!(!text.contains("previousRootKeys"), "{text}");
        assert_eq!(serde_json::from_str::<About>(&text).expect("read"), none);
    }
}
