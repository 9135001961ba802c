//! From the stream to the follower of this node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sayso_redis::{aio::MultiplexedConnection, cmd};
use tokio::time::{sleep, timeout};

use super::witness::Keys;
use super::{Shared, entry};
use crate::Event;
use crate::hint::Hint;
use crate::log::Log;
use crate::sequencer::Batch;

/// How long a question waits at the server for something new,
const BLOCK: Duration = Duration::from_millis(500);
/// and how much longer its answer may take.
const SLACK: Duration = Duration::from_millis(500);
/// Entries of one answer.
const COUNT: usize = 200;
/// The pause while there is nothing to ask, or nobody.
const PAUSE: Duration = Duration::from_millis(100);

/// What an answer holds: of each stream its entries, each with its fields.
type Answer = Option<HashMap<String, Vec<(String, HashMap<String, Vec<u8>>)>>>;

/// Reads on and on. The follower takes what comes next, so it does not matter
/// what comes twice, or not at all.
pub(super) async fn run(shared: &Shared, log: &Log) {
    loop {
        if let Ok(connection) = shared.redis.waiting().await {
            follow(shared, log, connection).await;
        }
        sleep(PAUSE).await;
    }
}

/// Until the connection fails.
async fn follow(shared: &Shared, log: &Log, mut connection: MultiplexedConnection) {
    let mut place = Place { epoch: "".into(), position: 0 };
    loop {
        // Whoever leads has it from itself.
        let applied = shared.hub.applied().filter(|_| !shared.is_leading());
        let Some(applied) = applied else {
            sleep(PAUSE).await;
            continue;
        };
        if applied.epoch != place.epoch {
            // What stands there may be of a history that this one has lost.
            if !shared.witness.agrees(log, &applied.epoch).await {
                sleep(BLOCK).await;
                continue;
            }
            place = Place { epoch: applied.epoch, position: 0 };
        }
        place.position = place.position.max(applied.position);
        let Keys { stream, .. } = Keys::of(&shared.redis, &place.epoch);
        let mut ask = cmd("XREAD");
        ask.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis().to_string());
        ask.arg("STREAMS").arg(&stream).arg(format!("{}-0", place.position));
        let answer = timeout(BLOCK + SLACK, ask.query_async::<Answer>(&mut connection)).await;
        let entries = match answer {
            Ok(Ok(answer)) => answer.and_then(|mut streams| streams.remove(&stream)),
            Ok(Err(error)) => return tracing::debug!(%error, "the bus cannot be read"),
            Err(_) => return tracing::debug!("the bus does not answer"),
        };
        for batch in place.take(entries.unwrap_or_default()) {
            let _closed_with_the_node = shared.hints.send(Hint::Batch(batch)).await;
        }
    }
}

/// How far was read.
struct Place {
    epoch: Arc<str>,
    position: i64,
}

impl Place {
    /// The events of an answer, in batches without a hole.
    fn take(&mut self, entries: Vec<(String, HashMap<String, Vec<u8>>)>) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut last = None;
        for (id, fields) in entries {
            let position = id.split('-').next().and_then(|digits| digits.parse::<i64>().ok());
            let Some(position) = position else { continue };
            self.position = self.position.max(position);
            let Some(event) = fields.get("e").and_then(|bytes| entry::read(position, bytes)) else {
                continue;
            };
            let event: Arc<Event> = Arc::new(event);
            match batches.last_mut().filter(|_| last == Some(position - 1)) {
                Some(batch) => batch.events.push(event),
                None => {
                    batches.push(Batch { epoch: Arc::clone(&self.epoch), events: vec![event] });
                }
            }
            last = Some(position);
        }
        batches
    }
}
