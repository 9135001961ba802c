//! The root key: is it there, is it closed to others, does it fit the
//! database and all that is sealed there?

use std::os::unix::fs::PermissionsExt;

use sayso_auth::reseal::{self, SealedUnder};
use sayso_config::Settings;
use sayso_db::Db;
use sayso_kernel::Vault;
use sayso_kernel::secret::RootKey;

use super::Finding;
use crate::root_key::{self, Standing};
use crate::storage::Storage;

/// The name of the question whether there is one.
pub(super) const CHECK: &str = "root key";
const NEW: &str = "made at the first start";

/// What can be said without a database. Whether a key is missing is not: a
/// database that never had one is given its first.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let file = settings.root_key_file();
    let key = match settings.known_root_key() {
        Err(error) => {
            let advice = "bring the key back from where you keep it: another one is no help";
            return vec![Finding::fail(CHECK, error.to_string(), advice)];
        }
        Ok(None) if Storage::has_data(settings) => return Vec::new(),
        Ok(None) => return vec![Finding::ok(CHECK, NEW)],
        Ok(Some(key)) => key,
    };
    let name = key.fingerprint();
    if settings.secrets.root_key.is_some() {
        return vec![Finding::ok(CHECK, format!("{name}, from the settings"))];
    }
    let mode = std::fs::metadata(&file).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        let found = format!("{name}, and others may read {}", file.display());
        return vec![Finding::fail(CHECK, found, format!("chmod 600 {}", file.display()))];
    }
    vec![Finding::ok(CHECK, format!("{name}, in {}", file.display()))]
}

/// There is none, and the database could not be asked whether it has one.
pub(super) fn unasked(settings: &Settings) -> Finding {
    let found = format!("neither secrets.root_key nor {}", settings.root_key_file().display());
    let advice = "if people are in this database, bring back the key that belongs to it; one that \
                  never had a key is given its first at the first start";
    Finding::warn(CHECK, found, advice)
}

/// Whether the key is that of the database: the newest entry of the audit is
/// signed with it, or with one that was the root key before.
pub(super) async fn fits(db: &Db, settings: &Settings) -> Vec<Finding> {
    if settings.known_root_key().is_err() {
        // That it cannot be read has been told.
        return Vec::new();
    }
    let check = "root key fits";
    let standing = match root_key::standing(db, settings).await {
        Ok(standing) => standing,
        Err(error) => {
            let found = format!("it cannot be asked: {error:#}");
            return vec![Finding::warn(check, found, "see the other lines")];
        }
    };
    match (standing.fault(settings), standing) {
        (Some((found, advice)), Standing::Missing) => vec![Finding::fail(CHECK, found, advice)],
        (Some((found, advice)), _) => vec![Finding::fail(check, found, advice)],
        (None, Standing::New) => vec![Finding::ok(CHECK, NEW)],
        (None, Standing::Fits) => vec![Finding::ok(check, "it has signed the end of the audit")],
        (None, _) => Vec::new(),
    }
}

/// Whether all that is sealed can be opened. The newest entry of the audit says
/// nothing of what was sealed before it.
pub(super) async fn open_what_is_sealed(db: &Db, settings: &Settings) -> Vec<Finding> {
    let (known, previous) = (settings.known_root_key(), settings.previous_root_keys());
    // That one is missing or cannot be read has been told.
    let (Ok(Some(present)), Ok(previous)) = (known, previous) else { return Vec::new() };
    match reseal::look(db, &Vault::new(&present, &previous)).await {
        Ok(found) => {
            let names = std::iter::once(&present).chain(&previous).map(RootKey::fingerprint);
            judge_sealed(&found, &names.collect::<Vec<_>>())
        }
        Err(fault) => {
            let found = format!("they cannot be counted: {fault}");
            vec![Finding::warn("sealed secrets", found, "see the other lines")]
        }
    }
}

/// `names` are the fingerprints of the keys, the present one first.
fn judge_sealed(found: &SealedUnder, names: &[String]) -> Vec<Finding> {
    let check = "sealed secrets";
    let mut all = Vec::new();
    if found.unknown > 0 {
        let found = format!(
            "{} are sealed under a root key that is none of those here ({})",
            found.unknown,
            names.join(", ")
        );
        let advice = "add the key that was to secrets.previous_root_keys, then `sayso keys \
                      reencrypt`: until then the second factors and identities among them are of \
                      no use";
        all.push(Finding::fail(check, found, advice));
    }
    let under = |(place, count): (&usize, &u32)| {
        let name = names.get(*place).map_or("", String::as_str);
        format!("{count} under {name}")
    };
    let earlier: Vec<String> =
        found.known.iter().filter(|(place, _)| **place > 0).map(under).collect();
    if !earlier.is_empty() {
        let found = format!("sealed under earlier root keys: {}", earlier.join(", "));
        all.push(Finding::warn(check, found, "`sayso keys reencrypt` seals them anew"));
    }
    if let (true, Some(count)) = (all.is_empty(), found.known.get(&0)) {
        all.push(Finding::ok(check, format!("{count}, all under the present root key")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn what_is_sealed_under_a_key_that_is_gone_is_an_alarm_and_under_an_earlier_one_work_to_do() {
        let names = ["new", "old"].map(str::to_owned);
        let judged = |known: &[(usize, u32)], unknown: u32| {
            let known = known.iter().copied().collect();
            let all = judge_sealed(&SealedUnder { known, unknown }, &names);
            all.into_iter().map(|one| (one.level, one.found)).collect::<Vec<_>>()
        };

        assert!(judged(&[], 0).is_empty(), "nothing is sealed");
        let all_well = "2, all under the present root key".to_owned();
        assert_eq!(judged(&[(0, 2)], 0), [(Level::Ok, all_well)]);
        let to_do = "sealed under earlier root keys: 3 under old".to_owned();
        assert_eq!(judged(&[(0, 2), (1, 3)], 0), [(Level::Warn, to_do)]);
        let lost = judged(&[(0, 2)], 4);
        assert_eq!((lost.len(), lost[0].0), (1, Level::Fail));
        assert!(lost[0].1.starts_with("4 are sealed under a root key that is none"), "{lost:?}");
        assert!(lost[0].1.ends_with("(new, old)"), "{lost:?}");
    }
}
