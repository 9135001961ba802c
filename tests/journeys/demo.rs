//! `serve --demo` on a PostgreSQL of Sayso's own, as whoever looks for the first
//! time meets it: what it prints works when it is pasted.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sayso_testkit::{Client, Process, ProcessSetup, TestFolder, until};
use serde_json::{Value, json};

use crate::faults::pid_below;
use crate::golden::root;

const SOON: Duration = Duration::from_secs(30);
/// A start that has nothing to make. On a machine with nothing else to do it
/// takes a fraction of a second.
const STARTED_WITHIN: Duration = Duration::from_secs(10);
/// Ends what is to be pasted, and all that is printed.
const LAST_LINE: &str = "node live.mjs\n";

/// A demo company, and what was printed when it began.
pub struct Demo {
    pub server: Process,
    greeting: String,
}

impl Demo {
    pub async fn start() -> Self {
        let server = Process::start(ProcessSetup::managed().serving(&["--demo"])).await;
        let greeting = until("what is printed", SOON, async || {
            let log = server.log();
            let (_, greeting) = log.split_once("Sayso is running at")?;
            let (greeting, _) = greeting.split_once(LAST_LINE)?;
            Some(format!("{greeting}{LAST_LINE}"))
        })
        .await;
        Self { server, greeting }
    }

    /// What is printed, from the address on.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// E-mail and password of all who were let in.
    pub fn logins(&self) -> Vec<(String, String)> {
        let lines = self.greeting.lines().filter(|line| line.contains("@demo.example "));
        let login = |line: &str| {
            let mut words = line.split_whitespace().rev().map(str::to_owned);
            let (password, email) = (words.next()?, words.next()?);
            Some((email, password))
        };
        lines.filter_map(login).collect()
    }

    /// The piece that is to be pasted and has `words` in it.
    fn snippet(&self, words: &str) -> &str {
        let mut pieces = self.greeting.split("\n\n");
        pieces.find(|piece| piece.contains(words)).expect("it is printed")
    }
}

/// Where `npm install` has put the official client, in its tested version.
pub fn node_modules() -> PathBuf {
    root().join("tests/clients/js/node_modules")
}

/// A program that listens until it is no longer needed, and what it prints.
pub struct Listener {
    child: Child,
    printed: PathBuf,
}

impl Listener {
    /// A script that ends by becoming the program, run in `folder`.
    pub fn start(script: &str, folder: &Path, env: &[(&str, &str)]) -> Self {
        let printed = folder.join("printed");
        let file = File::create(&printed).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(folder).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.process_group(0).spawn().unwrap();
        Self { child, printed }
    }

    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap()
    }

    pub async fn until_printed(&self, words: &str) {
        until(words, SOON, async || self.printed().contains(words).then_some(())).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let group = Pid::from_raw(-i32::try_from(self.child.id()).unwrap());
        let _may_be_gone = kill(group, Signal::SIGKILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the listener printed:\n{}\n---", self.printed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_prints_lets_people_in_and_works_when_it_is_pasted() {
    let demo = Demo::start().await;
    let url = demo.server.url();

    let logins = demo.logins();
    assert_eq!(logins.len(), 5, "{logins:?}");
    let mut people = Vec::new();
    for (email, password) in &logins {
        people.push(Client::login(&url, email, password).await);
    }
    let asked = Command::new("bash").args(["-c", demo.snippet("curl -s")]).output().unwrap();
    let answer: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert!(!answer["items"].as_array().unwrap().is_empty(), "{answer}");

    let folder = TestFolder::new();
    let link = format!("ln -sfn {} node_modules", node_modules().display());
    let here = folder.path().join("live").display().to_string();
    let snippet = demo.snippet("npm install");
    let snippet = replaced(snippet, "npm install --silent socket.io-client@4", &link);
    let snippet = replaced(&snippet, "/tmp/sayso-live", &here);
    let snippet = replaced(&snippet, LAST_LINE.trim_end(), "exec node live.mjs");
    let live = Listener::start(&snippet, folder.path(), &[]);
    live.until_printed("ready {").await;
    let body = json!({ "name": "launch-day", "kind": "public" });
    people[0].post("/api/channels", body).await.expect(201);
    live.until_printed("channel.created {").await;
    assert!(!live.printed().contains("refused"), "{}", live.printed());
}

/// `text` with `to` in the place of `from`, which must be there.
#[track_caller]
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    text.replace(from, to)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_is_started_again_without_passwords_alone_on_its_folder_and_ends_whole() {
    let mut demo = Demo::start().await;
    let data = demo.server.data_dir();
    let server = &mut demo.server;
    assert!(server.interrupt().await.success());
    let told = server.log().len();

    let started = Instant::now();
    server.restart().await;
    let took = started.elapsed();

    assert!(took < STARTED_WITHIN, "the second start took {took:?}");
    let again = until("the second greeting", SOON, async || {
        let log = server.log()[told..].to_owned();
        log.contains("Sayso is running at").then_some(log)
    })
    .await;
    assert!(!again.contains("passwords are shown"), "{again}");
    assert!(!again.contains("@demo.example"), "{again}");

    // Nobody else runs there meanwhile.
    let second = Process::idle(ProcessSetup::managed().data_dir(&data));
    let said = second.fails(&["serve", "--demo"]).await;
    let runs = format!("another Sayso (process {}) already runs on", server.pid().unwrap());
    assert!(said.contains(&runs), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    Client::anonymous(&server.url()).get("/health/ready").await.expect(200);

    let postmaster = Pid::from_raw(pid_below(&data).expect("PostgreSQL runs"));
    assert!(kill(postmaster, None).is_ok());
    assert!(server.interrupt().await.success());
    assert!(kill(postmaster, None).is_err(), "PostgreSQL outlives Sayso");
    assert_eq!(pid_below(&data), None, "postmaster.pid is left behind");
}
