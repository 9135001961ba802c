//! Which people to list, and in which order.

use sayso_access::{Role, UserId};
use sayso_kernel::sort;

/// Which people a list is asked for. Everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those in one of these roles.
    pub roles: Option<Vec<Role>>,
    /// Those who may come in, or may not.
    pub active: Option<bool>,
    /// Those who report to this person.
    pub manager_id: Option<UserId>,
    /// These very people, the deleted among them too.
    pub ids: Option<Vec<UserId>>,
    /// Those with this part in the name or the e-mail; case and accents do not
    /// count.
    pub search: Option<String>,
    /// In which order.
    pub sort: Sort,
}

/// What people are sorted by; ties are sorted by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When they were created.
    #[default]
    CreatedAt,
    /// When they were last edited.
    UpdatedAt,
    /// Their name; case and accents do not count.
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

impl Filter {
    /// The filter and the order as a text, to tie cursors to it.
    #[must_use]
    pub fn question(&self) -> String {
        let Self { roles, active, manager_id, ids, search, sort } = self;
        let roles = roles.as_ref().map(|roles| {
            let mut names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
            names.sort_unstable();
            names
        });
        let mut ids = ids.clone();
        if let Some(ids) = &mut ids {
            ids.sort_unstable();
        }
        format!("users?{roles:?}&{active:?}&{manager_id:?}&{ids:?}&{search:?}&{sort:?}")
    }
}
