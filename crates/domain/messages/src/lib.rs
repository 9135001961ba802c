//! Messages: what people say in channels, how they answer and react to it.
//!
//! Tables: `messages`, `message_revisions` (what was said before),
//! `message_reactions`, `thread_reads`. Events on the channel's stream:
//! `message.sent`, `message.edited`, `message.reacted`, `message.deleted`,
//! `message.restored`, `message.thread_changed`; on the reader's own
//! `thread.read`.
//! Neighbours: below `channels`, whose membership decides who may read and
//! send; beside `tasks`, which are made from messages.

pub mod edit;
pub mod error;
pub mod events;
pub mod explain;
pub mod mention;
pub mod model;
pub mod policy;
pub mod reaction;
pub mod repo;
pub mod routes;
pub mod service;
pub mod size;
pub mod thread;
pub mod trash;
pub mod view;
pub mod window;

pub use error::CODES;
pub use events::FACTS;
pub use model::{Message, MessageId};
pub use repo::statements;
