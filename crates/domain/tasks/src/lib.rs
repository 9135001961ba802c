//! Tasks: what is to be done, by whom and until when.
//!
//! Tables: `tasks`, `task_dependencies`, `task_comments`, `task_history`.
//! Events: `task.created`, `task.updated`, `task.assigned`, `task.deleted`,
//! `task.restored`, `task.commented`, `task.comment_edited`,
//! `task.comment_deleted` and `task.comment_restored`, on the stream of the
//! task's channel or, without one, on the streams of the people it concerns;
//! `task.gone` to whoever loses sight of one. Neighbours: above `channels`,
//! whose members see the channel's tasks, and above `messages`, from which tasks
//! are made.

pub mod assignment;
pub(crate) mod audience;
pub mod bulk;
pub mod comment;
pub mod dependency;
pub mod due;
pub(crate) mod edit;
pub mod error;
pub mod events;
pub mod explain;
pub mod filter;
pub(crate) mod ground;
pub mod history;
pub mod message;
pub mod model;
pub mod policy;
pub mod repo;
pub mod routes;
pub mod service;
pub mod status;
pub mod trash;
pub mod view;

pub use error::CODES;
pub use events::FACTS;
pub use model::{Task, TaskId};
pub use repo::statements;
