//! Settings as an operator meets them: checked, shown, read anew.

use std::process::Command;
use std::time::Duration;

use sayso_testkit::{Process, ProcessSetup, TestDatabase, until};
use serde_json::Value;

/// How long a signal may take to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_are_told_at_once_and_what_is_in_force_with_who_said_it() {
    let mut server =
        Process::idle(ProcessSetup::managed().env("DATABASE_URL", "postgres://u:pw@h/d"));

    let fine = server.run(&["config", "check"], "").await;
    let shown = server.run(&["config", "print", "--set", "log.filter=debug"], "").await;
    let schema = server.run(&["config", "schema"], "").await;
    server.set("SAYSO_HTTP__LISTEN", "nowhere");
    server.set("SAYSO_HTTP__LISTEM", "127.0.0.1:1");
    let wrong = server.fails(&["config", "check"]).await;

    assert!(fine.starts_with("the settings can be used: "), "{fine}");
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("database.url ").ends_with("[secret] (from DATABASE_URL)"), "{shown}");
    assert!(line("log.filter").ends_with("debug (from the command line)"), "{shown}");
    assert!(line("http.drain_ms").ends_with("0 (from SAYSO_HTTP__DRAIN_MS)"), "{shown}");
    assert!(line("events.poll_ms").ends_with("250 (default)"), "{shown}");
    assert!(!shown.contains("pw@h"), "{shown}");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["http"]["additionalProperties"], false);
    for part in ["http.listen: must be an address", "http.listem: no such setting"] {
        assert!(wrong.contains(part), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_none_cannot_be_read_and_one_that_is_unknown_is_refused() {
    let server = Process::idle(ProcessSetup::managed());

    let (unreadable, _, told) = server.ran(&["config", "check", "--set", "http"], "").await;
    let (unknown, _, named) = server.ran(&["config", "check", "--set", "http.a=1"], "").await;

    assert_eq!((unreadable.code(), unknown.code()), (Some(2), Some(1)), "{told}{named}");
    assert!(told.contains("section.key=value"), "{told}");
    assert!(named.contains("http.a: no such setting"), "{named}");
}

#[test]
fn whoever_reads_an_answer_in_part_is_told_nothing_of_the_rest() {
    let read_in_part = format!("{} openapi | head -c 1", Process::program().display());

    let shell = Command::new("bash").args(["-o", "pipefail", "-c", &read_in_part]).output();

    let shell = shell.unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stderr), "");
    assert!(shell.status.success() && shell.stdout == b"{", "{shell:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_up_the_log_filter_at_sighup_and_names_what_needs_a_restart() {
    let database = TestDatabase::new().await;
    let folder = sayso_testkit::TestFolder::new();
    let file = folder.path().join("sayso.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[log]\nfilter = \"warn\"\n");
    let setup = ProcessSetup::on(&database).args(&["--config", file.to_str().unwrap()]);
    let mut server = Process::start(setup).await;
    let hangup = async |server: &Process, words: &str| {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(server.pid().unwrap()),
            nix::sys::signal::Signal::SIGHUP,
        )
        .unwrap();
        until(words, HEARD_WITHIN, async || server.log().contains(words).then_some(())).await;
    };

    write("[log]\nfilter = \"debug\"\n[trash]\nkeep_days = 7\n");
    hangup(&server, "these need a restart: trash.keep_days").await;
    sayso_testkit::Client::anonymous(&server.url()).get("/health/live").await.expect(200);
    until("a line of debug", HEARD_WITHIN, async || server.log().contains("DEBUG").then_some(()))
        .await;
    write("[log]\nfilter = \"debug\"\ncolour = 1\n");
    hangup(&server, "log.colour: no such setting").await;

    assert_eq!(server.exited(), None, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_refuses_the_demo_and_what_everybody_knows() {
    let setup = ProcessSetup::managed().env("SAYSO_DEPLOYMENT__PRODUCTION", "true");
    let server = Process::idle(setup.env("DATABASE_URL", "postgres://sayso:sayso@h/sayso"));

    let weak = server.fails(&["serve"]).await;
    let safe: Vec<String> = [
        "database.url=postgres://u:9f86d081884c7d659a2feaa0c55ad015@127.0.0.1:1/d",
        "secrets.root_key=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "limits.enabled=true",
        "auth.bcrypt_cost=12",
    ]
    .iter()
    .map(|pair| format!("--set={pair}"))
    .collect();
    let safe: Vec<&str> = safe.iter().map(String::as_str).collect();
    let demo = server.fails(&[&["serve", "--demo"], &safe[..]].concat()).await;

    for key in ["database.url: ", "secrets.root_key: ", "limits.enabled: ", "auth.bcrypt_cost: "] {
        assert!(weak.contains(key), "{key} is missing in\n{weak}");
    }
    assert!(demo.contains("--demo is for trials"), "{demo}");
}
