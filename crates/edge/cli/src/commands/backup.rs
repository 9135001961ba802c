//! `sayso backup`: the whole database in one file, read back before it counts.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use sayso_config::Settings;
use sayso_db::backup::{Dump, Programs, Snapshot};
use sayso_kernel::secret::{RootKey, Secret};
use sayso_kernel::{Clock, Random};

use super::progress::{self, Told};
use super::{say, say_error};
use crate::archive::{self, About, FORMAT, Keys, Opened};
use crate::storage::Storage;

/// Said instead of a file: standard output, or standard input.
pub(super) const STREAM: &str = "-";

/// What to write, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso backup /backups/sayso-2027-01-15.backup
  sayso backup --passphrase-file /root/backup.pass --with-key /backups/sayso.backup
  sayso backup - | ssh vault 'cat > sayso.backup'

It runs beside a running Sayso or without one, of the managed PostgreSQL or of the one that
DATABASE_URL names, and is of one moment. A file is read back before it gets its name; what went
to standard output can be checked with `sayso restore --check`. The root key is not in it unless
--with-key says so: keep secret.key of the data folder (or secrets.root_key) somewhere as well, or
nobody can log in after a restore. Those of secrets.previous_root_keys go with it.")]
pub struct BackupArgs {
    /// The file to write, which must not be there yet; `-` for standard output.
    file: PathBuf,
    /// Put the root key into the backup as well; only with a passphrase.
    #[arg(long)]
    with_key: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where the passphrase of a backup stands.
#[derive(Debug, Args)]
pub struct PassphraseArgs {
    /// Encrypt (or open) the backup with the passphrase in this file, instead
    /// of backup.passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    pub(super) fn read(&self, settings: &Settings) -> Result<Option<Secret<String>>> {
        let Some(path) = &self.passphrase_file else {
            return Ok(settings.backup.passphrase.clone());
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

pub(super) async fn run(settings: &Settings, args: &BackupArgs) -> Result<()> {
    let passphrase = args.passphrase.read(settings)?;
    if let Some(passphrase) = &passphrase
        && passphrase.expose().chars().count() < archive::PASSPHRASE_MIN
    {
        bail!("the passphrase must have {} characters or more", archive::PASSPHRASE_MIN);
    }
    if args.with_key && passphrase.is_none() {
        bail!(
            "--with-key needs a passphrase: with the key in it, an open backup is the whole company"
        );
    }
    if !Storage::has_data(settings) {
        bail!("there is nothing to back up: no database in {}", settings.data_dir.display());
    }
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let order = Order { settings, args, passphrase };
    let written = order.write(&storage).await;
    storage.close().await;
    progress::done();
    let told = written?;
    if args.file == Path::new(STREAM) {
        say_error(&told)
    } else {
        say(&told)
    }
    Ok(())
}

struct Order<'a> {
    settings: &'a Settings,
    args: &'a BackupArgs,
    passphrase: Option<Secret<String>>,
}

impl Order<'_> {
    async fn write(&self, storage: &Storage) -> Result<String> {
        let snapshot = Snapshot::hold(&storage.owner).await?;
        let programs = Programs::find(self.settings.managed.pg_bin.as_deref(), snapshot.major())?;
        let contents = snapshot.contents(|table| progress::rows(&table.name, table.rows)).await?;
        if contents.schema == 0 {
            bail!("there is nothing to back up: no Sayso has been on this database");
        }
        let keys = self.keys()?;
        let names = self.settings.previous_root_keys()?;
        let about = About {
            format: FORMAT,
            sayso: env!("CARGO_PKG_VERSION").to_owned(),
            at: Clock::System.now(),
            dumped_by: programs.major,
            contents,
            root_key: self.settings.known_root_key()?.map(|key| key.fingerprint()),
            previous_root_keys: names.iter().map(RootKey::fingerprint).collect(),
            has_root_key: self.args.with_key,
        };
        let dump = Dump::begin(&programs, &snapshot)?;
        let (passphrase, file) = (self.passphrase.clone(), self.args.file.clone());
        let told = about.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let parts = Parts { about, dump, keys, passphrase };
            if file == Path::new(STREAM) { parts.stream() } else { parts.file(&file, &programs) }
        });
        writing.await??;
        drop(snapshot);
        Ok(self.told(&told))
    }

    /// The keys that are to be in it.
    fn keys(&self) -> Result<Keys> {
        if !self.args.with_key {
            return Ok(Keys::default());
        }
        let root = self.settings.root_key_digits()?;
        let root = Some(root.context("there is no root key to put into the backup")?);
        Ok(Keys { root, previous: self.settings.previous_root_key_digits()? })
    }

    fn told(&self, about: &About) -> String {
        let (rows, tables) = (about.contents.rows(), about.contents.tables.len());
        let file = self.args.file.display();
        let previous = about.previous_root_keys.join(", ");
        let key = match (&about.root_key, about.has_root_key) {
            (_, true) if previous.is_empty() => "its root key is in it".to_owned(),
            (_, true) => format!("its root key is in it, and those before it ({previous})"),
            (Some(key), false) if previous.is_empty() => {
                format!("its root key ({key}) is NOT in it: keep that as well")
            }
            (Some(key), false) => format!(
                "its root key ({key}) and those before it ({previous}) are NOT in it: keep them as \
                 well"
            ),
            (None, false) => "there is no root key here: find where the servers have it".to_owned(),
        };
        let sealed = if self.passphrase.is_some() { "encrypted" } else { "not encrypted" };
        format!("{file}: {rows} rows of {tables} tables, {sealed}; {key}")
    }
}

/// What goes into a backup.
struct Parts {
    about: About,
    dump: Dump,
    keys: Keys,
    passphrase: Option<Secret<String>>,
}

impl Parts {
    fn stream(self) -> Result<()> {
        self.pack(std::io::stdout().lock()).map(drop)
    }

    /// Under another name until it is whole, on disk, and was read back.
    fn file(self, path: &Path, programs: &Programs) -> Result<()> {
        if path.exists() {
            bail!("{} is there already: choose another name", path.display());
        }
        let draft = path.with_added_extension("partial");
        let passphrase = self.passphrase.clone();
        let written = self.draft(&draft).and_then(|()| read_back(&draft, passphrase, programs));
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        fs::rename(&draft, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
    }

    fn draft(self, draft: &Path) -> Result<()> {
        let _ = fs::remove_file(draft);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(draft);
        let file = file.with_context(|| format!("{} cannot be made", draft.display()))?;
        let file = self.pack(std::io::BufWriter::with_capacity(1 << 20, file))?;
        Ok(file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
    }

    /// Dump first, then whether it came to its end: only then the last words
    /// are written.
    fn pack<W: Write>(self, out: W) -> Result<W> {
        let Self { about, dump, keys, passphrase } = self;
        let mut dump = Ending { dump: Some(dump), failed: None };
        let told = |bytes| progress::bytes("dump", bytes);
        let packed = match &passphrase {
            None => archive::pack(out, &about, &mut dump, &keys, told),
            Some(passphrase) => archive::sealed(out, passphrase)
                .and_then(|out| archive::pack(out, &about, &mut dump, &keys, told))
                .and_then(age::stream::StreamWriter::finish),
        };
        match dump.failed {
            Some(error) => Err(error.into()),
            None => packed.context("the backup cannot be written"),
        }
    }
}

/// A dump whose end counts only when its program ended well.
struct Ending {
    dump: Option<Dump>,
    failed: Option<sayso_db::backup::BackupError>,
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(dump) = &mut self.dump else { return Ok(0) };
        let count = dump.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        match self.dump.take().map_or(Ok(()), Dump::finish) {
            Ok(()) => Ok(0),
            Err(error) => {
                self.failed = Some(error);
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

/// Reads a whole backup: is it what it says, and can `pg_restore` read it?
pub(super) fn read_back(
    path: &Path,
    passphrase: Option<Secret<String>>,
    programs: &Programs,
) -> Result<()> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut opened = Opened::open(archive::unsealed(file, passphrase.as_ref())?)?;
    let contents = opened.about.contents.clone();
    let mut told = Told::new(&mut opened, |bytes| progress::bytes("read back", bytes));
    contents.check(programs, &mut told)?;
    opened.finish().map(drop)
}
