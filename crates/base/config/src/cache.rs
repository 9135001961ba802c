//! What was read and is kept.

use crate::section::section;

section! {
    /// What was read and is kept.
    Cache in "cache" {
        /// Whether anything is kept. Off only for measurements: nothing that
        /// is kept is ever served past what it rests on.
        enabled: bool = true, "true or false";
        /// What one process keeps; the least asked for goes first.
        l1_bytes_max: usize = 64 << 20, "bytes", in 1 << 10..=64 << 30;
        /// A thing that is larger is not kept.
        entry_bytes_max: usize = 256 << 10, "bytes", in 1 << 10..=16 << 20;
        /// How long what changes all the time is kept, if nothing drops it.
        hot_secs: u64 = 300, "seconds", in 1..=86_400;
        /// The same of results of searches.
        warm_secs: u64 = 3_600, "seconds", in 1..=86_400;
        /// The same of what hardly ever changes.
        cold_secs: u64 = 86_400, "seconds", in 1..=604_800;
        /// Results of searches that the database keeps.
        results_max: usize = 10_000, "results", in 1..=1_000_000;
    }
}
