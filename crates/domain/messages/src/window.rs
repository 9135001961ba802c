//! A stretch of messages, and the way on in both directions.

use jiff::Timestamp;
use sayso_kernel::{Fault, page};
use uuid::Uuid;

use crate::model::Message;

/// Which message comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// Where a stretch begins, and which way it goes from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Against the order, to what stands before.
    pub(crate) backward: bool,
    /// The last message that was shown on this side.
    pub(crate) key: (Timestamp, Uuid),
}

impl Start {
    /// Reads a cursor; 422 if it is damaged or belongs to another list.
    pub(crate) fn parse(question: &str, cursor: Option<&str>) -> Result<Option<Self>, Fault> {
        let Some(cursor) = cursor else { return Ok(None) };
        let (backward, at, id) = page::decode::<(bool, Timestamp, Uuid)>(question, cursor)?;
        Ok(Some(Self { backward, key: (at, id) }))
    }
}

/// A stretch of messages, in the order asked for.
#[derive(Clone, Debug)]
pub struct Window {
    /// The messages.
    pub items: Vec<Message>,
    /// Where it goes on behind the last; `None` at the end.
    pub next_cursor: Option<String>,
    /// Where it goes on before the first; `None` at the beginning.
    pub prev_cursor: Option<String>,
}

impl Window {
    /// Makes a window of `rows`, read from `start` onwards in the direction in
    /// which it goes, one more than `limit`.
    pub(crate) fn of(
        mut rows: Vec<Message>,
        limit: u32,
        question: &str,
        start: Option<&Start>,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let backward = start.is_some_and(|start| start.backward);
        if backward {
            rows.reverse();
        }
        // On the side it came from there is at least what it came from.
        let came = start.is_some();
        let (before, behind) = if backward { (more, came) } else { (came, more) };
        Self::between(rows, question, before, behind)
    }

    /// Makes a window of messages in order, which has more on these sides.
    pub(crate) fn between(items: Vec<Message>, question: &str, before: bool, behind: bool) -> Self {
        let cursor = |message: &Message, backward: bool| {
            page::encode(question, &(backward, message.created_at, message.id.0))
        };
        Self {
            next_cursor: items.last().filter(|_| behind).map(|last| cursor(last, false)),
            prev_cursor: items.first().filter(|_| before).map(|first| cursor(first, true)),
            items,
        }
    }
}
