//! Redis or Valkey: what makes one node a member of a cluster.

use sayso_kernel::secret::Secret;

use crate::section::section;

section! {
    /// Redis or Valkey: what makes one node a member of a cluster.
    Redis in "redis" {
        /// The server that carries events between nodes and caches for them.
        /// Nothing is kept there alone. Refused without `database.url`: nodes
        /// that share a bus must share their truth.
        url: Option<Secret<String>> = None, "redis:// URL";
        /// What the names of all keys and channels begin with: two companies
        /// on one server need two.
        prefix: String = "sayso".to_owned(), "letters and digits";
        /// How long a command may take. Past it the node does without Redis,
        /// until it answers again.
        timeout_ms: u64 = 100, "milliseconds", in 10..=10_000;
    }
}
