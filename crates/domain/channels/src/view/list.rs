//! The queries of lists of channels and of members.

use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{KindInput, RoleInput};
use crate::category::CategoryId;
use crate::filter::{ChannelFilter, Sort};
use crate::model::{ChannelId, ChannelKind, MemberRole};

/// The query of `GET /api/channels`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListChannels {
    /// Of any of these kinds.
    #[param(inline)]
    pub kind: Option<Vec<KindInput>>,
    /// Only archived ones, or only others.
    pub archived: Option<bool>,
    /// In any of these categories.
    #[param(max_items = 100)]
    pub category_id: Option<Vec<Uuid>>,
    /// With this in the name, whatever its accents and capitals.
    #[param(min_length = 1, max_length = 256)]
    pub search: Option<String>,
    /// Those the caller is a member of, or only others.
    pub member: Option<bool>,
    /// Among these.
    #[param(max_items = 100)]
    pub ids: Option<Vec<Uuid>>,
    /// `createdAt`, `updatedAt` or `name`; `-` in front descends.
    #[param(pattern = "^-?(createdAt|updatedAt|name)$", default = "-createdAt")]
    pub sort: Option<String>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListChannels {
    /// The filter that the query describes.
    #[must_use]
    pub fn filter(&self) -> ChannelFilter {
        let kinds = |all: &Vec<KindInput>| all.iter().copied().map(ChannelKind::from).collect();
        let categories = |all: &Vec<Uuid>| all.iter().copied().map(CategoryId).collect();
        let ids = |all: &Vec<Uuid>| all.iter().copied().map(ChannelId).collect();
        ChannelFilter {
            kinds: self.kind.as_ref().map(kinds),
            archived: self.archived,
            category_ids: self.category_id.as_ref().map(categories),
            search: self.search.clone(),
            member: self.member,
            ids: self.ids.as_ref().map(ids),
        }
    }

    /// The order that the query asks for.
    #[must_use]
    pub fn order(&self) -> Sort {
        self.sort.as_deref().and_then(Sort::parse).unwrap_or_default()
    }
}

/// The query of `GET /api/channels/{id}/members`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMembers {
    /// Of any of these roles.
    #[param(inline)]
    pub role: Option<Vec<RoleInput>>,
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

impl ListMembers {
    /// The roles asked for.
    #[must_use]
    pub fn roles(&self) -> Option<Vec<MemberRole>> {
        self.role.as_ref().map(|all| all.iter().copied().map(MemberRole::from).collect())
    }
}
