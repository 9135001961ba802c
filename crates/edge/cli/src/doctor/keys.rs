//! The root key: is it there, is it closed to others, does it fit the
//! database?

use std::os::unix::fs::PermissionsExt;

use sayso_config::Settings;
use sayso_db::Db;
use sayso_events::{AuditKey, fits_the_audit};

use super::Finding;
use crate::storage::Storage;

/// What can be said without a database.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let file = settings.root_key_file();
    let key = match settings.known_root_key() {
        Err(error) => {
            let advice = "bring the key back from where you keep it: another one is no help";
            return vec![Finding::fail("root key", error.to_string(), advice)];
        }
        Ok(None) if Storage::has_data(settings) => {
            let found = format!("neither secrets.root_key nor {}", file.display());
            let advice = "bring back the key that belongs to this database before you start: Sayso \
                          would make another one, and nobody could log in";
            return vec![Finding::fail("root key", found, advice)];
        }
        Ok(None) => return vec![Finding::ok("root key", "made at the first start")],
        Ok(Some(key)) => key,
    };
    let name = key.fingerprint();
    if settings.secrets.root_key.is_some() {
        return vec![Finding::ok("root key", format!("{name}, from the settings"))];
    }
    let mode = std::fs::metadata(&file).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        let found = format!("{name}, and others may read {}", file.display());
        return vec![Finding::fail("root key", found, format!("chmod 600 {}", file.display()))];
    }
    vec![Finding::ok("root key", format!("{name}, in {}", file.display()))]
}

/// Whether the key is that of the database: the newest entry of the audit is
/// signed with it, or with one that was the root key before.
pub(super) async fn fits(db: &Db, settings: &Settings) -> Vec<Finding> {
    let present = settings.known_root_key().ok().flatten();
    let previous = settings.previous_root_keys().unwrap_or_default();
    let mut is_any_entry = false;
    for key in present.iter().chain(&previous) {
        match fits_the_audit(db, &AuditKey::of(key)).await {
            Ok(Some(true)) => {
                return vec![Finding::ok("root key fits", "it has signed the end of the audit")];
            }
            Ok(Some(false)) => is_any_entry = true,
            Ok(None) => {}
            Err(error) => {
                let found = format!("the audit cannot be read: {error}");
                return vec![Finding::warn("root key fits", found, "see the other lines")];
            }
        }
    }
    if !is_any_entry {
        return Vec::new();
    }
    let found = "the newest entry of the audit was signed with another key, or was changed";
    let advice = "give the root key that belongs to this database (a backup names its fingerprint, \
                  `sayso restore --check`), then see `sayso audit verify`";
    vec![Finding::fail("root key fits", found, advice)]
}
