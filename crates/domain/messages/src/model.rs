//! What a message is.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_kernel::{Patch, define_id};
use uuid::Uuid;

define_id! {
    /// A message's id.
    MessageId
}

/// People a message names at the most.
pub const MENTIONS_MAX: usize = 50;
/// Different emojis on a message at the most.
pub const EMOJIS_MAX: usize = 20;
/// People shown with each emoji of a message.
pub const REACTORS_SHOWN: usize = 50;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Where it was said.
    pub channel_id: ChannelId,
    /// Who said it.
    pub sender_id: UserId,
    /// What was said.
    pub content: String,
    /// The message it answers to.
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it.
    pub client_id: Option<String>,
    /// Who is mentioned.
    pub mentions: Vec<UserId>,
    /// Whether it calls the whole channel.
    pub mentions_channel: bool,
    /// Who reacted how.
    pub reactions: Vec<Reaction>,
    /// How many messages answer to it.
    pub reply_count: i32,
    /// When the last of them came.
    pub last_reply_at: Option<Timestamp>,
    /// The task that was made from it.
    pub task_id: Option<Uuid>,
    /// How far that task is; `None` where who reads the message need not see it.
    pub task: Option<TaskState>,
    /// The client's own data.
    pub metadata: serde_json::Value,
    /// When its text was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was said.
    pub created_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
}

/// How far the task is that was made from a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// As the tasks say it.
    pub status: String,
    /// What is to be done.
    pub title: String,
}

/// One emoji on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji, or a name for one.
    pub emoji: String,
    /// How many people.
    pub count: i64,
    /// The first of them.
    pub user_ids: Vec<UserId>,
}

/// A message that is to be sent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is said.
    pub content: String,
    /// The message it answers to.
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it.
    pub client_id: Option<String>,
    /// Who is mentioned, besides those whom the text names.
    pub mentions: Vec<UserId>,
    /// The client's own data.
    pub metadata: serde_json::Value,
}

/// What an edit changes. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What is said.
    pub content: Option<String>,
    /// Who is mentioned, besides those whom the text names.
    pub mentions: Patch<Vec<UserId>>,
    /// A merge patch of the client's own data (RFC 7396); cleared it is empty.
    pub metadata: Patch<serde_json::Value>,
}

/// What a message said in a version that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The message.
    pub message_id: MessageId,
    /// The version that said it.
    pub version: i32,
    /// What it said.
    pub content: String,
    /// Who was mentioned.
    pub mentions: Vec<UserId>,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// How somebody changes their reactions.
#[derive(Clone, Debug, Default)]
pub struct ReactionChange {
    /// To come.
    pub add: Vec<String>,
    /// To go; wins over `add`.
    pub remove: Vec<String>,
}

/// How far somebody has read a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadReading {
    /// The message at the head of the thread.
    pub thread_id: MessageId,
    /// Its channel.
    pub channel_id: ChannelId,
    /// The newest message of it that was read.
    pub last_read_message_id: Option<MessageId>,
    /// Answers of others after that one.
    pub unread_count: i64,
}
