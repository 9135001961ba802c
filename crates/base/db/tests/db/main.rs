//! The database on a real PostgreSQL: migrations that are whole or not at all,
//! pools that do not starve each other, and writes that are all there whatever
//! becomes of the server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod back;
mod child;
mod dump;
mod durability;
mod faults;
mod locked;
mod metadata;
mod notes;
mod pools;
mod refused;
mod rights;
mod schema;
mod sets;
mod timeouts;
mod together;
mod watch;
