//! Journeys through the whole system: the real binary, a real PostgreSQL, the
//! official Socket.IO client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abuse;
mod cast;
mod cluster;
mod company;
mod consumer;
mod contract;
mod faults;
mod listening;
mod live;
mod network;
mod nodes;
mod one_commit;
mod project;
mod rights;
mod team;
mod truth;
mod wire;
mod work;
