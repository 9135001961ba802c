//! What everything stands on and what knows nothing of the product: ids, time,
//! randomness, faults, pages, patches, parsed text and secrets. No IO.
//!
//! Nothing here reads a clock or an entropy source by itself: whoever needs
//! the time or a new id is handed a [`clock::Clock`] and a [`rng::Random`].

pub mod clock;
pub mod fault;
pub mod hex;
pub mod id;
pub mod matcher;
pub mod mutants;
pub mod page;
pub mod patch;
pub mod rng;
pub mod secret;
pub mod sort;
pub mod text;
pub mod vault;

pub use clock::Clock;
pub use fault::{Code, Fault, Kind};
pub use jiff::Timestamp;
pub use patch::Patch;
pub use rng::Random;
pub use vault::Vault;

// Macros of this crate expand to paths through these.
#[doc(hidden)]
pub use {postgres_types, serde, utoipa, uuid};
