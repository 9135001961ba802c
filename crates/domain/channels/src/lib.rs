//! Channels: where people talk, who is in them, and the categories that
//! channels and tasks are sorted into.
//!
//! Tables: `channels`, `channel_members`, `categories`. Events:
//! `channel.created` and those of membership, which also decide who follows
//! the channel's stream; `category.created`, `category.updated` and
//! `category.deleted` to the company.
//! Neighbours: below `users`; above `messages` and `tasks`, which ask here
//! whether a channel may be seen and written in.

pub mod category;
pub mod error;
pub mod events;
pub mod explain;
pub mod model;
pub mod policy;
pub mod repo;
pub mod routes;
pub mod service;
pub mod view;

pub use category::{Category, CategoryId, CategoryKind};
pub use error::CODES;
pub use events::FACTS;
pub use model::{Channel, ChannelId, ChannelKind, MemberRole, Membership};
pub use repo::statements;
