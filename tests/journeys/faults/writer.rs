//! Somebody who writes through every outage, and remembers what was answered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::Random;
use sayso_testkit::{Client, Reply};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::judge::Acked;

/// Pause after an answer that asks for patience, or none at all.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a writer goes on asking after the storm.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Every tenth write is sent twice at once.
const TWINS: u32 = 10;

/// One writer.
pub struct Writer {
    pub name: String,
    pub person: Client,
    pub channel: String,
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
}

impl Writer {
    /// Writes until `end`, each write under a key of its own and again and
    /// again until it is answered.
    pub async fn run(self, end: Instant) -> Memory {
        let writer = Arc::new(self);
        let mut memory = Memory::default();
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            // What it says is its key as well.
            let content = format!("{}-{number}", writer.name);
            let asking = |content: String| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.ask(&content, end + LAST_ANSWERS).await })
            };
            let mut answers = vec![asking(content.clone())];
            if writer.random.below(TWINS) == 0 {
                answers.push(asking(content.clone()));
            }
            for answer in answers {
                memory.remember(&content, answer.await.unwrap());
            }
            sleep(writer.pause).await;
        }
        memory
    }

    /// Sends one write until it is answered for good.
    async fn ask(&self, content: &str, end: Instant) -> Answer {
        let path = format!("/api/channels/{}/messages", self.channel);
        let body = json!({ "content": content });
        while Instant::now() < end {
            if let Some(reply) = self.person.post_once(&path, &body, content).await {
                if reply.status.as_u16() == 201 {
                    let id = reply.body["id"].as_str().and_then(|id| id.parse().ok());
                    return Answer { id, wrong: None };
                }
                if !is_excused(&reply) {
                    let wrong = format!("{} {}", reply.status, reply.text);
                    return Answer { id: None, wrong: Some(wrong) };
                }
            }
            sleep(PATIENCE).await;
        }
        Answer { id: None, wrong: None }
    }
}

struct Answer {
    id: Option<Uuid>,
    wrong: Option<String>,
}

impl Memory {
    fn remember(&mut self, content: &str, answer: Answer) {
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
    }
}

/// During an outage only "try again" may be answered, and it says when.
fn is_excused(reply: &Reply) -> bool {
    let is_away = reply.status.as_u16() == 503;
    let is_twin = reply.code() == "idempotency.in_progress";
    reply.header("retry-after").is_some() && (is_away || is_twin)
}
