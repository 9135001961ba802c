//! Tokens, sessions and password hashes.

use crate::section::section;

section! {
    /// Tokens, sessions and password hashes.
    Auth in "auth" {
        /// Life of an access token.
        access_ttl_secs: u64 = 900, "seconds", in 30..=86_400;
        /// A session that is not refreshed for this long ends.
        refresh_idle_secs: u64 = 604_800, "seconds", in 60..=31_536_000;
        /// A session ends after this long, however it is used.
        refresh_absolute_secs: u64 = 2_592_000, "seconds", in 60..=31_536_000;
        /// The cost of a new password hash; each step doubles the work.
        bcrypt_cost: u32 = 12, "log2 of rounds", in 4..=16;
        /// Threads that hash passwords, so that logins cannot take every core.
        hash_threads_max: usize = 2, "threads", in 1..=64;
        /// Logins that wait for one of them; more are answered 503.
        hash_queue_max: usize = 64, "logins", in 1..=10_000;
    }
}
