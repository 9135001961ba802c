//! A backup is taken while people write, and becomes the company elsewhere.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, TestPostgres, judge, until};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::company::{Company, PASSWORD, open_channel};

/// How long a fact may take to its place in the audit.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// Nobody's, so that a data folder keeps one of its own.
const NO_KEY: &str = "";

/// A server whose root key is in its data folder.
pub fn with_own_key(setup: ProcessSetup) -> ProcessSetup {
    setup.env("SAYSO_SECRETS__ROOT_KEY", NO_KEY)
}

/// Writes until told to stop; answers the ids of what was taken, in order.
fn writing(person: &Client, channel: &str, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    let (person, path) = (person.clone(), format!("/api/channels/{channel}/messages"));
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let mut taken = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let body = json!({ "content": format!("message {}", taken.len()) });
            taken.push(id(&person.post(&path, body).await.expect(201)));
        }
        taken
    })
}

fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

/// The ids of all messages of a channel.
async fn messages(person: &Client, channel: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/channels/{channel}/messages?limit=100{cursor}");
        let page = person.get(&path).await.expect(200);
        all.extend(page["items"].as_array().unwrap().iter().map(id));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_people_write_is_of_one_moment_and_serves_on_an_empty_machine() {
    let company = Company::found(with_own_key(ProcessSetup::managed())).await;
    let Company { server, ceo, ann, .. } = &company;
    let channel = open_channel(ceo, "all hands", &[ann]).await;
    let before = writing_once(ann, &channel, 20).await;
    let now = ann.get("/api/events").await.expect(200);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = writing(ann, &channel, &stop);
    let file = server.folder().join("company.backup");
    let pass = server.folder().join("pass");
    std::fs::write(&pass, "correct horse battery\n").unwrap();
    let backup = ["backup", "--with-key", "--passphrase-file", text(&pass), text(&file)];

    let told = server.run(&backup, "").await;
    stop.store(true, Ordering::SeqCst);
    let during = writer.await.unwrap();

    assert!(told.contains("encrypted; its root key is in it"), "{told}");
    let elsewhere = Process::idle(with_own_key(ProcessSetup::managed()));
    let opened = ["--passphrase-file", text(&pass), text(&file)];
    let checked = elsewhere.run(&[&["restore", "--check"], &opened[..]].concat(), "").await;
    assert!(checked.starts_with("it is whole: "), "{checked}");
    let refused = elsewhere.fails(&["restore", text(&file)]).await;
    assert!(refused.contains("the backup is encrypted"), "{refused}");
    let restored = elsewhere.run(&[&["restore"], &opened[..]].concat(), "").await;
    assert!(restored.contains("all sessions are ended"), "{restored}");

    let mut elsewhere = elsewhere;
    elsewhere.restart().await;
    let again = Client::anonymous(&elsewhere.url());
    let old = json!({ "refreshToken": ann.login["refreshToken"] });
    again.post("/api/auth/refresh", old).await.expect(401);
    ann.through(&elsewhere.url()).get("/api/auth/me").await.expect(401);
    let ann = Client::login(&elsewhere.url(), "ann@example.com", PASSWORD).await;
    let epoch = now["epoch"].as_str().unwrap();
    let gone = ann.get(&format!("/api/events?epoch={epoch}&after={}", now["position"])).await;
    assert_eq!(gone.code(), "events.resync_required");
    assert_eq!(gone.status.as_u16(), 410);
    // Of one moment: all that was there before, and of what was written
    // meanwhile the first so many, without a hole.
    let there = messages(&ann, &channel).await;
    assert!(before.iter().all(|id| there.contains(id)), "a message from before is missing");
    let kept = during.iter().take_while(|id| there.contains(id)).count();
    assert_eq!(there.len(), before.len() + kept);
    assert!(elsewhere.run(&["audit", "verify"], "").await.contains("the audit holds"));
    let listed = elsewhere.run(&["events", "tail", "--from", "start", "--no-follow"], "").await;
    assert!(listed.contains("message.sent"), "the log came along");
    ann.post(&format!("/api/channels/{channel}/messages"), json!({ "content": "on we go" }))
        .await
        .expect(201);
}

async fn writing_once(person: &Client, channel: &str, count: usize) -> Vec<String> {
    let mut taken = Vec::new();
    for turn in 0..count {
        let path = format!("/api/channels/{channel}/messages");
        let body = json!({ "content": format!("early {turn}") });
        taken.push(id(&person.post(&path, body).await.expect(201)));
    }
    taken
}

/// A company on a PostgreSQL of one's own, and a backup of it.
async fn backed_up(postgres: &TestPostgres) -> (Company, PathBuf) {
    backed_up_of(ProcessSetup::on_server(postgres)).await
}

async fn backed_up_of(setup: ProcessSetup) -> (Company, PathBuf) {
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "all hands", &[&company.ann]).await;
    writing_once(&company.ann, &channel, 3).await;
    let file = company.server.folder().join("company.backup");
    company.server.run(&["backup", text(&file)], "").await;
    (company, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_refused_where_somebody_is_until_forced_and_never_under_a_running_server() {
    let postgres = TestPostgres::bare(&[]).await;
    let (mut company, file) = backed_up(&postgres).await;
    let eve = json!({ "email": "eve@example.com", "name": "Eve", "role": "staff" });
    company.ceo.post("/api/users", eve).await.expect(201);

    let running = company.server.fails(&["restore", "--force", text(&file)]).await;
    company.server.stop().await;
    let occupied = company.server.fails(&["restore", text(&file)]).await;
    company.server.run(&["restore", "--force", text(&file)], "").await;

    assert!(running.contains("a Sayso runs on this database"), "{running}");
    assert!(occupied.contains("there are 5 people in this database"), "{occupied}");
    company.server.restart().await;
    let ceo = Client::login(&company.server.url(), "ceo@example.com", PASSWORD).await;
    let people = ceo.get("/api/users").await.expect(200);
    assert_eq!(people["items"].as_array().unwrap().len(), 4, "who came later is gone");
    until("the audit to say so", TOLD_WITHIN, async || {
        let audit = ceo.get("/api/audit?action=backup.restored").await.expect(200);
        (audit["items"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    let limits = sayso_db::DbLimits::from(&sayso_config::Database::default());
    judge::assert_settled(&postgres.db(&limits)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_damaged_cut_or_of_another_key_changes_nothing() {
    let postgres = TestPostgres::bare(&[]).await;
    let (mut company, file) = backed_up(&postgres).await;
    company.server.stop().await;
    let whole = std::fs::read(&file).unwrap();
    let broken = company.server.folder().join("broken");
    let restore = ["restore", "--force", text(&broken)];

    std::fs::write(&broken, &whole[..whole.len() * 2 / 3]).unwrap();
    let cut = company.server.fails(&restore).await;
    let mut flipped = whole.clone();
    // Near the end of the dump, in the rows of a table, which nobody reads before
    // they are laid in: the sum alone tells.
    let end = whole.windows(8).rposition(|name| name == b"end.json").unwrap();
    flipped[end - 1_000] ^= 1;
    std::fs::write(&broken, &flipped).unwrap();
    let damaged = company.server.fails(&restore).await;
    company.server.set("SAYSO_SECRETS__ROOT_KEY", &"42".repeat(32));
    let other_key = company.server.fails(&["restore", "--force", text(&file)]).await;
    let nothing = company.server.fails(&["restore", "--force", "/nowhere"]).await;

    for (line, told) in [
        (&cut, "the backup is cut off"),
        (&damaged, "the backup is damaged: its dump has another sum than it should"),
        (&other_key, "is not that of the backup"),
        (&nothing, "/nowhere cannot be read"),
    ] {
        assert!(line.starts_with("sayso: ") && line.contains(told), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
    let client = postgres.superuser().await;
    let count = client.query_one("SELECT count(*) FROM users", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 4);
}

/// What a command says to a terminal, which `script` gives it.
fn at_a_terminal(postgres: &TestPostgres, server: &Process, args: &[&str]) -> String {
    let line = format!("{} {}", Process::program().display(), args.join(" "));
    let shown = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("DATABASE_URL", postgres.app_url())
        .env("SAYSO_DATABASE__OWNER_URL", postgres.owner_url())
        .env("SAYSO_SECRETS__ROOT_KEY", "07".repeat(32))
        .env("SAYSO_DATA_DIR", server.data_dir())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success(), "{told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_shows_at_a_terminal_how_far_it_is_and_nowhere_else() {
    let postgres = TestPostgres::bare(&[]).await;
    let (mut company, file) = backed_up(&postgres).await;
    company.server.stop().await;
    let again = company.server.folder().join("again.backup");

    let all: [(&[&str], &[&str]); 4] = [
        (
            &["backup", text(&again)],
            &["users: 4 rows\r", "dump: 0 MiB\r", "read back: 0 MiB\r", " tables, "],
        ),
        (
            &["restore", "--force", text(&file)],
            &["read: 0 MiB\r", "laid in: 0 MiB\r", "users: 4 rows\r", "restored "],
        ),
        (&["audit", "verify"], &["audit: ", " entries\r", "the audit holds"]),
        (&["keys", "reencrypt"], &["secrets: 0 looked at\r", "0 sealed anew"]),
    ];
    for (args, parts) in all {
        let (status, _, quiet) = company.server.ran(args, "").await;
        assert!(status.success() && !quiet.contains('\r'), "{args:?}: {quiet}");
        let _may_be_there = std::fs::remove_file(&again);
        let told = at_a_terminal(&postgres, &company.server, args);
        for part in parts {
            assert!(told.contains(part), "{args:?}: {part:?} is missing in\n{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_revoked_after_the_backup_is_not_good_again_after_a_restore() {
    let postgres = TestPostgres::bare(&[]).await;
    let mut company = Company::found(ProcessSetup::on_server(&postgres)).await;
    let seen = company.ann.login["user"]["createdAt"].as_str().unwrap();
    let seen: sayso_kernel::Timestamp = seen.parse().unwrap();
    let ends = (seen + Duration::from_secs(86_400)).to_string();
    let body = json!({ "password": PASSWORD, "name": "CI", "scopes": ["read"],
                       "expiresAt": ends });
    let made = company.ann.post("/api/tokens", body).await.expect(201);
    let file = company.server.folder().join("company.backup");
    company.server.run(&["backup", text(&file)], "").await;
    company.ann.delete(&format!("/api/tokens/{}", id(&made))).await.expect(204);
    company.server.stop().await;

    let told = company.server.run(&["restore", "--force", text(&file)], "").await;

    assert!(told.contains("all API tokens are revoked"), "{told}");
    company.server.restart().await;
    let mut program = Client::anonymous(&company.server.url());
    program.login = json!({ "accessToken": made["token"] });
    let refused = program.get("/api/auth/me").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (401, "auth.session_revoked"));
    let ann = Client::login(&company.server.url(), "ann@example.com", PASSWORD).await;
    let listed = ann.get("/api/tokens").await.expect(200);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_reads_standard_input_and_does_without_the_root_key_only_when_told_to() {
    let postgres = TestPostgres::bare(&[]).await;
    // Without its key it is opened only where that is said to be lost.
    let setup = ProcessSetup::on_server(&postgres).serving(&["--another-key"]);
    let (mut company, file) = backed_up_of(setup).await;
    let server = &mut company.server;
    server.stop().await;
    let whole = std::fs::read(&file).unwrap();
    let log_in = async |url: &str| {
        let body = json!({ "email": "ann@example.com", "password": PASSWORD });
        Client::anonymous(url).post("/api/auth/login", body).await.status.as_u16()
    };

    server.set("SAYSO_SECRETS__ROOT_KEY", &"42".repeat(32));
    let (refused, _, why) = server.ran(&["restore", "--force", "-"], &whole).await;
    let without = ["restore", "--force", "--without-key", "-"];
    let (done, told, said) = server.ran(&without, &whole).await;
    server.restart().await;
    let by_another_key = log_in(&server.url()).await;
    server.stop().await;
    server.unset("SAYSO_SECRETS__ROOT_KEY");
    let (done_again, _, said_again) = server.ran(&["restore", "--force", "-"], &whole).await;
    server.restart().await;

    assert!(!refused.success() && why.contains("is not that of the backup"), "{why}");
    assert!(done.success() && told.contains("restored "), "{told}{said}");
    assert_eq!(by_another_key, 401, "a password is nothing without its key");
    assert!(done_again.success(), "{said_again}");
    assert_eq!(log_in(&server.url()).await, 200);
    let left = std::fs::read_dir(server.data_dir()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    let is_kept = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("restore.");
    assert!(!left.iter().any(is_kept), "what came in was kept: {left:?}");
}

/// Programs of which the one that dumps is real, and the one that reads a dump
/// fails.
fn unable_to_read(postgres: &TestPostgres, folder: &Path) -> PathBuf {
    let (real, bin) = (postgres.programs(), folder.join("bin"));
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(real.join("pg_dump"), bin.join("pg_dump")).unwrap();
    let real = real.join("pg_restore");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || exec '{}' --version\n\
         echo 'pg_restore: error: it makes no sense' >&2\nexit 1\n",
        real.display()
    );
    std::fs::write(bin.join("pg_restore"), script).unwrap();
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bin.join("pg_restore"), all).unwrap();
    bin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_read_back_gets_no_name_and_leaves_nothing() {
    let postgres = TestPostgres::bare(&[]).await;
    let (mut company, _) = backed_up(&postgres).await;
    let server = &mut company.server;
    let bin = unable_to_read(&postgres, server.folder());
    let backups = server.folder().join("backups");
    std::fs::create_dir(&backups).unwrap();
    let file = backups.join("night.backup");

    server.set("SAYSO_PG_BIN", text(&bin));
    let told = server.fails(&["backup", text(&file)]).await;
    let left = std::fs::read_dir(&backups).unwrap().count();
    server.unset("SAYSO_PG_BIN");
    server.run(&["backup", text(&file)], "").await;

    assert!(told.contains("pg_restore failed: ") && told.contains("makes no sense"), "{told}");
    assert_eq!(left, 0, "something was left behind");
}

/// What anybody has who has no Sayso: tar, cat, pg_restore.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_can_be_opened_without_sayso() {
    let postgres = TestPostgres::bare(&[]).await;
    let (company, file) = backed_up(&postgres).await;
    let folder = company.server.folder().join("open");
    std::fs::create_dir(&folder).unwrap();

    let script = format!("tar xf {} && cat database.dump.* | pg_restore --list", file.display());
    let output = Command::new("bash").args(["-c", &script]).current_dir(&folder).output().unwrap();

    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(listed.contains("TABLE DATA public messages"), "{listed}");
    let about = std::fs::read_to_string(folder.join("about.json")).unwrap();
    let about: Value = serde_json::from_str(&about).unwrap();
    assert_eq!(about["hasRootKey"], false);
    let tables = about["contents"]["tables"].as_array().unwrap();
    let people = tables.iter().find(|table| table["name"] == "users").unwrap();
    assert_eq!(people["rows"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_asks_for_what_makes_it_worth_having() {
    let server = Process::idle(ProcessSetup::managed());
    let file = server.folder().join("b");

    let nothing = server.fails(&["backup", text(&file)]).await;
    let open_key = server.fails(&["backup", "--with-key", text(&file)]).await;
    let weak = server.folder().join("pass");
    std::fs::write(&weak, "short").unwrap();
    let weak = server.fails(&["backup", "--passphrase-file", text(&weak), text(&file)]).await;

    assert!(nothing.contains("there is nothing to back up"), "{nothing}");
    assert!(open_key.contains("--with-key needs a passphrase"), "{open_key}");
    assert!(weak.contains("12 characters or more"), "{weak}");
    assert!(!file.exists() && !server.data_dir().exists(), "nothing was made");
}
