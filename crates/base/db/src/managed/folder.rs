//! What is where in the data folder, and the lock that makes it ours.
//!
//! ```text
//! <data_dir>/sayso.lock        held by the one Sayso that runs on the folder
//!            postgres/         the cluster
//!            postgres.new/     a cluster in the making; a leftover is removed
//!            postgres.auth     the key from which the roles' passwords derive
//!            postgres.conf     our settings, written anew at every start
//!            postgres.local.conf   the operator's, if there is one
//!            postgres.hba.conf who may connect
//!            postgres.socket   the folder of the socket, for who comes later
//!            run/              the socket, unless the path is too long
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Uid;
use sayso_kernel::Random;
use sayso_kernel::hex;

use super::account::Account;
use super::error::{Attempt, ManagedError};

/// The port in the socket's name; there is no TCP port.
pub(super) const PORT: u16 = 5432;

/// The longest folder whose socket can still be named to the kernel: the
/// shortest limit is 104 bytes (macOS; Linux has 108), with a closing NUL, and
/// the socket's own name is `/.s.PGSQL.5432`.
const SOCKET_FOLDER_MAX: usize = 104 - 1 - "/.s.PGSQL.5432".len();

/// A holder that is just ending is waited for this long.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// The data folder of one Sayso.
#[derive(Clone, Debug)]
pub(super) struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder if it is not there. As root it can be passed by others
    /// (the user of PostgreSQL must), but not be listed.
    pub(super) fn open(path: &Path) -> Result<Self, ManagedError> {
        let mode = if Uid::effective().is_root() { 0o711 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(path).trying("make", path)?;
        path.canonicalize().trying("find", path).map(Self)
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The cluster.
    pub(super) fn cluster(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// A cluster in the making.
    pub(super) fn draft(&self) -> PathBuf {
        self.0.join("postgres.new")
    }

    /// Our settings for the server.
    pub(super) fn conf(&self) -> PathBuf {
        self.0.join("postgres.conf")
    }

    /// Who may connect.
    pub(super) fn hba(&self) -> PathBuf {
        self.0.join("postgres.hba.conf")
    }

    fn socket_record(&self) -> PathBuf {
        self.0.join("postgres.socket")
    }

    /// The key of the roles' passwords, if it was made.
    pub(super) fn auth(&self) -> PathBuf {
        self.0.join("postgres.auth")
    }

    /// Writes a file so that after a crash it is there whole or not at all.
    pub(super) fn write(&self, path: &Path, text: &str, mode: u32) -> Result<(), ManagedError> {
        let draft = path.with_added_extension("new");
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft)
            .trying("make", &draft)?;
        file.write_all(text.as_bytes()).trying("write", &draft)?;
        // Not left to the umask: the user of PostgreSQL must read some of them.
        file.set_permissions(fs::Permissions::from_mode(mode)).trying("write", &draft)?;
        file.sync_all().trying("write", &draft)?;
        self.give_to_owner(&draft)?;
        fs::rename(&draft, path).trying("write", path)?;
        self.sync()
    }

    /// As root, lets the folder's owner keep what we put there, so that they
    /// can go on without root.
    fn give_to_owner(&self, path: &Path) -> Result<(), ManagedError> {
        let meta = fs::metadata(&self.0).trying("look at", &self.0)?;
        if !Uid::effective().is_root() || meta.uid() == 0 {
            return Ok(());
        }
        chown(path, Some(meta.uid()), Some(meta.gid())).trying("give away", path)
    }

    /// Puts the names in the folder on disk.
    pub(super) fn sync(&self) -> Result<(), ManagedError> {
        File::open(&self.0).and_then(|folder| folder.sync_all()).trying("sync", &self.0)
    }

    /// Takes the folder for this process, or says who has it.
    pub(super) async fn lock(&self) -> Result<FolderLock, ManagedError> {
        let path = self.0.join("sayso.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        let mut file = options.open(&path).trying("open", &path)?;
        self.give_to_owner(&path)?;
        let deadline = tokio::time::Instant::now() + LOCK_WAIT;
        while let Err(error) = file.try_lock() {
            if let fs::TryLockError::Error(error) = error {
                return Err(error).trying("lock", &path);
            }
            if tokio::time::Instant::now() >= deadline {
                let holder = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
                return Err(ManagedError::InUse { path: self.0.clone(), holder });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        file.set_len(0).trying("write", &path)?;
        writeln!(file, "{}", std::process::id()).trying("write", &path)?;
        Ok(FolderLock(file))
    }

    /// Whether a process has taken the folder.
    pub(super) fn is_held(&self) -> bool {
        let file = File::open(self.0.join("sayso.lock"));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// The folder of the socket, entered by `account` only: the recorded one
    /// when it still is what it was, else `run/`, else a short one elsewhere.
    pub(super) fn socket_folder(
        &self,
        account: &Account,
        random: &Random,
    ) -> Result<PathBuf, ManagedError> {
        if let Some(folder) = self.recorded_socket_folder()
            && is_private(&folder, account)
        {
            return Ok(folder);
        }
        let folder = self.make_socket_folder(account, random)?;
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&folder, mode).trying("close", &folder)?;
        account.give(&folder)?;
        self.write(&self.socket_record(), &format!("{}\n", folder.display()), 0o644)?;
        Ok(folder)
    }

    /// Where the socket of a running server is.
    pub(super) fn recorded_socket_folder(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.socket_record()).ok()?;
        Some(PathBuf::from(text.trim_end())).filter(|path| path.is_absolute())
    }

    fn make_socket_folder(
        &self,
        account: &Account,
        random: &Random,
    ) -> Result<PathBuf, ManagedError> {
        let near = self.0.join("run");
        if fits(&near) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&near);
            return made.trying("make", &near).map(|()| near);
        }
        // A folder of the user's session is closed to other users; in /tmp the
        // name cannot be guessed, and must not exist.
        let session = sayso_config::runtime_dir().filter(|_| !account.is_other());
        let name = format!("sayso-{}", hex::encode(&random.bytes::<8>()));
        let above = session.filter(|folder| folder.is_dir() && fits(&folder.join(&name)));
        let folder = above.unwrap_or_else(|| PathBuf::from("/tmp")).join(name);
        DirBuilder::new().mode(0o700).create(&folder).trying("make", &folder)?;
        Ok(folder)
    }
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().len() <= SOCKET_FOLDER_MAX
}

/// Whether `folder` is a real folder that only `account` can enter.
fn is_private(folder: &Path, account: &Account) -> bool {
    fits(folder)
        && fs::symlink_metadata(folder).is_ok_and(|meta| {
            meta.is_dir() && meta.uid() == account.uid().as_raw() && meta.mode() & 0o077 == 0
        })
}

/// The lock on a data folder; free when dropped, and when the process dies.
#[derive(Debug)]
pub(super) struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing would do, were there not the moment in which a fork for
        // another command still holds a copy of the descriptor.
        let _ = self.0.unlock();
    }
}
