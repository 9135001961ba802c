//! Messages as JSON.

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::model::{Draft, Message, MessageId};

/// The body of `POST /api/channels/{id}/messages`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "The release is out. Thank you all!"}))]
pub struct SendMessage {
    /// What is said.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
    /// The message it answers to.
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it; comes back in the message.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: Option<String>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl From<SendMessage> for Draft {
    fn from(body: SendMessage) -> Self {
        Self {
            content: body.content,
            thread_id: body.thread_id,
            client_id: body.client_id,
            metadata: body.metadata.unwrap_or_default().into(),
        }
    }
}

/// The payload of the socket event `message.send`: the body of the HTTP
/// request, and where to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocketSend {
    /// Where it is said.
    pub channel_id: ChannelId,
    /// What is said.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
    /// The message it answers to.
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it, and the key under which it is sent once.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: Option<String>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl SocketSend {
    /// Where to, and what.
    #[must_use]
    pub fn into_parts(self) -> (ChannelId, Draft) {
        let draft = Draft {
            content: self.content,
            thread_id: self.thread_id,
            client_id: self.client_id,
            metadata: self.metadata.unwrap_or_default().into(),
        };
        (self.channel_id, draft)
    }
}

/// The query of `GET /api/channels/{id}/messages`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMessages {
    /// Entries in the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// Where the page begins: `nextCursor` of the one before.
    pub cursor: Option<String>,
}

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Message)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// Where it was said.
    pub channel_id: ChannelId,
    /// Who said it.
    pub sender_id: UserId,
    /// What was said.
    pub content: String,
    /// The message it answers to.
    #[schema(required)]
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it.
    #[schema(required)]
    pub client_id: Option<String>,
    /// Who is mentioned.
    pub mentions: Vec<UserId>,
    /// Who reacted how.
    #[schema(value_type = Vec<Object>)]
    pub reactions: serde_json::Value,
    /// The task that was made from it.
    #[schema(required)]
    pub task_id: Option<Uuid>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// When it was last edited.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Counts edits; sent back with an edit.
    pub version: i32,
    /// Counts everything it shows; apply only a higher one.
    pub revision: i32,
}

impl MessageView {
    /// A message as everybody in its channel sees it.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            id: message.id,
            channel_id: message.channel_id,
            sender_id: message.sender_id,
            content: message.content.clone(),
            thread_id: message.thread_id,
            client_id: message.client_id.clone(),
            mentions: message.mentions.clone(),
            reactions: message.reactions.clone(),
            task_id: message.task_id,
            metadata: message.metadata.clone(),
            edited_at: message.edited_at,
            created_at: message.created_at,
            version: message.version,
            revision: message.revision,
        }
    }
}
