//! Which channels to list, and in which order.

use crate::category::CategoryId;
use crate::model::{ChannelId, ChannelKind};

/// Which channels to list. Everything that is set must hold; of several values
/// of one field any may.
#[derive(Clone, Debug, Default)]
pub struct ChannelFilter {
    /// Of any of these kinds.
    pub kinds: Option<Vec<ChannelKind>>,
    /// Only archived ones, or only others.
    pub archived: Option<bool>,
    /// In any of these categories.
    pub category_ids: Option<Vec<CategoryId>>,
    /// With this in the name, whatever its accents and capitals.
    pub search: Option<String>,
    /// Those that the reader is a member of, or only others.
    pub member: Option<bool>,
    /// Among these.
    pub ids: Option<Vec<ChannelId>>,
}

/// What a list of channels is sorted by. Channels without a value come last,
/// ties are sorted by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// When it was made.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// Its name, without regard to case.
    Name,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What it is sorted by.
    pub key: SortKey,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: SortKey::CreatedAt, descending: true }
    }
}

impl Sort {
    /// Reads `name` or `-name`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let key = match name {
            "createdAt" => SortKey::CreatedAt,
            "updatedAt" => SortKey::UpdatedAt,
            "name" => SortKey::Name,
            _ => return None,
        };
        Some(Self { key, descending })
    }
}
