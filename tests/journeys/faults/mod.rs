//! What must survive being broken: the server, its database, a write halfway,
//! the line to the clients.

pub mod clock;
mod crash;
mod database;
mod descriptors;
mod disk;
mod fail_point;
mod handover;
mod judge;
mod line;
#[cfg(target_os = "linux")]
mod missed;
mod mutants;
mod reader;
mod readonly;
mod redis;
mod report;
mod rights;
mod rolling;
mod spells;
mod storm;
mod upgrades;
mod walk;
mod way;
mod worker;
mod writer;

pub use crash::is_full;
pub use mutants::mutant_bin;
pub use storm::pid_below;
