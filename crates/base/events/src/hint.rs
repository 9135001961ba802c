//! What a leader tells, of which any part may be lost.

use std::sync::Arc;
use std::time::Instant;

use crate::sequencer::Batch;

/// One thing that a leader tells.
#[derive(Clone, Debug)]
pub enum Hint {
    /// Its next events, committed.
    Batch(Batch),
    /// Where the log ends.
    Head(Announced),
}

/// Where the log ends, said again and again.
#[derive(Clone, Debug)]
pub struct Announced {
    /// The name of the history.
    pub epoch: Arc<str>,
    /// The last position.
    pub head: i64,
    /// Everything committed by this moment has its position; `None` where that
    /// cannot be told.
    pub as_of: Option<Instant>,
    /// The events do not come by themselves at the moment: they are to be read
    /// from the log.
    pub is_to_be_read: bool,
}
