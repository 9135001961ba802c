//! Journeys through the whole system: the real binary, a real PostgreSQL, the
//! official Socket.IO client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abuse;
mod cast;
mod company;
mod conformance;
mod consumer;
mod contract;
mod faults;
mod golden;
mod listening;
mod live;
mod network;
mod one_commit;
mod project;
mod rights;
mod team;
mod truth;
mod tutorial;
mod wire;
mod work;
