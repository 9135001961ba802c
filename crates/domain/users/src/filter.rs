//! Which people to list, and in which order.

use sayso_access::{Role, UserId};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// When they were created.
    CreatedAt,
    /// When they were last edited.
    UpdatedAt,
    /// Their name; case and accents do not count.
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
