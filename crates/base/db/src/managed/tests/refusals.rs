//! What a managed server refuses, and in what words.

use std::fs;
use std::os::unix::fs::DirBuilderExt;

use nix::unistd::Uid;
use sayso_kernel::Random;

use super::Folder;
use crate::managed::{Managed, ManagedOptions};

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_what_to_install() {
    let folder = Folder::new();
    fs::create_dir_all(folder.cluster()).expect("a cluster");
    if Uid::effective().is_root() {
        let user = nix::unistd::User::from_name("postgres").ok().flatten().expect("the user");
        std::os::unix::fs::chown(folder.cluster(), Some(user.uid.as_raw()), None).expect("given");
    }
    fs::write(folder.cluster().join("PG_VERSION"), "9\n").expect("a version");

    let line = folder.refusal().await;

    assert!(line.contains("was written by PostgreSQL 9, and only "), "{line}");
    assert!(line.contains("apt install postgresql-9"), "{line}");
    let version = fs::read_to_string(folder.cluster().join("PG_VERSION")).expect("untouched");
    assert_eq!(version, "9\n");
}

#[tokio::test]
async fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = Folder::new();
    fs::create_dir_all(folder.cluster()).expect("a folder");
    fs::write(folder.cluster().join("diary"), "mine").expect("a file");

    let line = folder.refusal().await;

    let told = line.contains("is not a PostgreSQL data folder") || line.contains("belongs to user");
    assert!(told, "{line}");
    assert!(folder.cluster().join("diary").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_passed_is_named_to_root_and_no_matter_to_others() {
    let folder = Folder::new();
    let closed = folder.0.join("closed");
    fs::DirBuilder::new().mode(0o700).create(&closed).expect("a closed folder");
    let options = ManagedOptions { data_dir: closed.join("data"), pg_bin: None };

    match Managed::start(options, &Random::from_os()).await {
        Err(error) => {
            let expected = format!("user postgres cannot enter {}", closed.display());
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert!(Uid::effective().is_root());
        }
        Ok(managed) => {
            assert!(!Uid::effective().is_root());
            managed.shutdown().await;
        }
    }
}
