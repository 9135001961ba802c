//! Processes that an earlier server of the same cluster has left.
//!
//! When Sayso dies, its server is told so and shuts down, which takes a
//! moment; when the server dies, its children notice it at their next wait. A
//! new server starts only after all of them are gone, and PostgreSQL itself
//! refuses to start before.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use sayso_kernel::hex;
use sayso_kernel::secret::sha256;
use tokio::time::Instant;

use super::error::{Attempt, ManagedError};

/// How long an orderly end may take, then an immediate one, then the kernel's.
const STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(10)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// Children without their server go by themselves, if they are not at work.
const ORPHANS_WAIT: Duration = Duration::from_secs(1);

/// The name under which the processes of `cluster` are found again. It hangs
/// on the folder itself, not on its path: a copy that runs elsewhere is
/// another cluster, a moved one is the same.
pub(super) fn name_of(cluster: &Path) -> Result<String, ManagedError> {
    let meta = fs::metadata(cluster).trying("look at", cluster)?;
    let hash = sha256(&[&meta.dev().to_le_bytes(), &meta.ino().to_le_bytes()]);
    Ok(format!("sayso-{}", hex::encode(&hash[..8])))
}

/// Waits until no process of the cluster `name` is left; ends those that stay.
pub(super) async fn end_all(cluster: &Path, name: &str, uid: Uid) -> Result<(), ManagedError> {
    for (signal, limit) in STEPS {
        let pids = find(cluster, name, uid);
        let server = server_pid(cluster).filter(|pid| pids.contains(pid));
        let (targets, limit) = match (signal, server) {
            _ if pids.is_empty() => return Ok(()),
            (Signal::SIGINT, Some(server)) => (vec![server], limit),
            (Signal::SIGINT, None) => (Vec::new(), ORPHANS_WAIT),
            _ => (pids, limit),
        };
        tracing::info!(?targets, %signal, "ending what is left of an earlier PostgreSQL");
        for pid in targets {
            // Gone in the meantime is as good.
            let _ = kill(pid, signal);
        }
        wait_until_gone(cluster, name, uid, limit).await;
    }
    match find(cluster, name, uid).first() {
        None => Ok(()),
        Some(pid) => {
            Err(ManagedError::OldServer { path: cluster.to_path_buf(), pid: pid.as_raw() })
        }
    }
}

async fn wait_until_gone(cluster: &Path, name: &str, uid: Uid, limit: Duration) {
    let deadline = Instant::now() + limit;
    while !find(cluster, name, uid).is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The process that the cluster's own pid file names. It may be long gone, and
/// its number another's: it counts only where [`find`] finds it, too.
fn server_pid(cluster: &Path) -> Option<Pid> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}

/// The processes of the cluster. Other than where a process works, its command
/// line can be read without privilege over it (as root in a container Sayso
/// has none); its owner is compared, since anybody can have any command line.
#[cfg(target_os = "linux")]
fn find(_cluster: &Path, name: &str, uid: Uid) -> Vec<Pid> {
    let of_user = |entry: &fs::DirEntry| entry.metadata().is_ok_and(|m| m.uid() == uid.as_raw());
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry)))
        .filter(|(_, entry)| of_user(entry))
        .filter(|(_, entry)| {
            fs::read(entry.path().join("cmdline")).is_ok_and(|line| is_of(&line, name))
        })
        .map(|(pid, _)| Pid::from_raw(pid))
        .collect()
}

/// Without `/proc` only the server itself can be found.
#[cfg(not(target_os = "linux"))]
fn find(cluster: &Path, name: &str, _uid: Uid) -> Vec<Pid> {
    let runs = |pid: &Pid| {
        let pid = pid.to_string();
        let output = std::process::Command::new("ps").args(["-p", &pid, "-o", "command="]).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(name))
    };
    server_pid(cluster).filter(runs).into_iter().collect()
}

/// Whether a command line is that of the cluster's server (`cluster_name=…` is
/// one of its arguments) or of a child (`postgres: <cluster_name>: …`).
#[cfg(target_os = "linux")]
fn is_of(line: &[u8], name: &str) -> bool {
    let argument = format!("cluster_name={name}");
    let title = format!("postgres: {name}: ");
    line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
        || line.starts_with(title.as_bytes())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_of;

    #[test]
    fn a_command_line_tells_to_which_cluster_a_process_belongs() {
        let server = b"/usr/bin/postgres\0-D\0/data\0-c\0cluster_name=sayso-1\0";

        assert!(is_of(server, "sayso-1"));
        assert!(is_of(b"postgres: sayso-1: checkpointer \0", "sayso-1"));
        assert!(!is_of(server, "sayso-2"));
        assert!(!is_of(b"postgres: sayso-11: checkpointer \0", "sayso-1"));
        assert!(!is_of(b"grep\0postgres: sayso-1: \0", "sayso-1"));
    }
}
