//! `docs/operations.md` as whoever runs Sayso: every shell block of it is run,
//! in one shell and in its order, on paths and a port of the test, and answers
//! what the page says of it.

use std::process::{Command, Stdio};

use sayso_testkit::{Process, ProcessSetup, TestFolder};

use crate::golden::root;
use crate::tutorial::{Block, blocks, script};

/// What the file of the service says here.
const OF_THE_SERVICE: &str = "SAYSO_DATABASE__SLOW_STATEMENT_MS='200'\n";

/// Words of a block, and what it is to answer.
const PROMISED: [(&str, &str); 12] = [
    ("sayso user create", "the settings can be used: "),
    ("sayso.env", "200 (from SAYSO_DATABASE__SLOW_STATEMENT_MS)\n"),
    ("sayso_owner", "the settings can be used: "),
    ("sayso config schema", "true\n"),
    ("keys rotate", " signs from "),
    ("keys rotate", "0 sealed anew, 0 under the present key already\n"),
    ("/health/ready | jq", "ready\ntrue\n"),
    ("events tail", "user.created\n"),
    ("audit verify", "the audit holds: "),
    ("openssl rand -hex 32 >/etc/sayso/backup.pass", "it is whole: "),
    ("/var/lib/sayso-restored", "all sessions are ended"),
    ("sayso migrate up", "nothing to apply: the schema is up to date\n"),
];

fn page() -> Vec<Block> {
    blocks(&std::fs::read_to_string(root().join("docs/operations.md")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_handbook_works_and_answers_what_it_says() {
    let page = page();
    let (script, due) = script(&page);
    assert!(due.len() >= 14, "the page has {} blocks", due.len());
    let folder = TestFolder::new();
    let here = folder.path();
    for below in ["bin", "lib", "log", "etc", "backups"] {
        std::fs::create_dir(here.join(below)).unwrap();
    }
    std::fs::write(here.join("etc/sayso.env"), OF_THE_SERVICE).unwrap();
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
    let run = page.iter().filter(|block| block.language == "sh");
    let answers: Vec<(&Block, &str)> = run.zip(out.split("--- end\n")).collect();
    for (words, told) in PROMISED {
        let of = answers.iter().find(|(block, _)| block.text.contains(words));
        let (_, answer) = of.unwrap_or_else(|| panic!("no block says {words:?}"));
        assert!(answer.contains(told), "{words:?} is not answered {told:?} but\n{answer}");
    }
    assert!(log.contains("the settings were read anew"), "{log}");
}

/// So that nobody marks as text what could be run.
#[test]
fn what_the_handbook_shows_and_nobody_runs_is_a_result_or_needs_docker() {
    for Block { text, .. } in page().iter().filter(|block| block.language != "sh") {
        let is_result = text.contains("confirmed");
        let needs_docker = text.contains("docker compose") || text.contains("docker run");
        assert!(is_result || needs_docker, "{text}");
    }
}
