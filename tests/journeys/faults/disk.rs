//! The disk of the database fills up, and has room again.
//!
//! A file system of its own in memory is mounted for it, which only root may;
//! elsewhere the test says so and asks nothing. (Without root the same answers
//! are tested with an outbox that has no room, in the tests of `sayso-db`.)

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sayso_testkit::{Client, ProcessSetup, TestFolder, until};
use serde_json::json;

use crate::company::{Company, open_channel};

/// A cluster takes a hundred megabytes of it.
const DISK: &str = "size=256m,mode=0755";
/// Full, or well again, within this time. PostgreSQL may have to recover.
const SOON: Duration = Duration::from_secs(60);
/// Of each write, so that the disk is full soon.
const CONTENT_CHARS: usize = 8_000;

/// A small disk; gone with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "sayso-test"])
            .arg(&path)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(path)),
            _ => None,
        }
    }

    /// Takes everything that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = File::create(&path).unwrap();
        for piece in [1 << 20, 4 << 10] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what a killed server still holds open goes with it.
        let _ = Command::new("umount").args(["--lazy"]).arg(&self.0).status();
    }
}

async fn write(person: &Client, path: &str, turn: usize) -> Option<String> {
    // Random enough that it is not compressed away.
    let content: String = (0..CONTENT_CHARS)
        .map(|place| char::from(b'a' + ((place * place + turn * 7 + place * turn) % 26) as u8))
        .collect();
    let reply = person.post(path, json!({ "content": content })).await;
    match reply.status.as_u16() {
        201 => Some(reply.body["id"].as_str().unwrap().to_owned()),
        503 => {
            assert!(reply.header("Retry-After").is_some(), "{}", reply.text);
            None
        }
        other => panic!("a write on a full disk was answered {other}: {}", reply.text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_loses_nothing_and_heals_when_there_is_room() {
    let folder = TestFolder::new();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let setup = ProcessSetup::managed().data_dir(&disk.0.join("data"));
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "all hands", &[]).await;
    let path = format!("/api/channels/{channel}/messages");
    let anonymous = Client::anonymous(&company.server.url());
    let mut taken = Vec::new();
    taken.extend(write(&company.ceo, &path, 0).await);

    let ballast = disk.fill();
    let mut turn = 0;
    until("a write to be refused", SOON, async || {
        turn += 1;
        let written = write(&company.ceo, &path, turn).await;
        let is_full = written.is_none();
        taken.extend(written);
        is_full.then_some(())
    })
    .await;
    anonymous.get("/health/live").await.expect(200);
    std::fs::remove_file(ballast).unwrap();

    until("a write to be taken", SOON, async || {
        turn += 1;
        let written = write(&company.ceo, &path, turn).await?;
        taken.push(written);
        Some(())
    })
    .await;
    anonymous.get("/health/ready").await.expect(200);
    for id in &taken {
        company.ceo.get(&format!("/api/messages/{id}")).await.expect(200);
    }
    eprintln!("{} writes were taken, the last after the disk had been full", taken.len());
    assert!(company.server.run(&["audit", "verify"], "").await.contains("the audit holds"));
}
