//! Who is calling, in what role, and what that role may do. Pure: no IO.
//!
//! [`Ctx`] is the first parameter of every service function. [`matrix`] holds
//! the one table of roles and permissions; a domain's `policy.rs` combines it
//! with what it knows of the resource (own, assigned, member) into a
//! [`Decision`].

mod ctx;
mod decision;
mod given;
mod identity;
mod matrix;
mod role;
mod tie;

pub use ctx::{Ctx, Origin, TOKEN_MISSING, Via};
pub use decision::Decision;
pub use given::{Because, Given, Givens, Reason, Ruling, Verdict};
pub use identity::{Actor, SessionId, UserId};
pub use matrix::{Grant, Permission, TABLE, by_role, sees};
pub use role::Role;
pub use tie::{Tie, Ties};
