//! Where the kernel does not tell a child of its parent's death: a process
//! that holds the other end of a pipe and ends the server when we are gone.

use std::io;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use tokio::process::Child;

use super::account::Account;

/// Reads a line that never comes. The pipe ends when we do, however we do.
const SCRIPT: &str = r#"read -r line; kill -INT "$1""#;

/// Watches over `pid`. Dropping the watcher ends the watch, not the server:
/// the watcher is killed before its pipe is closed.
pub(super) fn spawn(account: &Account, pid: Option<u32>) -> io::Result<Child> {
    let pid = pid.ok_or_else(|| io::Error::other("the server has already ended"))?;
    let mut command = account.command(Path::new("/bin/sh"), Signal::SIGCONT);
    command.args(["-c", SCRIPT, "sh", &pid.to_string()]);
    command.stdin(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_watched_process_ends_when_the_pipe_does_and_not_when_the_watch_does() {
        let nowhere = Path::new("/nowhere");
        let account = Account::choose(nowhere, nowhere).expect("a user for PostgreSQL");
        let mut sleeper = account
            .command(Path::new("/bin/sh"), Signal::SIGKILL)
            .args(["-c", "trap 'exit 7' INT; while :; do sleep 0.02; done"])
            .spawn()
            .expect("a shell");

        drop(spawn(&account, sleeper.id()).expect("a first watcher"));
        let mut watcher = spawn(&account, sleeper.id()).expect("a second watcher");
        let early = tokio::time::timeout(Duration::from_millis(200), sleeper.wait()).await;
        drop(watcher.stdin.take());
        let late = tokio::time::timeout(Duration::from_secs(10), sleeper.wait()).await;

        assert!(early.is_err(), "a dropped watcher must not end what it watched");
        let status = late.expect("the shell ends").expect("it can be waited for");
        assert_eq!(status.code(), Some(7));
    }
}
