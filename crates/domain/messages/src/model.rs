//! What a message is.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_kernel::define_id;
use uuid::Uuid;

define_id! {
    /// A message's id.
    MessageId
}

/// A message.
#[derive(Clone, Debug)]
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
    /// Who reacted how.
    pub reactions: serde_json::Value,
    /// The task that was made from it.
    pub task_id: Option<Uuid>,
    /// The client's own data.
    pub metadata: serde_json::Value,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was said.
    pub created_at: Timestamp,
    /// Counts edits.
    pub version: i32,
    /// Counts everything it shows.
    pub revision: i32,
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
    /// The client's own data.
    pub metadata: serde_json::Value,
}
