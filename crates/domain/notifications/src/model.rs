//! What a notification is, and what a person wants to be told.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_kernel::define_id;
use uuid::Uuid;

define_id! {
    /// A notification's id.
    NotificationId
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// One is to do a task.
    Assigned,
    /// One was mentioned.
    Mentioned,
    /// Somebody commented on a task of one's own.
    Commented,
    /// A task is due within a day.
    DueSoon,
    /// A task should have been done by now.
    Overdue,
    /// A task waits for another one now.
    Blocked,
    /// A task waits for no other any more.
    Unblocked,
    /// Something about one's own account. Cannot be muted.
    Security,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Assigned,
        Self::Mentioned,
        Self::Commented,
        Self::DueSoon,
        Self::Overdue,
        Self::Blocked,
        Self::Unblocked,
        Self::Security,
    ];

    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Mentioned => "mentioned",
            Self::Commented => "commented",
            Self::DueSoon => "due_soon",
            Self::Overdue => "overdue",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Security => "security",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// The thing that a notification leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `task`, `message`, `session` or `user`.
    pub kind: String,
    /// Its id.
    pub id: Uuid,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// Who is told.
    pub user_id: UserId,
    /// What it is about.
    pub topic: Topic,
    /// One line.
    pub title: String,
    /// A little more.
    pub body: String,
    /// Where it leads.
    pub resource: Option<Resource>,
    /// Whether it makes no noise: it came in quiet hours.
    pub silent: bool,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// When it came.
    pub created_at: Timestamp,
}

/// Notifications about the same thing, as one.
#[derive(Clone, Debug)]
pub struct Group {
    /// The newest of them.
    pub latest: Notification,
    /// How many there are.
    pub count: i64,
    /// How many of them are unread.
    pub unread_count: i64,
}

/// Which notifications to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only unread ones, or only read ones.
    pub unread: Option<bool>,
    /// Only about any of these.
    pub topics: Option<Vec<Topic>>,
}

/// Which notifications are read now.
#[derive(Clone, Debug)]
pub enum Which {
    /// All of them.
    All,
    /// These.
    These(Vec<NotificationId>),
}

/// Minutes of the day between which nothing makes a noise; over midnight when
/// the first is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// From this minute on.
    pub from: i16,
    /// Until before this one.
    pub to: i16,
}

impl QuietHours {
    /// Whether a minute of the day is a quiet one.
    #[must_use]
    pub const fn contains(self, minute: i16) -> bool {
        if self.from <= self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

/// What a person wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// What not.
    pub muted: Vec<Topic>,
    /// When without noise.
    pub quiet: Option<QuietHours>,
    /// Counts edits.
    pub version: i32,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { muted: Vec::new(), quiet: None, version: 1 }
    }
}

/// What is unread in one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelUnread {
    /// The channel.
    pub channel_id: ChannelId,
    /// Messages of others after the watermark; counting stops at 1,000.
    pub unread_count: i64,
    /// Those among them that mention the reader.
    pub mention_count: i64,
    /// Whether the reader has muted it.
    pub muted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_run_over_midnight() {
        let night = QuietHours { from: 22 * 60, to: 7 * 60 };
        assert!(night.contains(23 * 60) && night.contains(0) && night.contains(7 * 60 - 1));
        assert!(!night.contains(7 * 60) && !night.contains(12 * 60));
        let noon = QuietHours { from: 12 * 60, to: 13 * 60 };
        assert!(noon.contains(12 * 60) && !noon.contains(13 * 60));
        assert!(!QuietHours { from: 60, to: 60 }.contains(60));
    }

    #[test]
    fn names_come_back() {
        for topic in Topic::ALL {
            assert_eq!(Topic::parse(topic.as_str()), Some(topic));
        }
        assert_eq!(Topic::parse("gossip"), None);
    }
}
