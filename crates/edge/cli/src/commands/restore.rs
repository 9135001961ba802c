//! `sayso restore`: a backup becomes the database.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use sayso_access::{Ctx, Via};
use sayso_config::{Settings, root_key_of};
use sayso_db::backup::{Occupied, Programs, Restore, Table};
use sayso_db::migrate::MIGRATIONS;
use sayso_kernel::secret::{RootKey, Secret};
use sayso_kernel::{Clock, Random, hex};

use super::backup::{PassphraseArgs, STREAM};
use super::progress::{self, Told};
use super::say;
use crate::archive::{self, About, Keys, Opened, PREVIOUS_KEYS};
use crate::repo::restored::{END_SESSIONS, NEW_EPOCH, REVOKE_TOKENS};
use crate::storage::Storage;

/// What to restore, and over what.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso restore --check sayso.backup                 is it whole?
  sayso restore sayso.backup                         into an empty data folder or database
  ssh vault 'cat sayso.backup' | sayso restore -
  sayso restore --force sayso.backup                 instead of what is there now

Every Sayso on the database must be stopped. All happens in one transaction: the rows are compared
with what was counted when the backup was made, and if anything fails nothing has changed.
Afterwards all sessions are ended, all API tokens are revoked, and clients read afresh (the log has
another epoch).")]
pub struct RestoreArgs {
    /// The backup; `-` for standard input.
    file: PathBuf,
    /// Only read it: is it whole, and what is in it? Changes nothing.
    #[arg(long)]
    check: bool,
    /// Replace a database that somebody is in. What is there now is gone then.
    #[arg(long)]
    force: bool,
    /// Restore although the root key that belongs to the backup is not here:
    /// nobody can log in with their password, and second factors are lost. It
    /// is served with `sayso serve --another-key`.
    #[arg(long)]
    without_key: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn run(settings: &Settings, args: &RestoreArgs) -> Result<()> {
    let random = Random::from_os();
    let source = Source::take(settings, args, &random)?;
    let found = source.inspect(settings);
    progress::done();
    let found = found?;
    if args.check {
        say(&found.told());
        return Ok(());
    }
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if found.about.contents.schema > known {
        bail!(
            "the backup is at schema {}, and this Sayso knows only {known}: restore it with Sayso {} \
             or newer",
            found.about.contents.schema,
            found.about.sayso
        );
    }
    let root = found.key_to_keep(settings, args)?;
    let keeping = Keeping { root, earlier: found.earlier(settings)? };
    let storage = Storage::attach(settings, &random).await?;
    let restored = restore(&storage, settings, &random, (&source, &found, args, &keeping)).await;
    storage.close().await;
    progress::done();
    say(&restored?);
    Ok(())
}

async fn restore(
    storage: &Storage,
    settings: &Settings,
    random: &Random,
    (source, found, args, keeping): (&Source, &Found, &RestoreArgs, &Keeping),
) -> Result<String> {
    let about = &found.about;
    let taken = Restore::begin(&storage.owner).await?;
    match taken.occupied().await? {
        Occupied::Foreign => bail!("there are tables of something else in this database"),
        Occupied::People(count) if !args.force => bail!(
            "there are {count} people in this database: make a backup of it, and say --force to \
             replace everything in it"
        ),
        Occupied::No | Occupied::People(_) => {}
    }
    let major = taken.major.max(about.dumped_by);
    let programs = Programs::find(settings.managed.pg_bin.as_deref(), major)?;
    // Before the rows that need them: a database without its keys is the worse
    // half.
    keeping.keep(settings)?;
    let (epoch, now) = (hex::encode(&random.bytes::<8>()), Clock::System.now());
    let last: [(&str, &(dyn sayso_db::tokio_postgres::types::ToSql + Sync)); 3] =
        [(NEW_EPOCH.text, &epoch), (END_SESSIONS.text, &now), (REVOKE_TOKENS.text, &now)];
    let dump = Told::new(source.open()?, |bytes| progress::bytes("laid in", bytes));
    let compared = |table: &Table| progress::rows(&table.name, table.rows);
    taken.lay_in(&programs, dump, (&about.contents, compared), &last).await?;
    drop(taken);
    let noted = note(storage, settings, random, about).await;
    noted.context("the backup is restored, and then this failed")?;
    Ok(format!(
        "restored {} rows of {}; all sessions are ended, all API tokens are revoked, the history is \
         {epoch}{}",
        about.contents.rows(),
        about.at,
        keeping.earlier.told(settings)
    ))
}

/// Brings the schema up to date, and writes down what happened.
async fn note(
    storage: &Storage,
    settings: &Settings,
    random: &Random,
    about: &About,
) -> Result<()> {
    let db = storage.open(settings).await?;
    let ctx = Ctx::anonymous(Via::System, Clock::System, random.clone());
    let (at, contents) = (about.at, &about.contents);
    let noted = db.transaction(&ctx, async |tx, _| {
        tx.emit(sayso_audit::events::restored(at, contents.epoch.as_deref(), contents.position));
        Ok(())
    });
    let noted = noted.await;
    db.close();
    Ok(noted?)
}

/// The bytes of a backup, which are read twice.
struct Source {
    path: PathBuf,
    passphrase: Option<Secret<String>>,
    is_spooled: bool,
}

impl Source {
    /// What comes by standard input is kept in the data folder meanwhile, as
    /// it came.
    fn take(settings: &Settings, args: &RestoreArgs, random: &Random) -> Result<Self> {
        let passphrase = args.passphrase.read(settings)?;
        if args.file != Path::new(STREAM) {
            return Ok(Self { path: args.file.clone(), passphrase, is_spooled: false });
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.data_dir)?;
        let name = format!("restore.{}", hex::encode(&random.bytes::<8>()));
        let path = settings.data_dir.join(name);
        let source = Self { path, passphrase, is_spooled: true };
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&source.path)?;
        let received = |bytes| progress::bytes("received", bytes);
        std::io::copy(&mut Told::new(std::io::stdin().lock(), received), &mut file)?;
        Ok(source)
    }

    fn open(&self) -> Result<Opened<Box<dyn Read + Send>>> {
        let file = File::open(&self.path);
        let file = file.with_context(|| format!("{} cannot be read", self.path.display()))?;
        Opened::open(archive::unsealed(file, self.passphrase.as_ref())?)
    }

    /// Reads all of it once, before anything is changed.
    fn inspect(&self, settings: &Settings) -> Result<Found> {
        let mut opened = self.open()?;
        let about = opened.about.clone();
        let programs = Programs::find(settings.managed.pg_bin.as_deref(), about.dumped_by)?;
        let mut told = Told::new(&mut opened, |bytes| progress::bytes("read", bytes));
        about.contents.check(&programs, &mut told)?;
        Ok(Found { keys: opened.finish()?, about })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.is_spooled {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What is in a backup.
struct Found {
    about: About,
    keys: Keys,
}

/// What the data folder is to keep of the keys of a backup.
struct Keeping {
    root: Option<Secret<String>>,
    earlier: Earlier,
}

impl Keeping {
    fn keep(&self, settings: &Settings) -> Result<()> {
        if let Some(key) = &self.root {
            settings.keep_root_key(key)?;
        }
        if let Earlier::Kept { digits, .. } = &self.earlier {
            settings.keep_previous_root_keys(digits)?;
        }
        Ok(())
    }
}

/// What becomes of the keys that were the root key before, and are not here;
/// `names` are their fingerprints.
enum Earlier {
    /// There are none, or all are here.
    Here,
    /// They are in the backup, and the data folder keeps them as it keeps the
    /// root key.
    Kept { digits: Vec<Secret<String>>, names: Vec<String> },
    /// They have to be given in the settings: as the root key is given, or
    /// because they are not in the backup.
    ToGive { names: Vec<String>, are_inside: bool },
}

impl Earlier {
    /// What follows the answer of a restore.
    fn told(&self, settings: &Settings) -> String {
        match self {
            Self::Here => String::new(),
            Self::Kept { names, .. } => format!(
                "; the root keys before the present one ({}) are kept in {}",
                names.join(", "),
                settings.previous_root_keys_file().display()
            ),
            Self::ToGive { names, are_inside } => {
                let place = if *are_inside {
                    format!("are in {PREVIOUS_KEYS} of the backup")
                } else {
                    "are neither in the backup nor here".to_owned()
                };
                format!(
                    "; the root keys before the present one ({}) {place}: give them in \
                     secrets.previous_root_keys (SAYSO_SECRETS__PREVIOUS_ROOT_KEYS), or who has not \
                     logged in since cannot, and what is sealed under them stays closed",
                    names.join(", ")
                )
            }
        }
    }
}

impl Found {
    fn told(&self) -> String {
        let About { at, sayso, contents, root_key, previous_root_keys, .. } = &self.about;
        let key = match (root_key, &self.keys.root) {
            (_, Some(_)) => "with its root key".to_owned(),
            (Some(key), None) => format!("without its root key ({key})"),
            (None, None) => "made where no root key was known".to_owned(),
        };
        let earlier = match previous_root_keys.as_slice() {
            [] => String::new(),
            names => format!(" and those before it ({})", names.join(", ")),
        };
        let epoch = contents.epoch.as_deref().unwrap_or("-");
        format!(
            "it is whole: {} rows of {} tables as of {at}, by Sayso {sayso} on PostgreSQL {}, schema \
             {}, history {epoch} at {}, {key}{earlier}",
            contents.rows(),
            contents.tables.len(),
            contents.major(),
            contents.schema,
            contents.position
        )
    }

    /// The root key to be put into the data folder, if it has to be; refuses
    /// where the one that belongs to the backup would be missing.
    fn key_to_keep(
        &self,
        settings: &Settings,
        args: &RestoreArgs,
    ) -> Result<Option<Secret<String>>> {
        let Some(wanted) = &self.about.root_key else { return Ok(None) };
        let here = settings.known_root_key()?;
        let known = settings.previous_root_keys()?.into_iter().chain(here.clone());
        if known.map(|key| key.fingerprint()).any(|key| key == *wanted) || args.without_key {
            return Ok(None);
        }
        let brought = self.keys.root.as_ref().filter(|digits| is_named(digits, wanted));
        match (here, brought) {
            (None, Some(digits)) => Ok(Some(digits.clone())),
            (None, None) => bail!(
                "the root key of this backup ({wanted}) is neither in it nor here: give it in \
                 secrets.root_key or as {}; with --without-key nobody can log in",
                settings.root_key_file().display()
            ),
            (Some(here), _) => bail!(
                "the root key here ({}) is not that of the backup ({wanted}): give that one in \
                 secrets.root_key (or secrets.previous_root_keys), or move {} away",
                here.fingerprint(),
                settings.root_key_file().display()
            ),
        }
    }

    /// What becomes of the keys that were the root key before.
    fn earlier(&self, settings: &Settings) -> Result<Earlier> {
        let (present, previous) = (settings.known_root_key()?, settings.previous_root_keys()?);
        let here: Vec<String> = present.iter().chain(&previous).map(RootKey::fingerprint).collect();
        let wanted = self.about.previous_root_keys.iter().filter(|name| !here.contains(name));
        let names: Vec<String> = wanted.cloned().collect();
        let inside = |name: &String| {
            self.keys.previous.iter().find(|digits| is_named(digits, name)).cloned()
        };
        let digits: Option<Vec<Secret<String>>> = names.iter().map(inside).collect();
        Ok(match digits {
            _ if names.is_empty() => Earlier::Here,
            // Where the settings give the root key, other nodes have it from
            // there as well, and no data folder is to know more than theirs.
            Some(digits) if settings.secrets.root_key.is_none() => Earlier::Kept { digits, names },
            digits => Earlier::ToGive { names, are_inside: digits.is_some() },
        })
    }
}

/// Whether these are the digits of the key with this fingerprint.
fn is_named(digits: &Secret<String>, name: &str) -> bool {
    root_key_of(digits).is_some_and(|key| key.fingerprint() == name)
}
