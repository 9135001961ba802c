//! The queries of lists of people.

use sayso_access::{Role, UserId};
use sayso_kernel::page;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::filter::{Filter, Sort};

/// Which people.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub struct ListUsers {
    /// Entries of a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(max_length = 1024)]
    pub cursor: Option<String>,
    /// Those in one of these roles.
    #[param(inline)]
    pub role: Option<Vec<Role>>,
    /// Those who may come in, or may not.
    pub active: Option<bool>,
    /// Those who report to this person.
    #[param(inline)]
    pub manager_id: Option<UserId>,
    /// Those with this part in the name or the e-mail; case and accents do not
    /// count.
    #[param(min_length = 1, max_length = 256)]
    pub search: Option<String>,
    /// These very people, the deleted among them too.
    #[param(inline, max_items = 100)]
    pub ids: Option<Vec<UserId>>,
    /// `createdAt`, `updatedAt` or `name`; `-` in front descends.
    #[param(pattern = "^-?(createdAt|updatedAt|name)$", default = "-createdAt")]
    pub sort: Option<String>,
}

impl ListUsers {
    /// The limit, the cursor, and the filter.
    #[must_use]
    pub fn into_parts(self) -> (u32, Option<String>, Filter) {
        let Self { limit, cursor, role: roles, active, manager_id, search, ids, sort } = self;
        let sort = sort.as_deref().and_then(Sort::parse).unwrap_or_default();
        let filter = Filter { roles, active, manager_id, ids, search, sort };
        (limit.unwrap_or(page::LIMIT_DEFAULT), cursor, filter)
    }
}

/// Which of those who report to somebody.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub struct ListReports {
    /// The whole line, not only those who report directly.
    pub all: Option<bool>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(max_length = 1024)]
    pub cursor: Option<String>,
}
