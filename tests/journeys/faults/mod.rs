//! What must survive being killed: the server, its database, a write halfway.

mod crash;
mod database;
mod fail_point;
mod judge;
mod mutants;
mod redis;
mod rolling;
mod storm;
mod walk;
mod way;
mod writer;
