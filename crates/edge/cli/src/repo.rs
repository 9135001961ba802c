//! The SQL of data that is laid in whole (the demo company, companies of any
//! size, a backup) and of what an operator asks.
//!
//! It stands here and not in the domain crates because one statement fills the
//! table of one domain from those of others, which no service does.

pub(crate) mod company;
pub(crate) mod doctor;
pub(crate) mod restored;
pub(crate) mod scale;

/// All statements of this crate, for the test that prepares each of them
/// against the real schema.
#[cfg(test)]
pub(crate) fn statements() -> Vec<&'static sayso_db::Sql> {
    [company::ALL, doctor::ALL, restored::ALL, scale::ALL].concat()
}
