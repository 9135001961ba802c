//! Sockets.

use crate::section::section;

section! {
    /// Sockets.
    Realtime in "realtime" {
        /// Sockets of one node; more are asked to come back later.
        sockets_max: usize = 20_000, "sockets", in 1..=1_000_000;
        /// Sockets of one person on one node; more are asked to come back later.
        sockets_per_person_max: usize = 50, "sockets", in 1..=10_000;
        /// Events that a socket may send, in the long run.
        events_in_per_second: u32 = 50, "events a second", in 1..=100_000;
        /// Events that a socket may send at once.
        events_in_burst: u32 = 100, "events", in 1..=100_000;
        /// A person whose sockets show no sign of life for this long is away.
        away_after_ms: u64 = 300_000, "milliseconds", in 100..=86_400_000;
        /// Packets that wait for a slow socket before it is cut.
        queue_len_max: usize = 128, "packets", in 8..=10_000;
        /// The largest packet that is read from a socket.
        payload_max_bytes: usize = 1 << 20, "bytes", in 1 << 10..=16 << 20;
        /// How often a socket is pinged.
        ping_interval_ms: u64 = 25_000, "milliseconds", in 100..=600_000;
        /// A socket that does not answer a ping for this long is gone.
        ping_timeout_ms: u64 = 20_000, "milliseconds", in 100..=600_000;
        /// How long a new transport may take to say who it is.
        connect_timeout_ms: u64 = 10_000, "milliseconds", in 100..=600_000;
        /// Events in one replay packet.
        replay_batch: usize = 200, "events", in 1..=200;
        /// Live events kept back while a socket catches up.
        replay_buffer: usize = 256, "events", in 1..=100_000;
        /// Newest events kept in memory for sockets that come back.
        ring_len: usize = 4_096, "events", in 1..=1_000_000;
    }
}
