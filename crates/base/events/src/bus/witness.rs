//! What Redis remembers of how far a history came.
//!
//! An older copy of the database's own data folder (a snapshot of its volume,
//! or of its machine) looks like the database that it was: cluster and timeline
//! are the same, and only the end of the log is missing. Redis may have seen
//! that end. In a system that is whole it is never ahead: an event is appended
//! after its commit, so what Redis holds stands in the log by then, at that
//! position and under that id, whoever leads by now.
//!
//! So whoever leads compares before it numbers anything, or as soon as Redis
//! answers; where the two disagree, the history gets a new name, and with it
//! another stream. Until it was compared nothing is appended, and no other node
//! reads what stands in the stream before it has compared as well.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_redis::{Fault, Redis, cmd};
use tokio::time::timeout;
use uuid::Uuid;

use crate::Event;
use crate::log::Log;

/// How long Redis may take: a node that has just started waits for its first
/// answer. Well below what PostgreSQL lets a leader be silent.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// The names of what Redis holds of a history.
pub(super) struct Keys {
    /// The events.
    pub(super) stream: String,
    /// Where they end.
    pub(super) end: String,
    /// The last of them, for much longer than itself.
    pub(super) mark: String,
}

impl Keys {
    pub(super) fn of(redis: &Redis, epoch: &str) -> Self {
        let name = |rest: &str| redis.name(&format!("log:{epoch}{rest}"));
        Self { stream: name(""), end: name(":last"), mark: name(":mark") }
    }
}

/// An event as the mark has it.
pub(super) fn mark(event: &Event) -> String {
    format!("{} {}", event.position, event.id)
}

fn read_mark(text: &str) -> Option<(i64, Uuid)> {
    let (position, id) = text.split_once(' ')?;
    Some((position.parse().ok()?, id.parse().ok()?))
}

/// How far a history came, as Redis has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    end: i64,
    mark: Option<(i64, Uuid)>,
}

impl Memory {
    /// `None` where nothing is remembered.
    fn read(end: Option<&str>, mark: Option<&str>) -> Option<Self> {
        let mark = mark.and_then(read_mark);
        let end: Option<i64> = end.and_then(|end| end.parse().ok());
        let end = end.max(mark.map(|(position, _)| position))?;
        Some(Self { end, mark })
    }

    /// The position whose event tells whether it is the same history.
    pub(crate) fn place(&self) -> i64 {
        self.mark.map_or(self.end, |(position, _)| position)
    }

    /// Whether it is of a log that ends at `head` and has the event `found` at
    /// [`Memory::place`]. Both are needed: a log that lost its end may have come
    /// past it again by now. An event that is no longer kept tells nothing, and
    /// who was there is refused as too old.
    pub(crate) fn is_of(&self, head: i64, found: Option<Uuid>) -> bool {
        let is_another = self.mark.zip(found).is_some_and(|((_, id), found)| id != found);
        self.end <= head && !is_another
    }
}

/// Asks Redis, and knows for which history that was compared. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Witness {
    redis: Redis,
    trusted: Arc<Mutex<Option<Arc<str>>>>,
}

impl Witness {
    pub(super) fn new(redis: Redis) -> Self {
        Self { redis, trusted: Arc::default() }
    }

    /// From now on nothing is appended before it was compared anew.
    pub(crate) fn doubt(&self) {
        *self.trusted.lock() = None;
    }

    /// What Redis holds of this history is of this history.
    pub(crate) fn trust(&self, epoch: &Arc<str>) {
        *self.trusted.lock() = Some(Arc::clone(epoch));
    }

    /// Whether it was compared, and may be added to.
    pub(crate) fn is_trusted(&self, epoch: &str) -> bool {
        self.trusted.lock().as_deref() == Some(epoch)
    }

    /// How far this history came, if Redis remembers it.
    pub(crate) async fn memory(&self, epoch: &str) -> Result<Option<Memory>, Fault> {
        let Keys { end, mark, .. } = Keys::of(&self.redis, epoch);
        let mut get = cmd("MGET");
        get.arg(end).arg(mark);
        let answer = timeout(ANSWERED_WITHIN, async {
            self.redis.asked().await;
            self.redis.command::<(Option<String>, Option<String>)>("memory", &get).await
        });
        let (end, mark) = answer.await.unwrap_or(Err(Fault::Away))?;
        Ok(Memory::read(end.as_deref(), mark.as_deref()))
    }

    /// Whether what Redis holds of this history is of the log as it is; `false`
    /// also where that cannot be known. Redis is asked first: what it held then
    /// was committed before the log is read.
    pub(super) async fn agrees(&self, log: &Log, epoch: &str) -> bool {
        let Ok(memory) = self.memory(epoch).await else { return false };
        let Some(memory) = memory else { return true };
        let Ok(Some(head)) = log.head().await else { return false };
        let Ok(next) = log.after(memory.place() - 1, 1).await else { return false };
        let found = next.first().filter(|event| event.position == memory.place());
        *head.epoch == *epoch && memory.is_of(head.position, found.map(|event| event.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);
    const OTHER: Uuid = Uuid::from_u128(8);

    fn remembered(end: Option<&str>, position: Option<i64>) -> Option<Memory> {
        let mark = position.map(|position| format!("{position} {ID}"));
        Memory::read(end, mark.as_deref())
    }

    #[test]
    fn what_is_remembered_is_of_a_log_that_holds_it_and_of_no_other() {
        let memory = remembered(Some("20"), Some(20)).expect("it is remembered");

        assert_eq!(memory.place(), 20);
        assert!(memory.is_of(20, Some(ID)));
        assert!(memory.is_of(25, Some(ID)), "whoever led died over five of them");
        assert!(memory.is_of(25, None), "it is no longer kept");
        assert!(!memory.is_of(10, None), "the log has lost its end");
        assert!(!memory.is_of(25, Some(OTHER)), "and has come past it again");
    }

    #[test]
    fn an_end_is_remembered_with_its_mark_and_without() {
        assert_eq!(remembered(None, None), None);
        assert_eq!(Memory::read(Some("none"), Some("12")), None);
        let alone = remembered(Some("20"), None).expect("it is remembered");
        assert!(alone.is_of(20, Some(OTHER)) && !alone.is_of(19, None));
        // The stream was forgotten, or whoever appended knew no marks.
        for (end, position, last) in [(None, 20, 20), (Some("23"), 20, 23)] {
            let memory = remembered(end, Some(position)).expect("it is remembered");
            assert!(memory.is_of(last, Some(ID)) && !memory.is_of(last - 1, None));
            assert!(!memory.is_of(last, Some(OTHER)));
        }
    }
}
