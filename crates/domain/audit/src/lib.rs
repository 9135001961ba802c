//! The audit, for those who must answer for what happened: who did what to
//! what, when, from where.
//!
//! Tables: `audit_log`, which the sequencer appends to and nobody changes; here
//! it is read, and that it was read is written down. Events: none that clients
//! hear. Neighbours: below all of the domain, since every other crate leaves its
//! traces here and needs nothing back.

pub mod error;
pub mod events;
pub mod model;
pub mod policy;
pub mod repo;
pub mod routes;
pub mod service;
pub mod view;

pub use error::CODES;
pub use events::FACTS;
pub use repo::statements;
