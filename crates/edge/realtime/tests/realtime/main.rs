//! Real sockets: the official client over both transports, and bare
//! connections that behave badly, against a gateway on a real database.

mod bad_readers;
mod connecting;
mod sending;
mod stage;
mod streams;
