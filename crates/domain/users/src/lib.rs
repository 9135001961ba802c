//! The people of the company: who they are, in which role, and under whom.
//!
//! Tables: `users`, `invitations`, `user_grants`. Events: `user.created`,
//! `updated`, `deactivated`, `deleted`, `restored` and `erased` on the company's
//! stream. Neighbours: everything in the domain stands on people; sessions and
//! logins are those of `auth`, which asks here for a person and what proves
//! them ([`service::credentials`]), and ends the sessions of those who go. Who
//! is a guest is read from the channels' table of members.
//!
//! A person comes in with a password that somebody chose for them (then it is
//! to be changed), with one of their own, or with an invitation: a secret that
//! lets its holder choose the first password, once, within 72 hours.

pub mod edit;
mod email;
pub mod error;
pub mod events;
pub mod explain;
pub mod filter;
pub mod grants;
mod metadata;
pub mod model;
pub mod password;
pub mod policy;
pub mod repo;
pub mod routes;
pub mod service;
pub mod standing;
mod state;
pub mod view;
pub mod weak;

pub use email::Email;
pub use error::CODES;
pub use events::FACTS;
pub use metadata::Metadata;
pub use model::{Credential, Invitation, NewUser, User};
pub use password::{Hasher, PasswordHash};
pub use repo::statements;
pub use state::UserState;
