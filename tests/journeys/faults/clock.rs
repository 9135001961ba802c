//! The clock of a node jumps, ten minutes either way and an hour back, while
//! people write.
//!
//! The clock of a process is moved by libfaketime, where it is installed;
//! elsewhere the test says so and asks nothing.

use std::path::{Path, PathBuf};

use sayso_testkit::{Client, ProcessSetup, TestDatabase, TestFolder, judge};
use serde_json::json;

use crate::company::{Company, PASSWORD, open_channel};

/// Where the packages of Debian, Fedora and Alpine put it.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// A clock that a test moves.
pub struct Jumping(PathBuf);

impl Jumping {
    pub fn jump(&self, offset: &str) {
        // In place of the old one by one step: it is read all the time.
        let draft = self.0.with_extension("new");
        std::fs::write(&draft, format!("{offset}\n")).unwrap();
        std::fs::rename(draft, &self.0).unwrap();
    }
}

/// A process with such a clock; none where it cannot be had.
pub fn jumping(setup: ProcessSetup, folder: &TestFolder) -> Option<(ProcessSetup, Jumping)> {
    let Some(library) = LIBRARIES.iter().find(|path| Path::new(path).exists()) else {
        let system = std::env::consts::OS;
        assert_ne!(system, "linux", "libfaketime is missing: scripts/install-system test");
        eprintln!("skipped: no clock can be moved on this system");
        return None;
    };
    let clock = Jumping(folder.path().join("clock"));
    clock.jump("+0");
    let file = clock.0.to_str().unwrap().to_owned();
    let setup = setup
        .env("LD_PRELOAD", *library)
        .env("FAKETIME_TIMESTAMP_FILE", file)
        .env("FAKETIME_NO_CACHE", "1")
        // Waits and timeouts go by a clock that does not jump.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some((setup, clock))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_nothing_orders_nothing_anew_and_locks_nobody_out() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let Some((setup, clock)) = jumping(ProcessSetup::on(&database), &folder) else { return };
    let company = Company::found(setup).await;
    let Company { server, ann, .. } = &company;
    let channel = open_channel(&company.ceo, "all hands", &[ann]).await;
    let path = format!("/api/channels/{channel}/messages");
    let mut ann = ann.clone();

    let mut sent = Vec::new();
    let anonymous = Client::anonymous(&server.url());
    for offset in ["+0", "+10m", "-10m", "-1h", "+0"] {
        clock.jump(offset);
        // A token from what is the future now may be refused; a client
        // refreshes then, as it does when one has expired.
        let body = json!({ "refreshToken": ann.login["refreshToken"] });
        ann.login = anonymous.post("/api/auth/refresh", body).await.expect(200);
        Client::login(&server.url(), "bob@example.com", PASSWORD).await;
        for turn in 0..5 {
            let body = json!({ "content": format!("{offset} {turn}") });
            let reply = ann.post(&path, body).await;
            let id = reply.expect(201)["id"].as_str().unwrap().to_owned();
            sent.push(id);
        }
    }

    judge::assert_settled(database.db()).await;
    let log = server.run(&["events", "tail", "--from", "start", "--no-follow"], "").await;
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            sent.iter().find(|id| line.contains("message.sent") && line.contains(id.as_str()))
        })
        .map(String::as_str)
        .collect();
    assert_eq!(told, sent, "the log has the order of the writes, not of the clock");
    assert!(server.run(&["audit", "verify"], "").await.contains("the audit holds"));
}
