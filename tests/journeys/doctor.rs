//! `sayso doctor` says of each thing that is wrong that it is, and what to do.

use std::os::unix::fs::PermissionsExt;

use sayso_testkit::{Process, ProcessSetup, TestPostgres};
use serde_json::Value;

use crate::company::Company;

/// What it found: by check, the level and the words.
pub async fn examine(server: &Process) -> (bool, Vec<(String, String, String)>) {
    let (status, out, err) = server.ran(&["doctor", "--json"], "").await;
    let all: Value =
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let found = all.as_array().unwrap().iter().map(|one| {
        let is_ok = one["level"] == "ok";
        assert_eq!(one["advice"].is_null(), is_ok, "{one}");
        (text(one, "check"), text(one, "level"), text(one, "found"))
    });
    let found: Vec<_> = found.collect();
    let failed = |one: &&(String, String, String)| one.1 == "fail";
    let is_failed = found.iter().any(|one| failed(&one));
    assert_eq!(status.code(), Some(i32::from(is_failed)), "{out}");
    // How full the disk is here is not for the test to say.
    let is_well = !found.iter().filter(|one| one.0 != "disk").any(|one| failed(&one));
    (is_well, found)
}

#[track_caller]
pub fn assert_found(all: &[(String, String, String)], check: &str, level: &str, words: &str) {
    let is_it =
        |(a, b, c): &&(String, String, String)| a == check && b == level && c.contains(words);
    assert!(all.iter().any(|one| is_it(&one)), "{check} {level} {words:?} is not in\n{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_is_found_healthy_while_it_runs_and_when_it_does_not() {
    let mut company = Company::found(ProcessSetup::managed()).await;

    let (is_well, running) = examine(&company.server).await;
    company.server.stop().await;
    let (is_well_too, stopped) = examine(&company.server).await;

    assert!(is_well && is_well_too, "{running:#?}\n{stopped:#?}");
    assert_found(&running, "log", "ok", "led by a running Sayso");
    assert_found(&stopped, "log", "ok", "no Sayso runs");
    for all in [&running, &stopped] {
        for check in ["database", "clocks", "durability", "schema", "root key fits"] {
            assert_found(all, check, "ok", "");
        }
        assert_found(all, "rate limits", "warn", "off");
        assert_found(all, "backups", "ok", "pg_dump and pg_restore of PostgreSQL");
        assert_found(all, "followers", "ok", "notifications is");
    }
    let (_, text, _) = company.server.ran(&["doctor"], "").await;
    assert!(text.lines().any(|line| line.starts_with("ok    schema")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_open_or_another_is_found() {
    let mut company =
        Company::found(ProcessSetup::managed().env("SAYSO_SECRETS__ROOT_KEY", "")).await;
    let server = &mut company.server;
    let key = server.data_dir().join("secret.key");

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, open) = examine(server).await;
    server.set("SAYSO_SECRETS__ROOT_KEY", &"42".repeat(32));
    let (_, other) = examine(server).await;
    server.set("SAYSO_SECRETS__ROOT_KEY", "");
    std::fs::write(&key, "short\n").unwrap();
    let (_, damaged) = examine(server).await;
    std::fs::remove_file(&key).unwrap();
    let (_, missing) = examine(server).await;

    assert_found(&open, "root key", "fail", "others may read");
    assert_found(&other, "root key fits", "fail", "another key");
    assert_found(&damaged, "root key", "fail", "64 hexadecimal digits");
    assert_found(&missing, "root key", "fail", "neither secrets.root_key nor");
    assert!(!key.exists(), "it made no key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_database_is_found() {
    let mut postgres = TestPostgres::bare(&["fsync=off"]).await;
    let setup = ProcessSetup::on_server(&postgres);
    let setup = setup.env("SAYSO_DATABASE__REFUSE_UNSAFE", "false");
    // Where no programs of PostgreSQL are: its server is another's.
    let setup = setup.env("SAYSO_PG_BIN", "/nowhere");
    let company = Company::found(setup.env("REDIS_URL", "redis://127.0.0.1:1/")).await;
    let server = &company.server;
    let superuser = postgres.superuser().await;
    let dead = "INSERT INTO outbox_dead VALUES (1, 1, now(), 'too large', '{}');
                INSERT INTO schema_migrations (version, name, checksum) VALUES (999, 'next', '')";
    let tidy = "DELETE FROM schema_migrations WHERE version = 999;
                DELETE FROM schema_migrations
                WHERE version = (SELECT max(version) FROM schema_migrations)";

    let (_, first) = examine(server).await;
    superuser.batch_execute(dead).await.unwrap();
    let (_, newer) = examine(server).await;
    superuser.batch_execute(tidy).await.unwrap();
    let (_, older) = examine(server).await;
    drop(superuser);
    postgres.kill9().await;
    let (_, away) = examine(server).await;

    assert_found(&first, "durability", "fail", "fsync=off");
    assert_found(&first, "redis", "warn", "does not answer");
    assert_found(&first, "backups", "warn", "no pg_dump of PostgreSQL");
    assert_found(&newer, "schema", "fail", "1 migrations of a newer Sayso");
    assert_found(&older, "schema", "warn", "1 migrations are missing");
    assert_found(&older, "dead facts", "fail", "1 facts");
    assert_found(&away, "database", "fail", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_postgresql_an_empty_one_and_settings_that_are_wrong_are_found() {
    let mut server = Process::idle(ProcessSetup::managed());

    let (_, empty) = examine(&server).await;
    let cluster = server.data_dir().join("postgres");
    std::fs::create_dir_all(&cluster).unwrap();
    std::fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    if nix::unistd::Uid::effective().is_root() {
        let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
        std::os::unix::fs::chown(&cluster, Some(user.uid.as_raw()), None).unwrap();
    }
    let (_, other) = examine(&server).await;
    server.set("SAYSO_HTTP__LISTEN", "nowhere");
    let (_, wrong) = examine(&server).await;

    assert_found(&empty, "database", "warn", "none in");
    assert_found(&other, "database", "fail", "was written by PostgreSQL 9");
    assert_found(&wrong, "settings", "fail", "http.listen: must be an address");
    assert_eq!(wrong.len(), 1);
}
