//! Somebody who reads through every outage, and asks again until they are
//! answered.

use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_testkit::{Client, read};
use tokio::sync::watch;
use tokio::time::sleep;

use super::storm::Channels;
use super::writer::{LAST_ANSWERS, PATIENCE, is_excused};

/// One reader.
pub struct Reader {
    person: Client,
    /// What it reads, in turn.
    paths: Vec<String>,
    pause: Duration,
}

/// What a reader remembers.
#[derive(Debug, Default)]
pub struct Reads {
    pub answered: usize,
    /// How often it was asked for patience, or got no answer at all.
    pub repeated: usize,
    /// What failed for good, in words.
    pub failed: Vec<String>,
}

impl Reader {
    /// Somebody who reads whatever they may.
    pub fn new((person, channels): (&Client, &Channels), pause: Duration) -> Self {
        let mut paths = vec!["/api/channels".to_owned(), "/api/tasks".to_owned()];
        let messages = |channel: String| format!("/api/channels/{channel}/messages?limit=20");
        paths.extend(channels.of(person).into_iter().map(messages));
        Self { person: person.clone(), paths, pause }
    }

    /// Reads until an end that may come sooner than it was said.
    pub async fn run_until(self, ends: watch::Receiver<Instant>) -> Reads {
        let mut reads = Reads::default();
        for path in self.paths.iter().cycle() {
            if Instant::now() >= *ends.borrow() {
                break;
            }
            self.ask(path, &mut reads).await;
            sleep(self.pause).await;
        }
        reads
    }

    async fn ask(&self, path: &str, reads: &mut Reads) {
        let given_up = Instant::now() + LAST_ANSWERS;
        while Instant::now() < given_up {
            match read(self.person.request(Method::GET, path)).await {
                Ok(reply) if reply.status.is_success() => {
                    reads.answered += 1;
                    return;
                }
                Ok(reply) if !is_excused(&reply) => {
                    reads.failed.push(format!("{path}: {} {}", reply.status, reply.text));
                    return;
                }
                _ => reads.repeated += 1,
            }
            sleep(PATIENCE).await;
        }
        reads.failed.push(format!("{path}: no answer in {LAST_ANSWERS:?}"));
    }
}

impl Reads {
    pub fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.repeated += other.repeated;
        self.failed.extend(other.failed);
    }
}
