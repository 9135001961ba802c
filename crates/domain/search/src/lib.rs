//! Search: tasks, messages, channels and people by words, parts of words and
//! phrases; and the trash, which is the other list that holds all of them.
//!
//! Tables: none of its own; the columns `search_text` and `search_grams` of
//! what it searches, and `deleted_at` of what lies in the trash. Events: none;
//! the audit knows `trash.purged`. Neighbours: above `tasks` and `messages`,
//! whose services show what was found; beside `notifications`.

pub mod error;
pub mod events;
pub mod model;
pub mod policy;
pub mod query;
pub mod repo;
pub mod routes;
pub mod service;
pub mod snippet;
pub mod state;
pub mod trash;
pub mod view;

pub use error::CODES;
pub use events::FACTS;
pub use model::Kind;
pub use repo::statements;
pub use state::TrashState;
