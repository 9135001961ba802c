//! Channels: where people talk, who is in them, and the categories that
//! channels and tasks are sorted into.
//!
//! Tables: `channels`, `channel_members`, `categories`. Events: those of a
//! channel's life, on its own stream or, while it is public, on the company's;
//! those of membership, which also decide who follows the channel's stream;
//! `channel.read` and `channel.muted` to a member's own devices;
//! `category.created`, `category.updated` and `category.deleted` to the company.
//! Neighbours: below `users`; above `messages` and `tasks`, which ask here
//! whether a channel may be seen and written in.

pub mod category;
pub mod edit;
pub mod error;
pub mod events;
pub mod explain;
pub mod filter;
pub mod membership;
pub mod model;
pub mod policy;
pub mod reading;
pub mod repo;
pub mod routes;
pub mod service;
pub mod trash;
pub mod view;

pub use category::{Category, CategoryId, CategoryKind};
pub use error::CODES;
pub use events::FACTS;
pub use model::{Channel, ChannelId, ChannelKind, MemberRole, Membership};
pub use repo::statements;
