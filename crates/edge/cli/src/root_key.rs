//! The root key that a database is opened with: its own, or the first that it
//! is given.
//!
//! What was hashed, sealed or signed under one root key is nothing under
//! another: nobody could log in. So a key is made for a database that never had
//! one, and for no other.

use anyhow::{Result, bail};
use sayso_access::{Ctx, Via};
use sayso_auth::Lifetimes;
use sayso_auth::rotation::{self, Old};
use sayso_config::Settings;
use sayso_db::Db;
use sayso_events::{AuditKey, fits_the_audit};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Clock, Random};

/// Whether a database may be opened with a root key that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnotherKey {
    /// It may not.
    Refused,
    /// Its own is lost, the operator says, and this one takes its place.
    Taken,
}

/// How the root key that is here and a database are to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No key is here, and the database never had one.
    New,
    /// No key is here, and the database has one.
    Missing,
    /// The key that is here, or one that was before it, has signed the end of
    /// the audit.
    Fits,
    /// The end of the audit is signed by none of the keys that are here; the
    /// present one is named by its fingerprint.
    Another(String),
    /// A key is here, and nothing is signed yet.
    Unsigned,
}

impl Standing {
    /// What is wrong, and what to do about it; nothing where nothing is.
    pub(crate) fn fault(&self, settings: &Settings) -> Option<(String, &'static str)> {
        match self {
            Self::Missing => Some((
                format!(
                    "the root key of this database is missing: neither secrets.root_key nor {}",
                    settings.root_key_file().display()
                ),
                "bring it back from where you keep it: under another one nobody can log in (is it \
                 lost for good, `sayso serve --another-key` goes on without it)",
            )),
            Self::Another(name) => Some((
                format!(
                    "the root key here ({name}) is not that of this database: another key has \
                     signed the newest entry of the audit, or the entry was changed"
                ),
                "give the key that belongs to it (a backup names its fingerprint: `sayso restore \
                 --check`), in secrets.previous_root_keys if there is another since, and see \
                 `sayso audit verify` (is it lost for good, `sayso serve --another-key` goes on \
                 without it)",
            )),
            Self::New | Self::Fits | Self::Unsigned => None,
        }
    }
}

/// Asks the database whether the key that is here is its own. Makes no key.
pub(crate) async fn standing(db: &Db, settings: &Settings) -> Result<Standing> {
    let (known, previous) = (settings.known_root_key()?, settings.previous_root_keys()?);
    let keys: Vec<AuditKey> = known.iter().chain(&previous).map(AuditKey::of).collect();
    let is_signed_here = fits_the_audit(db, &keys).await?;
    let Some(key) = known else {
        // A name of a signing key is written before the first password is
        // hashed; an entry of the audit comes a moment later.
        let is_new = is_signed_here.is_none() && rotation::list(db).await?.is_empty();
        return Ok(if is_new { Standing::New } else { Standing::Missing });
    };
    Ok(match is_signed_here {
        Some(true) => Standing::Fits,
        Some(false) => Standing::Another(key.fingerprint()),
        None => Standing::Unsigned,
    })
}

/// The root key to open a database with, for whoever writes to it. One is made
/// where the database never had one; where the one here is another than its own,
/// or none is here, the database stays closed.
pub(crate) async fn opening(
    db: &Db,
    settings: &Settings,
    another: AnotherKey,
    (clock, random): (&Clock, &Random),
) -> Result<RootKey> {
    let fault = standing(db, settings).await?.fault(settings);
    match (fault, another) {
        (None, _) => Ok(settings.root_key(random)?),
        (Some((found, advice)), AnotherKey::Refused) => bail!("{found}: {advice}"),
        (Some((found, _)), AnotherKey::Taken) => {
            let root = settings.root_key(random)?;
            tracing::warn!(key = root.fingerprint(), "{found}: it goes on under this key");
            // Tokens under the lost key are worth nothing. That it is so is
            // audited, and the entry is the first that this key signs: from
            // then on it is the key of this database.
            let ctx = Ctx::anonymous(Via::System, clock.clone(), random.clone());
            let access = Lifetimes::from(&settings.auth).access;
            rotation::rotate(db, &ctx, access, Old::Revoked).await?;
            Ok(root)
        }
    }
}

/// The root key of a database that is only looked at; none where the database
/// never had one. Makes none.
pub(crate) async fn looking(db: &Db, settings: &Settings) -> Result<Option<RootKey>> {
    let known = settings.known_root_key()?;
    if known.is_none()
        && let Some((found, advice)) = standing(db, settings).await?.fault(settings)
    {
        bail!("{found}: {advice}");
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sayso_kernel::secret::Secret;
    use sayso_testkit::{Node, TestCtx, TestDatabase, TestFolder, judge};

    use super::*;

    async fn opened(
        database: &TestDatabase,
        settings: &Settings,
        another: AnotherKey,
    ) -> Result<RootKey> {
        // Not what the rest of the test draws.
        let stage = TestCtx::seeded(2);
        opening(database.db(), settings, another, (&stage.clock, &stage.random)).await
    }

    /// As a start does after it was given a key.
    async fn sign_in(database: &TestDatabase, root: &RootKey) {
        let ctx = TestCtx::new().system();
        let lifetimes = Lifetimes::from(&sayso_config::Auth::default());
        rotation::load(database.db(), &ctx, root, lifetimes).await.expect("the keys are loaded");
    }

    #[tokio::test]
    async fn a_key_is_made_for_a_database_that_never_had_one_and_for_no_other() {
        let (database, folder) = (TestDatabase::new().await, TestFolder::new());
        let settings = Settings::at(folder.path().join("data"));
        let file = settings.root_key_file();

        assert!(looking(database.db(), &settings).await.expect("it is new").is_none());
        assert!(!file.exists(), "whoever looks makes none");
        let made = opened(&database, &settings, AnotherKey::Refused).await.expect("it is made");
        sign_in(&database, &made).await;
        let kept = opened(&database, &settings, AnotherKey::Refused).await.expect("it is read");
        std::fs::remove_file(&file).expect("it was there");
        let refused = opened(&database, &settings, AnotherKey::Refused).await.expect_err("refused");
        let unseen = looking(database.db(), &settings).await.expect_err("refused");

        assert_eq!(kept.fingerprint(), made.fingerprint());
        for line in [refused.to_string(), unseen.to_string()] {
            assert!(line.contains(&format!("nor {}: bring it back", file.display())), "{line}");
        }
        assert!(!file.exists(), "none was made");
    }

    #[tokio::test]
    async fn a_key_that_has_not_signed_the_audit_is_refused_unless_one_before_it_has() {
        let (database, folder) = (TestDatabase::new().await, TestFolder::new());
        let mut settings = Settings::at(folder.path().join("data"));
        let digits = |byte: &str| byte.repeat(RootKey::LEN);
        settings.secrets.root_key = Some(Secret::new(digits("08")));
        let (ctx, access) = (TestCtx::new().system(), Duration::from_secs(60));
        // The node of the test signs under a key of sevens.
        let node = Node::start(database.db());
        rotation::rotate(database.db(), &ctx, access, Old::Overlap).await.expect("it is rotated");
        judge::settle(database.db()).await;
        node.stop().await;

        let refused = opened(&database, &settings, AnotherKey::Refused).await.expect_err("refused");
        let taken = opened(&database, &settings, AnotherKey::Taken).await.expect("it is taken");
        settings.secrets.previous_root_keys = Secret::new(vec![digits("07")]);
        let changed = opened(&database, &settings, AnotherKey::Refused).await.expect("it follows");

        let name = taken.fingerprint();
        assert!(refused.to_string().contains(&format!("the root key here ({name})")), "{refused}");
        assert_eq!(changed.fingerprint(), name);
        let told = "SELECT count(*) FROM outbox WHERE type = 'auth.keys_rotated'";
        let told = database.app().await.query_one(told, &[]).await.expect("rows");
        assert_eq!(told.get::<_, i64>(0), 1, "that its own is lost is told");
    }
}
