//! Notifications: what a person should hear of even when not looking, and what
//! is unread.
//!
//! Tables: `notifications`, `notification_preferences`, and its row of
//! `consumers`. Events: `notification.created` and `notification.read`, on the
//! person's own stream. Neighbours: above `tasks`, `messages` and `auth`, whose
//! events it reads in the log (never their code); beside `search`.
//!
//! Nobody calls it when something happens: a consumer follows the log, so a
//! notification exists once for each occasion, also when the node that makes
//! it is killed.

pub mod error;
pub mod events;
pub mod model;
pub mod policy;
pub mod preferences;
pub mod repo;
pub mod routes;
pub mod rules;
pub mod service;
pub mod view;
pub mod worker;

pub use error::CODES;
pub use events::FACTS;
pub use model::{Notification, NotificationId};
pub use repo::statements;
