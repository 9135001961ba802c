//! The door: logins, sessions, tokens, and who a request comes from.
//!
//! Tables: `sessions`, `refresh_tokens`, `signing_keys`, `setup_codes`,
//! `second_factors`, `recovery_codes`, `password_resets`, `api_tokens`,
//! `service_accounts`, `external_identities`. Events: none that clients hear; everything here is audited. Neighbours: `users`
//! knows the people and their passwords; every other part of the domain meets
//! this crate only through the [`sayso_access::Ctx`] that it leads to.
//!
//! A session is one login on one device. It is refreshed by a chain of tokens
//! of which each is good once; access tokens are signed, short-lived, and mean
//! nothing without their session, which is looked at with every request
//! ([`verify`]).

mod activity;
pub mod api_token;
pub mod bearer;
pub mod devices;
pub mod error;
pub mod events;
pub mod external;
pub mod login;
pub mod memory;
pub mod model;
pub mod people;
pub mod policy;
pub mod refresh;
pub mod refusals;
pub mod repo;
pub mod reseal;
pub mod reset;
pub mod retention;
pub mod rotation;
pub mod routes;
pub mod scope;
pub mod second_factor;
pub mod service;
pub mod setup;
pub mod standing;
mod state;
pub mod token;
pub mod totp;
pub mod view;

pub use activity::Activity;
pub use bearer::{come_in, let_in, verify};
pub use error::CODES;
pub use events::FACTS;
pub use memory::Memory;
pub use model::{Lifetimes, Pair, Rules, Verified};
pub use refusals::Refusals;
pub use repo::statements;
pub use sayso_users::Hasher;
pub use setup::create_setup_code;
pub use state::{AuthParts, AuthState};
pub use token::Keys;
