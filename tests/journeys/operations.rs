//! `docs/operations.md` as whoever runs Sayso: every shell block of it is run,
//! in one shell and in its order, on paths and a port of the test.

use std::process::{Command, Stdio};

use sayso_testkit::{Process, ProcessSetup, TestFolder};

use crate::golden::root;
use crate::tutorial::{blocks, script};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_handbook_works() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (script, due) = script(&blocks(&page));
    assert!(due.len() >= 9, "the page has {} blocks", due.len());
    let folder = TestFolder::new();
    let here = folder.path();
    for below in ["bin", "lib", "log", "etc", "backups"] {
        std::fs::create_dir(here.join(below)).unwrap();
    }
    std::os::unix::fs::symlink(Process::program(), here.join("bin/sayso")).unwrap();
    let server = Process::idle(ProcessSetup::managed());
    let address = server.url().replace("http://", "");
    let place = |name: &str| here.join(name).display().to_string();
    let script = script
        .replace("/var/lib/", &place("lib/"))
        .replace("/var/log/", &place("log/"))
        .replace("/etc/sayso/", &place("etc/"))
        .replace("/backups/", &place("backups/"))
        .replace("127.0.0.1:8080", &address);
    // Whatever fails, no server is left behind.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n{script}");

    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", place("bin"));
    let output = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .envs([("PATH", path.as_str()), ("HOME", here.to_str().unwrap())])
        .envs([("SAYSO_HTTP__LISTEN", address.as_str()), ("SAYSO_AUTH__BCRYPT_COST", "4")])
        .stdin(Stdio::null())
        .output()
        .unwrap();

    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    let log = std::fs::read_to_string(here.join("log/sayso.log")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{out}\n{err}\n{log}", output.status);
    for told in ["it is whole: ", "all sessions are ended", "the audit holds", "user.created\n"] {
        assert!(out.contains(told), "{told:?} is not in\n{out}");
    }
    assert!(log.contains("the settings were read anew"), "{log}");
}
