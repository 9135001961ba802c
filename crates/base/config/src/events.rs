//! The sequencer and the event log.

use crate::section::section;

section! {
    /// The sequencer and the event log.
    Events in "events" {
        /// Facts that the sequencer moves into the log at once.
        batch_max: usize = 500, "facts", in 1..=500;
        /// And their size.
        batch_bytes_max: usize = 4 << 20, "bytes", in 64 << 10..=64 << 20;
        /// How often the outbox is looked at when nothing woke the sequencer.
        poll_ms: u64 = 250, "milliseconds", in 10..=10_000;
        /// How long events can be replayed.
        retention_hours: u64 = 24, "hours", in 1..=8_760;
    }
}
