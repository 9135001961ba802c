//! The PostgreSQL that Sayso runs itself when it is given none.

use std::path::PathBuf;

use crate::section::section;

section! {
    /// The PostgreSQL that Sayso runs itself when it is given none.
    ManagedPostgres in "managed" {
        /// The folder of `postgres` and `initdb`. Without it: `PATH`,
        /// `/usr/lib/postgresql/*/bin`, Homebrew.
        pg_bin: Option<PathBuf> = None, "folder";
    }
}
