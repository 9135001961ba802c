//! Search: tasks, messages, channels and people by words, parts of words and
//! phrases.
//!
//! Tables: none of its own; the columns `search_text` and `search_grams` of
//! what it searches. Events: none. Neighbours: above `tasks` and `messages`,
//! whose services show what was found; beside `notifications`.

pub mod error;
pub mod events;
pub mod matcher;
pub mod model;
pub mod policy;
pub mod query;
pub mod repo;
pub mod routes;
pub mod service;
pub mod snippet;
pub mod view;

pub use error::CODES;
pub use events::FACTS;
pub use model::Kind;
pub use repo::statements;
