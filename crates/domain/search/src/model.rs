//! What is searched, what is asked, and what is found.

use jiff::Timestamp;
use sayso_channels::model::{Channel, Reading};
use sayso_messages::Message;
use sayso_tasks::Task;
use sayso_users::User;
use uuid::Uuid;

/// Matches that are ranked, of each kind the newest.
pub const RANKED_MAX: i64 = 2000;
/// A kind of thing that can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tasks, by title and description.
    Task,
    /// Messages, by content.
    Message,
    /// Channels, by name and description.
    Channel,
    /// People, by name and e-mail.
    User,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Task, Self::Message, Self::Channel, Self::User];

    /// The name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Message => "message",
            Self::Channel => "channel",
            Self::User => "user",
        }
    }
}

/// What narrows a question down, its names already looked up.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// By any of them.
    pub people: Option<Vec<Uuid>>,
    /// In any of them.
    pub channels: Option<Vec<Uuid>>,
    /// At this moment or later.
    pub after: Option<Timestamp>,
    /// Before this moment.
    pub before: Option<Timestamp>,
    /// Tasks in any of these states.
    pub status: Option<Vec<&'static str>>,
}

/// Something found, before it is looked up.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: Uuid,
    /// How well it fits: 0 to 1,000.
    pub score: i32,
    /// A piece of its text around the first term.
    pub snippet: String,
}

/// What one kind has.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The best after the cursor.
    pub found: Vec<Found>,
    /// Matches that were ranked.
    pub considered: i64,
    /// Whether there may be older matches that were not.
    pub capped: bool,
}

/// A page of what was found, before it is looked up.
#[derive(Clone, Debug)]
pub struct FoundPage {
    /// The best first.
    pub found: Vec<Found>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
    /// Matches that were ranked.
    pub considered: i64,
    /// Whether there may be older matches that were not.
    pub capped: bool,
}

/// What a hit shows.
#[derive(Clone, Debug)]
pub enum Resource {
    /// A task.
    Task(Box<Task>),
    /// A message.
    Message(Box<Message>),
    /// A channel, as the caller sees it.
    Channel(Box<(Channel, Reading)>),
    /// A person.
    User(Box<User>),
}

/// A hit.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Where and how well.
    pub found: Found,
    /// What it is.
    pub resource: Resource,
}
