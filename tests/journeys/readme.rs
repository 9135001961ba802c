//! `README.md` as whoever pastes it: every shell block of it is run, in its
//! order, at a demo company, and its program hears what happens over a restart.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase, TestFolder, until};
use serde_json::json;

use crate::demo::{Demo, Listener, node_modules, replaced};
use crate::golden::root;
use crate::tutorial::{Block, blocks, script};

const SOON: Duration = Duration::from_secs(30);
/// What is linked instead, in its tested version.
const INSTALL: &str = "npm install socket.io-client@4";

/// A server that is to run until it is ready, instead of for ever.
const SERVE: &str = "sayso --set http.listen=ADDRESS serve >>served 2>&1 &
until curl -sf http://ADDRESS/health/ready; do kill -0 $!; sleep 0.1; done
kill $!; wait $!";

/// Runs a script in `folder` with the environment of somebody who has just
/// built Sayso; answers what it printed.
fn pasted(script: &str, folder: &Path, password: &str) -> String {
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let output = Command::new("bash")
        .args(["-c", &replaced(&script, "PASSWORD", password)])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .env("CARGO_TARGET_DIR", folder)
        // As the server of the test has them.
        .env("SAYSO_AUTH__BCRYPT_COST", "4")
        .env("SAYSO_SECRETS__ROOT_KEY", "07".repeat(32))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    let served = std::fs::read_to_string(folder.join("served")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{out}\n{err}\n{served}", output.status);
    out.into_owned()
}

/// The first of the page's blocks is the conversation; the one that installs and
/// listens is run apart.
fn page() -> (Vec<Block>, Block, String) {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let page = blocks(&page);
    let program = page.iter().find(|block| block.language == "js").unwrap().text.clone();
    let shell = page.into_iter().filter(|block| block.language == "sh");
    let (listen, others): (Vec<_>, Vec<_>) =
        shell.partition(|block| block.text.contains("live.mjs"));
    let [listen] = listen.try_into().unwrap();
    assert!(others.len() >= 5, "{others:#?}");
    (others, listen, program)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_works_and_its_program_misses_nothing() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let mut demo = Demo::start().await;
    let (here, (shell, listen, program)) = (folder.path(), page());
    std::fs::create_dir(here.join("release")).unwrap();
    std::os::unix::fs::symlink(Process::program(), here.join("release/sayso")).unwrap();
    let (ada, password) = demo.logins().swap_remove(0);
    let data = demo.server.data_dir().display().to_string();
    let url = demo.server.url();
    let placed = |blocks: &[Block]| {
        let script = replaced(&script(blocks).0, "$(scripts/data-dir)", &data);
        replaced(&script, "http://127.0.0.1:8080", &url)
    };

    // The conversation, and then its token in another terminal.
    let conversation = placed(&shell[..1]) + "echo \"$TOKEN $CHANNEL\"\n";
    let said = pasted(&conversation, here, &password);
    for told in [r#""items":["#, "We launch on Friday.", "Order the cake"] {
        assert!(said.contains(told), "{told:?} is not in\n{said}");
    }
    let (token, channel) = said.lines().last().unwrap().split_once(' ').unwrap();
    let ceo = Client::login(&url, &ada, &password).await;
    let path = format!("/api/channels/{channel}/messages");
    let link = format!("ln -s {} node_modules", node_modules().display());
    let listening = replaced(&listen.text, INSTALL, &link);
    let listening = replaced(&listening, "node live.mjs", "exec node live.mjs");
    std::fs::write(here.join("live.mjs"), program).unwrap();
    let live = Listener::start(&listening, here, &[("SAYSO", &url), ("TOKEN", token)]);
    // It says nothing before it hears something.
    until("the program to hear", SOON, async || {
        ceo.post(&path, json!({ "content": "Are you there?" })).await.expect(201);
        live.printed().contains("Are you there?").then_some(())
    })
    .await;
    demo.server.stop().await;
    demo.server.restart().await;
    ceo.post(&path, json!({ "content": "It is back." })).await.expect(201);
    live.until_printed("It is back.").await;

    // Everything from the beginning, for a conversation may be had again.
    let address = Process::idle(ProcessSetup::managed()).url().replace("http://", "");
    let all = replaced(&placed(&shell), "sayso serve\n", &(SERVE.to_owned() + "\n"));
    let all = replaced(&all, "ADDRESS", &address);
    let all = replaced(&all, "/var/tmp/my-company", &here.join("company").display().to_string());
    let all = replaced(&all, "postgres://sayso:secret@db.internal/sayso", &database.owner_url());
    pasted(&all, here, &password);

    let served = std::fs::read_to_string(here.join("served")).unwrap();
    assert!(served.contains("This code lets the first person in"), "{served}");
    Client::login(&url, "you@example.com", "a long pass phrase").await;
    Client::login(&url, "ada@demo.example", "another pass phrase").await;
}

/// A text in which what is random, the passwords, is the same each time.
fn still(text: &str) -> String {
    let is_random = |word: &str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let lines = text.lines().map(|line| match line.rsplit_once(' ') {
        Some((start, end)) if is_random(end) => format!("{start} PASSWORD\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_the_terminal_is_what_the_terminal_shows() {
    let demo = Demo::start().await;
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, picture) = page.split_once("$ make run\n").unwrap();
    let (picture, _) = picture.split_once("```").unwrap();
    let (_, picture) = picture.split_once("Sayso is running at").unwrap();

    let shown = replaced(demo.greeting(), &demo.server.url(), "http://127.0.0.1:8080");

    assert!(picture.lines().count() > 5, "{picture}");
    assert!(still(&shown).starts_with(&still(picture)), "{picture}\n--- is not\n{shown}");
}
