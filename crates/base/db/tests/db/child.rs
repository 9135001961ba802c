//! A process that migrates and dies where it is told to.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use sayso_config::process_environment;
use sayso_db::migrate::Back;
use sayso_testkit::{TestDatabase, until};
use tokio_postgres::Client;

use crate::sets;

const SET: &str = "SAYSO_TEST_MIGRATE_SET";
const WAY: &str = "SAYSO_TEST_MIGRATE_WAY";
const URL: &str = "SAYSO_TEST_MIGRATE_URL";
const DIES_AT: &str = "SAYSO_TEST_MIGRATE_DIES_AT";

/// Sessions of the owner.
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'sayso_owner'";

/// Runs this test binary again. It dies as by `kill -9` when it comes to
/// `dies_at`, or does all of its work.
pub fn start(database: &TestDatabase, set: &str, way: &str, dies_at: &str) -> Child {
    Command::new(std::env::current_exe().expect("a test knows where it is"))
        .args(["--exact", "child::a_process_that_dies_where_it_is_told_to", "--nocapture"])
        .env(SET, set)
        .env(WAY, way)
        .env(URL, database.owner_url())
        .env(DIES_AT, dies_at)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test binary runs")
}

/// The places it came by, and whether it lived to the end.
pub async fn places(child: Child) -> (Vec<String>, bool) {
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = waiting.await.unwrap().expect("a child can be waited for");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let places = said.lines().filter_map(|line| line.strip_prefix("at ").map(str::to_owned));
    (places.collect(), output.status.success())
}

/// Waits until the server has noticed that nobody is there any more but who
/// asks, a superuser.
pub async fn until_forgotten(watch: &Client) {
    until("the server to give up on the dead", Duration::from_secs(20), async || {
        let row = watch.query_one(OTHERS, &[]).await.unwrap();
        (row.get::<_, i64>(0) == 0).then_some(())
    })
    .await;
}

fn come_by(place: &str) {
    static DIES_HERE: OnceLock<Option<String>> = OnceLock::new();
    let dies_here = DIES_HERE.get_or_init(|| setting(DIES_AT));
    // One write, so that the line is whole when the next thing is death.
    let _ = std::io::stdout().write_all(format!("\nat {place}\n").as_bytes());
    let _ = std::io::stdout().flush();
    if dies_here.as_deref() == Some(place) {
        let _ = kill(getpid(), Signal::SIGKILL);
    }
}

fn setting(name: &str) -> Option<String> {
    process_environment().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Does nothing in an ordinary run.
#[tokio::test]
async fn a_process_that_dies_where_it_is_told_to() {
    let Some(set) = setting(SET) else { return };
    let owner = setting(URL).unwrap().parse().unwrap();
    let mut migrator = sets::named(&set);
    migrator.fail_point = come_by;

    match setting(WAY).as_deref() {
        Some("up") => drop(migrator.up(&owner, Some("sayso_app")).await.unwrap()),
        _ => drop(migrator.rollback(&owner, Back::To(0)).await.unwrap()),
    }
}
