//! What must survive being killed: the server, its database, a write halfway.

mod crash;
mod database;
mod fail_point;
mod judge;
mod mutants;
mod storm;
mod writer;
