//! Somebody who writes through every outage, and remembers what was answered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_kernel::Random;
use sayso_testkit::{Client, Reply, read};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::judge::Acked;
use super::storm::Channels;

/// Pause after an answer that asks for patience, or none at all.
pub const PATIENCE: Duration = Duration::from_millis(50);
/// How long a writer goes on asking after the storm, and a reader at any time.
pub const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Every fifth write with a key is sent twice at once, and the first of each
/// writer, so that on a slow machine there is one as well.
const TWINS: u32 = 5;

/// One writer.
pub struct Writer {
    pub name: String,
    pub person: Client,
    /// Where it writes, in turn.
    pub channels: Vec<String>,
    /// Whether a write has an `Idempotency-Key`. Without one it is sent once:
    /// nobody knows what became of it where no answer comes.
    pub has_keys: bool,
    /// Pause between two writes.
    pub pause: Duration,
    pub random: Random,
}

/// What a writer remembers.
#[derive(Debug, Default)]
pub struct Memory {
    pub acked: Vec<Acked>,
    pub unanswered: HashSet<String>,
    pub wrong: Vec<String>,
    /// How often it was asked for patience, or got no answer at all.
    pub patience: usize,
    /// The longest that one request took.
    pub slowest: Duration,
}

impl Writer {
    /// The writer with this number: somebody who writes wherever they are.
    pub fn new(
        turn: usize,
        (person, channels): (&Client, &Channels),
        (has_keys, pause): (bool, Duration),
        random: &Random,
    ) -> Self {
        let (name, channels) = (format!("writer-{turn}"), channels.of(person));
        Self { name, person: person.clone(), channels, has_keys, pause, random: random.clone() }
    }

    /// Writes until `end`, each write under a key of its own and again and
    /// again until it is answered, or each once and without a key.
    pub async fn run(self, end: Instant) -> Memory {
        self.run_until(watch::Sender::new(end).subscribe()).await
    }

    /// The same until an end that may come sooner than it was said.
    pub async fn run_until(self, ends: watch::Receiver<Instant>) -> Memory {
        let writer = Arc::new(self);
        let mut memory = Memory::default();
        let mut number = 0;
        while Instant::now() < *ends.borrow() {
            let end = *ends.borrow();
            number += 1;
            // What it says is its key as well.
            let content = format!("{}-{number}", writer.name);
            let channel = &writer.channels[number % writer.channels.len()];
            let path = format!("/api/channels/{channel}/messages");
            let asking = |content: String| {
                let (writer, path) = (Arc::clone(&writer), path.clone());
                tokio::spawn(async move { writer.ask(&path, &content, end + LAST_ANSWERS).await })
            };
            let mut answers = vec![asking(content.clone())];
            let is_twin = number == 1 || writer.random.below(TWINS) == 0;
            if writer.has_keys && is_twin {
                answers.push(asking(content.clone()));
            }
            for answer in answers {
                memory.remember(&content, answer.await.unwrap());
            }
            sleep(writer.pause).await;
        }
        memory
    }

    /// Sends one write until it is answered for good, or once.
    async fn ask(&self, path: &str, content: &str, end: Instant) -> Answer {
        let body = json!({ "content": content });
        let mut answer = Answer::default();
        while Instant::now() < end {
            let asked = Instant::now();
            let reply = self.send(path, &body, content).await;
            answer.slowest = answer.slowest.max(asked.elapsed());
            if let Some(reply) = reply {
                if reply.status.as_u16() == 201 {
                    answer.id = reply.body["id"].as_str().and_then(|id| id.parse().ok());
                    return answer;
                }
                if !is_excused(&reply) {
                    answer.wrong = Some(format!("{} {}", reply.status, reply.text));
                    return answer;
                }
                answer.twins += usize::from(reply.status.as_u16() == 409);
            }
            answer.patience += 1;
            if !self.has_keys {
                break;
            }
            sleep(PATIENCE).await;
        }
        answer
    }

    async fn send(&self, path: &str, body: &Value, key: &str) -> Option<Reply> {
        if self.has_keys {
            return self.person.post_once(path, body, key).await;
        }
        read(self.person.request(Method::POST, path).json(body)).await.ok()
    }
}

#[derive(Default)]
struct Answer {
    id: Option<Uuid>,
    wrong: Option<String>,
    patience: usize,
    /// How often because the twin was still being answered.
    twins: usize,
    slowest: Duration,
}

impl Memory {
    fn remember(&mut self, content: &str, answer: Answer) {
        self.patience += answer.patience - answer.twins;
        self.slowest = self.slowest.max(answer.slowest);
        self.wrong.extend(answer.wrong);
        match answer.id {
            Some(id) => self.acked.push(Acked { content: content.to_owned(), id }),
            None => {
                self.unanswered.insert(content.to_owned());
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.acked.extend(other.acked);
        self.unanswered.extend(other.unanswered);
        self.wrong.extend(other.wrong);
        self.patience += other.patience;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// During an outage only "try again" may be answered, and it says when.
pub fn is_excused(reply: &Reply) -> bool {
    let is_away = reply.status.as_u16() == 503;
    let is_twin = reply.code() == "idempotency.in_progress";
    reply.header("retry-after").is_some() && (is_away || is_twin)
}
