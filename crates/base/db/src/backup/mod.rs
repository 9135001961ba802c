//! What a backup is made of and how it becomes a database again, with the
//! programs of PostgreSQL.
//!
//! [`Snapshot`] holds one moment of the database still while `pg_dump` reads
//! it and the rows of every table are counted and hashed, so that dump and
//! counts are of the same moment, whoever writes meanwhile. [`Restore`] lays a
//! dump into a database in one transaction: what was there before is gone and
//! what was counted is there, or nothing has happened.
//!
//! How the bytes are wrapped, checked and encrypted is not known here.

mod dump;
mod error;
mod programs;
mod restore;
mod script;
mod snapshot;

pub use dump::Dump;
pub use error::BackupError;
pub use programs::Programs;
pub use restore::{Occupied, Restore};
pub use snapshot::{Contents, Snapshot, Table};
