//! examples/client is run as its first lines say.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sayso_testkit::{ProcessSetup, TestDatabase, until};
use serde_json::json;
use std::sync::Mutex;

use crate::company::{Company, PASSWORD, open_channel};

const SOON: Duration = Duration::from_secs(30);

/// The example, and what it has printed.
struct Example {
    child: Child,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Example {
    fn start(url: &str, email: &str, channel: &str) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/client"));
        let mut child = Command::new("node")
            .args(["client.mjs", url, email, channel])
            .current_dir(folder)
            .env("SAYSO_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = Arc::<Mutex<Vec<String>>>::default();
        let (lines, all) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&printed));
        std::thread::spawn(move || {
            lines.lines().map_while(Result::ok).for_each(|line| all.lock().unwrap().push(line));
        });
        Self { child, printed }
    }

    fn count(&self, part: &str) -> usize {
        self.printed.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }

    async fn until_printed(&self, part: &str, times: usize) {
        until(part, SOON, async || (self.count(part) == times).then_some(())).await;
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_shows_what_happens_says_what_is_typed_and_misses_nothing() {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database)).await;
    let channel = open_channel(&company.ceo, "launch", &[&company.ann]).await;
    let mut example = Example::start(&company.server.url(), "ann@example.com", "launch");
    let path = format!("/api/channels/{channel}/messages");
    let say = async |company: &Company, content: &str| {
        company.ceo.post(&path, json!({ "content": content })).await.expect(201);
    };

    example.until_printed("(live)", 1).await;
    say(&company, "We launch on Friday.").await;
    example.until_printed("message.sent We launch on Friday.", 1).await;
    example.say("I am in.");
    example.until_printed("message.sent I am in.", 1).await;
    company.server.kill9();
    example.until_printed("(away", 1).await;
    // Kept by the client until there is a line again.
    example.say("Still here.");
    company.server.restart().await;
    say(&company, "While you were away.").await;

    example.until_printed("message.sent While you were away.", 1).await;
    example.until_printed("message.sent Still here.", 1).await;
    assert_eq!(example.count("message.sent"), 4);
    let stored = company.ceo.get(&path).await.expect(200);
    assert_eq!(stored["items"].as_array().unwrap().len(), 4);
}
