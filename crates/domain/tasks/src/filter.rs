//! Which tasks to list, and in which order.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::{CategoryId, ChannelId};
use sayso_kernel::{Fault, sort};

use crate::status::{Priority, Status};

/// Which tasks to list. Everything that is set must hold; of several values of
/// one field any may.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Assigned to any of them.
    pub assigned_to: Option<Vec<UserId>>,
    /// In any of these states.
    pub status: Option<Vec<Status>>,
    /// Of any of these priorities.
    pub priority: Option<Vec<Priority>>,
    /// Due at this moment or later.
    pub due_from: Option<Timestamp>,
    /// Due before this moment.
    pub due_to: Option<Timestamp>,
    /// In any of these channels.
    pub channel_id: Option<Vec<ChannelId>>,
    /// In any of these categories.
    pub category_id: Option<Vec<CategoryId>>,
    /// With all of these tags.
    pub tags: Option<Vec<String>>,
    /// Made by any of them.
    pub created_by: Option<Vec<UserId>>,
    /// Due in the past and still open, or not.
    pub overdue: Option<bool>,
    /// Waiting for another task, or not.
    pub blocked: Option<bool>,
    /// Changed at this moment or later.
    pub updated_since: Option<Timestamp>,
    /// With all of these words, or beginnings or parts of them, in title and
    /// description.
    pub search: Option<String>,
}

/// Words of a search at the most.
pub const WORDS_MAX: usize = 16;

/// The words of a search. Punctuation alone is found nowhere, and asks for
/// nothing.
///
/// # Errors
/// 422 for more than there may be.
pub fn words(search: &str) -> Result<Vec<String>, Fault> {
    let is_word = |word: &&str| word.chars().any(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
    let words = search.split(|c: char| c.is_whitespace() || c == '"').filter(is_word);
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    if words.len() > WORDS_MAX {
        let detail = format!("has more than {WORDS_MAX} words");
        return Err(Fault::at_parameter("search", "search.too_many_terms", detail));
    }
    Ok(words)
}

/// What a list of tasks is sorted by. Tasks without a value come last, ties
/// are sorted by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When it was made.
    #[default]
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// When it is due.
    DueDate,
    /// How much it matters; least first.
    Priority,
    /// Its title, without regard to case.
    Title,
    /// How well it fits the search; where there is none, when it was made.
    Relevance,
}

/// The order of a list.
pub type Sort = sort::Sort<SortKey>;

/// What fits a search best comes first.
pub const RELEVANCE: Sort = Sort { key: SortKey::Relevance, descending: true };

impl sort::SortKey for SortKey {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "createdAt" => Self::CreatedAt,
            "updatedAt" => Self::UpdatedAt,
            "dueDate" => Self::DueDate,
            "priority" => Self::Priority,
            "title" => Self::Title,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_its_words() {
        assert_eq!(
            words("  Order \"the Boards\" - ! ").ok(),
            Some(vec!["order".into(), "the".into(), "boards".into()])
        );
        assert_eq!(words("?!").ok(), Some(Vec::new()));
        assert!(words(&"a ".repeat(WORDS_MAX)).is_ok());
        assert!(words(&"a ".repeat(WORDS_MAX + 1)).is_err());
    }
}
