//! Root keys that were, and what a backup and a restore say of them.

use sayso_testkit::{Client, Process, ProcessSetup, TestPostgres};

use crate::backup::{text, with_own_key};
use crate::company::{Company, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_that_were_the_root_key_come_along_with_it_and_whoever_needs_them_comes_in() {
    let mut company = Company::found(with_own_key(ProcessSetup::managed())).await;
    let first = std::fs::read_to_string(company.server.data_dir().join("secret.key")).unwrap();
    company.server.stop().await;
    company.server.set("SAYSO_SECRETS__ROOT_KEY", &"42".repeat(32));
    company.server.set("SAYSO_SECRETS__PREVIOUS_ROOT_KEYS", first.trim());
    let file = company.server.folder().join("company.backup");
    let pass = company.server.folder().join("pass");
    std::fs::write(&pass, "correct horse battery\n").unwrap();
    let opened = ["--passphrase-file", text(&pass), text(&file)];
    let told = company.server.run(&[&["backup", "--with-key"], &opened[..]].concat(), "").await;

    let mut elsewhere = Process::idle(with_own_key(ProcessSetup::managed()));
    let checked = elsewhere.run(&[&["restore", "--check"], &opened[..]].concat(), "").await;
    let restored = elsewhere.run(&[&["restore"], &opened[..]].concat(), "").await;
    elsewhere.restart().await;

    assert!(told.contains("its root key is in it, and those before it ("), "{told}");
    assert!(checked.contains("with its root key and those before it ("), "{checked}");
    let kept = elsewhere.data_dir().join("previous.keys");
    assert!(restored.contains(&format!("are kept in {}", kept.display())), "{restored}");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), first);
    // Her password was hashed under the key that was.
    Client::login(&elsewhere.url(), "ann@example.com", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_names_the_keys_that_were_the_root_key_and_are_not_here() {
    let postgres = TestPostgres::bare(&[]).await;
    let mut company = Company::found(ProcessSetup::on_server(&postgres)).await;
    let previous = "SAYSO_SECRETS__PREVIOUS_ROOT_KEYS";
    company.server.set(previous, &"42".repeat(32));
    let file = company.server.folder().join("company.backup");
    let told = company.server.run(&["backup", text(&file)], "").await;
    company.server.unset(previous);
    company.server.stop().await;

    let restored = company.server.run(&["restore", "--force", text(&file)], "").await;

    assert!(told.contains(") are NOT in it: keep them as well"), "{told}");
    assert!(restored.contains(") are neither in the backup nor here: give them in"), "{restored}");
    assert!(restored.contains(previous), "{restored}");
    assert!(!company.server.data_dir().join("previous.keys").exists(), "there was none to keep");
}
