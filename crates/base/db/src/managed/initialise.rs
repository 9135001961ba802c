//! A new cluster, made aside and put in place by one rename, so that it is
//! there whole or not at all.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::account::Account;
use super::binaries::Binaries;
use super::error::{Attempt, ManagedError};
use super::folder::DataFolder;
use super::roles::Roles;

/// How long one program of PostgreSQL may take to make its part of a cluster.
const PROGRAM_WAIT: Duration = Duration::from_secs(120);

/// Makes the cluster unless it is there. What an interrupted attempt has left
/// is removed; the folder must be locked.
pub(super) async fn ensure_cluster(
    folder: &DataFolder,
    account: &Account,
    binaries: &Binaries,
    roles: &Roles,
) -> Result<(), ManagedError> {
    let (cluster, draft) = (folder.cluster(), folder.draft());
    if draft.exists() {
        tracing::info!(folder = %draft.display(), "removing a half-made PostgreSQL data folder");
        fs::remove_dir_all(&draft).trying("remove", &draft)?;
    }
    if cluster.join("PG_VERSION").exists() {
        return Ok(());
    }
    if cluster.exists() {
        return Err(ManagedError::NotACluster { path: cluster });
    }
    tracing::info!(folder = %cluster.display(), "making a PostgreSQL data folder");
    DirBuilder::new().mode(0o700).create(&draft).trying("make", &draft)?;
    account.give(&draft)?;
    initdb(account, binaries, &draft).await?;
    make_roles(account, binaries, roles, &draft).await?;
    fs::rename(&draft, &cluster).trying("put in place", &cluster)?;
    folder.sync()
}

async fn initdb(account: &Account, binaries: &Binaries, draft: &Path) -> Result<(), ManagedError> {
    let mut command = account.command(&binaries.initdb(), Signal::SIGKILL);
    command.arg("-D").arg(draft);
    command.args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--data-checksums"]);
    // Nobody connects under the file that initdb writes: ours replaces it.
    command.args(["--auth=reject", "--no-instructions"]);
    run("initdb", command, "").await
}

/// Makes roles and database without a server that anybody could connect to.
async fn make_roles(
    account: &Account,
    binaries: &Binaries,
    roles: &Roles,
    draft: &Path,
) -> Result<(), ManagedError> {
    let mut command = account.command(&binaries.postgres(), Signal::SIGKILL);
    command.arg("--single").arg("-D").arg(draft);
    command.args(["-c", "exit_on_error=on", "-c", "log_checkpoints=off"]);
    // A statement that fails is not repeated in what we report: it has a password.
    command.args(["-c", "log_min_error_statement=panic"]);
    command.args(["-c", "password_encryption=scram-sha-256", "postgres"]);
    run("postgres --single", command, &roles.statements()).await
}

async fn run(program: &'static str, mut command: Command, input: &str) -> Result<(), ManagedError> {
    let failed = |said: String| ManagedError::Program { program, said };
    let work = async {
        let mut child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early says why by itself.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    match tokio::time::timeout(PROGRAM_WAIT, work).await {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(failed(last_line(&output))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("it took more than {} s", PROGRAM_WAIT.as_secs()))),
    }
}

/// What a program said last that tells why it failed.
fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let telling =
        |line: &&str| ["error:", "ERROR:", "FATAL:", "PANIC:"].iter().any(|w| line.contains(w));
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(telling).or_else(|| lines().next_back());
    line.map_or_else(|| output.status.to_string(), str::to_owned)
}
