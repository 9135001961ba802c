//! Real sockets: the official client over both transports, and bare
//! connections that behave badly, against a gateway on a real database.

mod asking;
mod bad_readers;
mod connecting;
mod faults;
mod limits;
mod presence;
mod sending;
mod silence;
mod stage;
mod streams;
