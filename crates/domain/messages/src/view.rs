//! Messages as JSON.

mod change;
mod list;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_channels::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use change::{Emoji, React, RevisionView, SocketEdit, UpdateMessage};
pub use list::{
    ListMessages, ListOfMessage, MessagePage, OrderInput, ReadThread, ThreadQuery,
    ThreadReadingView, ThreadView,
};

use crate::model::{Draft, Message, MessageId, REACTORS_SHOWN, Reaction};
use crate::size;

type JsonObject = serde_json::Map<String, serde_json::Value>;

/// The body of `POST /api/channels/{id}/messages`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "The release is out. Thank you all!"}))]
pub struct SendMessage {
    /// What is said. `<@id>` mentions a person, `@channel` everybody.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
    /// The message it answers to.
    pub thread_id: Option<MessageId>,
    /// The sender's own name for it; comes back in the message.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: Option<String>,
    /// Members of the channel to mention, besides those whom the text names.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub mentions: Vec<UserId>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl From<SendMessage> for Draft {
    fn from(body: SendMessage) -> Self {
        Self {
            content: body.content,
            thread_id: body.thread_id,
            client_id: body.client_id,
            mentions: body.mentions,
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
    /// Members of the channel to mention, besides those whom the text names.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub mentions: Vec<UserId>,
    /// The client's own data.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

impl SocketSend {
    /// Where to, and what.
    #[must_use]
    pub fn into_parts(self) -> (ChannelId, Draft) {
        let draft = Draft {
            content: self.content,
            thread_id: self.thread_id,
            client_id: self.client_id,
            mentions: self.mentions,
            metadata: self.metadata.unwrap_or_default().into(),
        };
        (self.channel_id, draft)
    }
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
    /// Whether it calls everybody in the channel.
    pub mentions_channel: bool,
    /// Who reacted how, in the order in which the emojis came.
    pub reactions: Vec<ReactionView>,
    /// How many messages answer to it.
    pub reply_count: i32,
    /// When the last of them came.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_reply_at: Option<Timestamp>,
    /// The task that was made from it.
    #[schema(required)]
    pub task_id: Option<Uuid>,
    /// How far that task is, as of the reading. Its own events tell what becomes
    /// of it, so those of messages do not.
    #[schema(required)]
    pub task: Option<TaskOfMessage>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// When its text was last edited.
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

/// The task that was made from a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOfMessage {
    /// Its id.
    pub id: Uuid,
    /// How far it is; absent where it is in the trash or in another channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What is to be done; absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl TaskOfMessage {
    fn of(message: &Message) -> Option<Self> {
        let state = message.task.as_ref();
        Some(Self {
            id: message.task_id?,
            status: state.map(|state| state.status.clone()),
            title: state.map(|state| state.title.clone()),
        })
    }
}

/// One emoji on a message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reaction)]
pub struct ReactionView {
    /// The emoji, or a client's name for one.
    pub emoji: String,
    /// How many people reacted with it.
    pub count: i64,
    /// The first of them, at most 50; fewer on a very large message.
    pub user_ids: Vec<UserId>,
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
            mentions_channel: message.mentions_channel,
            reactions: reactions(message),
            reply_count: message.reply_count,
            last_reply_at: message.last_reply_at,
            task_id: message.task_id,
            task: TaskOfMessage::of(message),
            metadata: message.metadata.clone(),
            edited_at: message.edited_at,
            created_at: message.created_at,
            version: message.version,
            revision: message.revision,
        }
    }
}

/// What is shown of the reactions, so that the message stays small enough to be
/// an event.
fn reactions(message: &Message) -> Vec<ReactionView> {
    if message.reactions.is_empty() {
        return Vec::new();
    }
    let emojis: Vec<&str> = message.reactions.iter().map(|one| one.emoji.as_str()).collect();
    let text = (message.content.as_str(), &message.metadata);
    let shown = size::reactors_shown(REACTORS_SHOWN, text, message.mentions.len(), &emojis);
    let view = |reaction: &Reaction| ReactionView {
        emoji: reaction.emoji.clone(),
        count: reaction.count,
        user_ids: reaction.user_ids.iter().take(shown).copied().collect(),
    };
    message.reactions.iter().map(view).collect()
}
