//! The clock of a node jumps, ten minutes either way and an hour back, while
//! people write.
//!
//! The clock of a process is moved by libfaketime, where it is installed;
//! elsewhere the test says so and asks nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sayso_testkit::{
    Client, ProcessSetup, Reply, TestDatabase, TestFolder, TestRedis, judge, until,
};
use serde_json::json;

use crate::company::{Company, PASSWORD, open_channel};

/// Where the packages of Debian, Fedora and Alpine put it.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// In which a quota comes back.
const WINDOW: Duration = Duration::from_secs(60);
/// Searches in that time, in the test that uses them up: one comes back every
/// second.
const SEARCHES: u64 = 60;
/// How long whoever has used them up is told to wait, at the most.
const WAIT_MAX_SECS: u64 = 2;

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
    for offset in ["+0", "+10m", "-10m", "-1h", "+0"] {
        clock.jump(offset);
        refresh(&mut ann).await;
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

/// Goes on with the session: a token from what is the future or long ago now is
/// no longer believed.
async fn refresh(person: &mut Client) {
    let body = json!({ "refreshToken": person.login["refreshToken"] });
    let anonymous = Client::anonymous(person.base());
    person.login = anonymous.post("/api/auth/refresh", body).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_honoured_for_its_life_by_clocks_that_differ_by_a_minute_and_by_no_others() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let Some((setup, clock)) = jumping(ProcessSetup::on(&database), &folder) else { return };
    let company = Company::found(setup).await;
    // It lives for a quarter of an hour.
    let ann = Client::login(&company.server.url(), "ann@example.com", PASSWORD).await;

    for (offset, code) in [
        ("+0", ""),
        ("-50", ""),
        ("-90", "auth.token_invalid"),
        ("+14m", ""),
        ("+16m", "auth.token_expired"),
        ("-1h", "auth.token_invalid"),
        // Whatever was refused meanwhile has ended nothing.
        ("+0", ""),
    ] {
        clock.jump(offset);
        let reply = ann.get("/api/auth/me").await;
        let status = if code.is_empty() { 200 } else { 401 };
        let told = (reply.status.as_u16(), reply.code());
        assert_eq!(told, (status, code), "{offset}: {}", reply.text);
    }
}

async fn search(person: &Client) -> Reply {
    person.get("/api/search?q=plants").await
}

/// Whether a search was refused; if so, the time that was told is no longer than
/// if no clock had jumped.
#[track_caller]
fn is_over(reply: &Reply) -> bool {
    if reply.status.is_success() {
        return false;
    }
    assert_eq!((reply.status.as_u16(), reply.code()), (429, "limits.too_many"), "{}", reply.text);
    let wait: u64 = reply.header("Retry-After").unwrap().parse().unwrap();
    assert!(wait <= WAIT_MAX_SECS, "told to wait {wait} s");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_keeps_nobody_waiting_whose_quota_is_used_up() {
    let redis = TestRedis::start(&[]).await;
    for is_shared in [false, true] {
        let (database, folder) = (TestDatabase::new().await, TestFolder::new());
        let setup = ProcessSetup::on(&database)
            .env("SAYSO_LIMITS__ENABLED", "true")
            .env("SAYSO_LIMITS__SEARCH_PER_MINUTE", SEARCHES.to_string())
            .env("SAYSO_REDIS__TIMEOUT_MS", "5000");
        let setup = if is_shared { setup.on_redis(&redis.url(), "sayso") } else { setup };
        let Some((setup, clock)) = jumping(setup, &folder) else { return };
        let company = Company::found(setup).await;
        let mut ann = company.ann.clone();
        until("the node to be ready for all", WINDOW, async || {
            let ready = ann.get("/health/ready").await;
            (ready.body["status"] == "ready").then_some(())
        })
        .await;

        for offset in ["+10m", "-10m", "-1h"] {
            until("the quota to be used up", WINDOW, async || {
                is_over(&search(&ann).await).then_some(())
            })
            .await;
            clock.jump(offset);
            refresh(&mut ann).await;
            until("a place after the jump", WINDOW, async || {
                (!is_over(&search(&ann).await)).then_some(())
            })
            .await;
        }
    }
}
