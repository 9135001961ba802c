//! Journeys through the whole system: the real binary, a real PostgreSQL, the
//! official Socket.IO client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abuse;
mod answers;
mod attacks;
mod backup;
mod caching;
mod cast;
mod channel_trash;
mod clients;
mod cluster;
mod company;
mod conformance;
mod consumer;
mod contract;
mod crowd;
mod deploy;
mod device;
mod doctor;
mod door;
mod ends;
mod example;
mod faults;
mod figures;
mod golden;
mod kinds;
mod limits;
mod listening;
mod lists;
mod live;
mod matrix;
mod network;
mod news;
mod nodes;
mod one_commit;
mod operations;
mod operator;
mod project;
mod raising;
mod refusals;
mod rights;
mod root_key;
mod rotation;
mod secrets;
mod settings;
mod silence;
mod tail;
mod team;
mod telling;
mod traces;
mod truth;
mod tutorial;
mod wire;
mod work;
