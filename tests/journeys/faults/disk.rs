//! The disk of the database fills up, and has room again.
//!
//! A file system of its own in memory is mounted for it, which only root may: on
//! Linux it has to succeed then. For others the test says so and asks nothing.
//! (Without root the same answers are tested with an outbox that has no room, in
//! the tests of `sayso-db`.)

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;
use sayso_testkit::{Client, ProcessSetup, TestFolder, until};
use serde_json::json;

use crate::company::{Company, open_channel};

/// A cluster takes a hundred megabytes of it.
const DISK: &str = "size=256m,mode=0755";
/// Full, or well again, within this time. PostgreSQL may have to recover.
const SOON: Duration = Duration::from_secs(60);
/// A file of PostgreSQL's write-ahead log.
const SEGMENT: usize = 16 << 20;
/// Of each write, so that the disk is full soon.
const CONTENT_CHARS: usize = 8_000;

/// A small disk; gone with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None for whoever may not mount anything.
    fn mount(folder: &Path) -> Option<Self> {
        if !(cfg!(target_os = "linux") && Uid::effective().is_root()) {
            return None;
        }
        let path = folder.join("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "sayso-test"])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&mounted.stderr);
        // In a container root may be refused as well. That the test was skipped
        // there would be seen by nobody.
        assert!(
            mounted.status.success(),
            "root may not mount anything here ({said}): allow it CAP_SYS_ADMIN, or run the tests as \
             another user"
        );
        Some(Self(path))
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

/// Makes the next file of the write-ahead log, as a checkpoint does: where there
/// is no room for one PostgreSQL stops, and whether one is due just when the disk
/// is full would be chance.
fn make_room_for_the_log(data: &Path) {
    let folder = data.join("postgres/pg_wal");
    let names = std::fs::read_dir(&folder).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let last = names.filter(|name| name.len() == 24).max().unwrap();
    let (before, number) = last.split_at(16);
    let next = u32::from_str_radix(number, 16).unwrap() + 1;
    let next = folder.join(format!("{before}{next:08X}"));
    std::fs::write(&next, vec![0; SEGMENT]).unwrap();
    let owner = std::fs::metadata(&folder).unwrap();
    std::os::unix::fs::chown(&next, Some(owner.uid()), Some(owner.gid())).unwrap();
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

/// Writes of one person until the disk has had enough.
struct Writing {
    person: Client,
    path: String,
    turn: usize,
    /// The ids of what was taken.
    taken: Vec<String>,
}

impl Writing {
    async fn once(&mut self) -> Option<()> {
        self.turn += 1;
        let written = write(&self.person, &self.path, self.turn).await?;
        self.taken.push(written);
        Some(())
    }

    async fn until_taken(&mut self) {
        until("a write to be taken", SOON, async || self.once().await).await;
    }

    async fn until_refused(&mut self) {
        until("a write to be refused", SOON, async || self.once().await.is_none().then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_answers_reads_loses_nothing_and_heals_when_there_is_room() {
    let folder = TestFolder::new();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: only root may mount a file system, and on Linux");
        return;
    };
    let setup = ProcessSetup::managed().data_dir(&disk.0.join("data"));
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "all hands", &[]).await;
    let path = format!("/api/channels/{channel}/messages");
    let anonymous = Client::anonymous(&company.server.url());
    let (person, taken) = (company.ceo.clone(), Vec::new());
    let mut writing = Writing { person, path, turn: 0, taken };
    writing.until_taken().await;
    make_room_for_the_log(&company.server.data_dir());

    let ballast = disk.fill();
    writing.until_refused().await;
    let listed = company.ceo.get(&writing.path).await.expect(200);
    company.ceo.get("/api/channels").await.expect(200);
    anonymous.get("/health/live").await.expect(200);
    let ready = anonymous.get("/health/ready").await.expect(200);
    // It was full for as long as was asked.
    writing.until_refused().await;
    std::fs::remove_file(ballast).unwrap();

    let there: Vec<&str> =
        listed["items"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert!(there.contains(&&*writing.taken[0]), "{there:?}");
    assert_eq!(ready["status"], "ready");
    writing.until_taken().await;
    anonymous.get("/health/ready").await.expect(200);
    for id in &writing.taken {
        company.ceo.get(&format!("/api/messages/{id}")).await.expect(200);
    }
    let count = writing.taken.len();
    eprintln!("{count} writes were taken, the last after the disk had been full");
    assert!(company.server.run(&["audit", "verify"], "").await.contains("the audit holds"));
}
