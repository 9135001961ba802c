//! PostgreSQL: where it is and how it is used.

use sayso_kernel::secret::Secret;

use crate::section::section;

section! {
    /// PostgreSQL: where it is and how it is used.
    Database in "database" {
        /// The database, as the role that serves. Without it Sayso runs a
        /// PostgreSQL of its own in the data folder.
        url: Option<Secret<String>> = None, "postgres:// URL";
        /// The same database as the role that owns its tables; used for
        /// migrations, and to drop old events. Without it the serving role does.
        owner_url: Option<Secret<String>> = None, "postgres:// URL";
        /// Connections for transactions.
        pool_max: usize = 16, "connections", in 1..=1_000;
        /// How long a request waits for one of them before it is answered 503.
        pool_wait_ms: u64 = 1_000, "milliseconds", in 10..=60_000;
        /// How many requests wait for one; further ones are answered 503 at
        /// once.
        pool_waiters_max: usize = 256, "requests", in 1..=10_000;
        /// Connections for background work, so that it cannot starve requests.
        background_pool_max: usize = 4, "connections", in 1..=100;
        /// Connections shared by all single-statement reads (pipelined).
        readers: usize = 2, "connections", in 1..=64;
        /// Reads under way on each of these; further ones are answered 503 at
        /// once.
        reads_max: usize = 1_024, "statements", in 1..=100_000;
        /// A statement is ended after this long. A server that hangs is waited
        /// for a quarter of a second longer.
        statement_timeout_ms: u64 = 2_500, "milliseconds", in 100..=600_000;
        /// The same for background work.
        background_statement_timeout_ms: u64 = 30_000, "milliseconds", in 100..=3_600_000;
        /// A statement waits this long for a lock.
        lock_timeout_ms: u64 = 2_000, "milliseconds", in 10..=600_000;
        /// A transaction in which nothing happens is ended after this long.
        idle_in_transaction_timeout_ms: u64 = 5_000, "milliseconds", in 100..=600_000;
        /// A statement that takes this long is told in the log by its name,
        /// without parameters.
        slow_statement_ms: u64 = 250, "milliseconds", in 1..=600_000;
        /// Refuse to serve on a PostgreSQL that may lose what it has confirmed
        /// (`fsync`, `full_page_writes` or `synchronous_commit` off).
        refuse_unsafe: bool = true, "true or false";
    }
}
