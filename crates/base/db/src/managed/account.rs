//! The user of the operating system as whom PostgreSQL runs, and the commands
//! that run as that user and die with us.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User};
use tokio::process::Command;

use super::error::{Attempt, ManagedError};

/// The user as whom PostgreSQL runs: ourselves, or as root somebody else,
/// since PostgreSQL refuses root.
#[derive(Clone, Debug)]
pub(super) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    dropping: bool,
}

impl Account {
    /// Who runs the cluster: its owner, else the owner of the data folder,
    /// else the user `postgres`.
    pub(super) fn choose(data_dir: &Path, cluster: &Path) -> Result<Self, ManagedError> {
        let owner = |path: &Path| fs::metadata(path).ok().map(|meta| Uid::from_raw(meta.uid()));
        let own = Uid::effective();
        let of_cluster = owner(cluster);
        let foreign = |uid: Uid| ManagedError::ForeignFolder {
            path: cluster.to_path_buf(),
            owner: uid.as_raw(),
        };
        if !own.is_root() {
            let user = User::from_uid(own).ok().flatten();
            let name = user.map_or_else(|| own.to_string(), |user| user.name);
            return match of_cluster {
                Some(uid) if uid != own => Err(foreign(uid)),
                _ => Ok(Self { name, uid: own, gid: Gid::effective(), dropping: false }),
            };
        }
        let candidate = of_cluster.or(owner(data_dir)).filter(|uid| !uid.is_root());
        let user = match candidate {
            Some(uid) => User::from_uid(uid).ok().flatten().ok_or_else(|| foreign(uid))?,
            None => User::from_name("postgres").ok().flatten().ok_or(ManagedError::NoUser)?,
        };
        Ok(Self { name: user.name, uid: user.uid, gid: user.gid, dropping: true })
    }

    /// The user's id.
    pub(super) const fn uid(&self) -> Uid {
        self.uid
    }

    /// Whether the user can be given what we own.
    pub(super) const fn is_other(&self) -> bool {
        self.dropping
    }

    /// Gives `path` to this user.
    pub(super) fn give(&self, path: &Path) -> Result<(), ManagedError> {
        if !self.dropping {
            return Ok(());
        }
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw())).trying("give away", path)
    }

    /// Makes sure that this user can pass through `data_dir`, and through all
    /// folders above it. The data folder is ours to open; those above are not.
    pub(super) fn open_the_way(&self, data_dir: &Path) -> Result<(), ManagedError> {
        if !self.dropping {
            return Ok(());
        }
        let meta = fs::metadata(data_dir).trying("look at", data_dir)?;
        if !self.can_enter(&meta) {
            let mode = fs::Permissions::from_mode(meta.mode() & 0o7777 | 0o011);
            fs::set_permissions(data_dir, mode).trying("open", data_dir)?;
        }
        for above in data_dir.ancestors().skip(1) {
            let meta = fs::metadata(above).trying("look at", above)?;
            if !self.can_enter(&meta) {
                let path = above.to_path_buf();
                return Err(ManagedError::NotTraversable { path, user: self.name.clone() });
            }
        }
        Ok(())
    }

    fn can_enter(&self, meta: &fs::Metadata) -> bool {
        let needed = if meta.uid() == self.uid.as_raw() {
            0o100
        } else if meta.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        meta.mode() & needed != 0
    }

    /// A command that runs as this user, with an environment of its own (ours
    /// holds secrets), outside our process group (a Ctrl-C is for us alone),
    /// and that gets `on_our_death` when we die, however we die.
    pub(super) fn command(&self, program: &Path, on_our_death: Signal) -> Command {
        let mut command = std::process::Command::new(program);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if self.dropping {
            use std::os::unix::process::CommandExt;
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        die_with_us(&mut command, on_our_death);
        Command::from(command)
    }
}

/// Asks the kernel to send `signal` when the *thread* that spawns the command
/// ends; so it must be spawned from one that lives as long as we do. The
/// request is lost at a change of user, and therefore made after it, between
/// fork and exec.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code between fork and exec can ask for this signal")]
fn die_with_us(command: &mut std::process::Command, signal: Signal) {
    use nix::unistd::{getpid, getppid};
    use std::os::unix::process::CommandExt;

    let us = getpid();
    let ask = move || {
        nix::sys::prctl::set_pdeathsig(signal)?;
        // We may have died before the request: then nobody would send it.
        if getppid() == us { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed.
    // The closure makes two system calls, prctl and getppid, and neither
    // allocates nor takes a lock; its errors are plain numbers.
    unsafe { command.pre_exec(ask) };
}

/// Elsewhere a watcher ends the server: see `watcher`.
#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut std::process::Command, _signal: Signal) {}
