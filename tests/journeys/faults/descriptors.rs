//! More come than the process may have descriptors.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase, TestFolder, until};
use serde_json::json;
use tokio::net::TcpStream;

use crate::company::{Company, open_channel};

/// What the process may have.
const DESCRIPTORS: usize = 256;
/// How many come.
const CROWD: usize = 400;
/// How long its work is measured while it can accept nobody.
const WATCHED: Duration = Duration::from_secs(2);
/// All is well again within this time.
const HEALED_WITHIN: Duration = Duration::from_secs(30);

/// The processor time of a process so far. Linux counts it in hundredths of a
/// second.
fn worked(pid: i32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// The server's program, started with so few descriptors by `ulimit` and these
/// flags of it.
fn limited(folder: &TestFolder, flags: &str) -> PathBuf {
    let program = folder.path().join("sayso");
    let real = Process::program();
    let limit = format!("ulimit {flags} {DESCRIPTORS}");
    let script = format!("#!/bin/sh\n{limit}\nexec {} \"$@\"\n", real.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_server_gives_itself_as_many_descriptors_as_it_wants_and_may() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let setup = ProcessSetup::on(&database).bin(limited(&folder, "-Sn"));

    let server = Process::start(setup.env("SAYSO_HTTP__CONNECTIONS_MAX", "300")).await;

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid().unwrap()));
    let limits = limits.unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().next(), Some("500"), "300 and what it opens itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_descriptors_does_not_spin_and_accepts_again_when_there_are_some() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let program = limited(&folder, "-n");
    let mut company = Company::found(ProcessSetup::on(&database).bin(program)).await;
    let channel = open_channel(&company.ceo, "all hands", &[]).await;
    let address = company.server.url().replace("http://", "");

    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(TcpStream::connect(&address).await.unwrap());
    }
    until("the descriptors to run out", HEALED_WITHIN, async || {
        company.server.log().contains("cannot accept connections").then_some(())
    })
    .await;
    let pid = company.server.pid().unwrap();
    let before = worked(pid);
    tokio::time::sleep(WATCHED).await;
    let busy = worked(pid) - before;
    drop(crowd);

    assert!(busy < WATCHED / 2, "it worked for {busy:?} of {WATCHED:?}");
    let path = format!("/api/channels/{channel}/messages");
    until("a newcomer to be answered", HEALED_WITHIN, async || {
        // A connection of its own: those of before may live on.
        let mut client = Client::anonymous(company.ceo.base());
        client.login = company.ceo.login.clone();
        let request = client.request(reqwest::Method::POST, &path);
        let request = request.json(&json!({ "content": "back" })).timeout(Duration::from_secs(2));
        let reply = sayso_testkit::read(request).await.ok()?;
        (reply.status.as_u16() == 201).then_some(())
    })
    .await;
    assert_eq!(company.server.exited(), None);
}
