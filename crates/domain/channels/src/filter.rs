//! Which channels to list, and in which order.

use sayso_kernel::sort;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When it was made.
    #[default]
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// Its name, without regard to case.
    Name,
}

/// The order of a list.
pub type Sort = sort::Sort<SortKey>;

impl sort::SortKey for SortKey {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "createdAt" => Self::CreatedAt,
            "updatedAt" => Self::UpdatedAt,
            "name" => Self::Name,
            _ => return None,
        })
    }
}
