//! How far a task is, and how much it matters.

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    Todo,
    /// Being worked on.
    InProgress,
    /// Done as far as the assignee is concerned.
    Review,
    /// Done.
    Done,
    /// Not to be done any more.
    Cancelled,
}

impl Status {
    /// All of them, in the order of work.
    pub const ALL: [Self; 5] =
        [Self::Todo, Self::InProgress, Self::Review, Self::Done, Self::Cancelled];

    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Review => "review",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name back; a name that is not known is work not begun.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == name).unwrap_or(Self::Todo)
    }

    /// Whether nothing more is to be done.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

/// How much a task matters. The order is that of the wire's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// When there is time.
    Low,
    /// As usual.
    Medium,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The number kept in the database, so that it sorts: 0 is low.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// Reads the number back; a number that is not known is as usual.
    #[must_use]
    pub fn of_rank(rank: i16) -> Self {
        Self::ALL.into_iter().find(|priority| priority.rank() == rank).unwrap_or(Self::Medium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ranks_come_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), status);
        }
        for priority in Priority::ALL {
            assert_eq!(Priority::of_rank(priority.rank()), priority);
        }
        assert!(Priority::Urgent > Priority::Low);
    }
}
