//! The three roles of a company: CEO, manager, staff.

use serde::{Deserialize, Serialize};

/// A person's role. The order is the hierarchy: staff < manager < CEO.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Does the work.
    Staff,
    /// Leads people; opens channels.
    Manager,
    /// Leads the company.
    Ceo,
}

impl Role {
    /// All roles, lowest first.
    pub const ALL: [Self; 3] = [Self::Staff, Self::Manager, Self::Ceo];

    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Ceo => "ceo",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}
