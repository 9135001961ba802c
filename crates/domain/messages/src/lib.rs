//! Messages: what people say in channels.
//!
//! Tables: `messages`. Events: `message.sent` and `message.edited`, on the
//! channel's stream.
//! Neighbours: below `channels`, whose membership decides who may read and
//! send; beside `tasks`.

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
pub use model::{Message, MessageId};
pub use repo::statements;
