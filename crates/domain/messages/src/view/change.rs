//! Changes of a message as JSON: edits, reactions, what it said before.

use std::str::FromStr;

use jiff::Timestamp;
use sayso_access::UserId;
use sayso_kernel::Patch;
use sayso_kernel::text::{self, TextError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JsonObject;
use crate::model::{Edit, MessageId, ReactionChange, Revision};

/// Characters of an emoji, or of a client's name for one, at the most.
const EMOJI_LEN_MAX: usize = 32;

/// The body of `PUT` and `PATCH /api/messages/{id}`: absent is unchanged, null
/// is cleared.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"content": "The release is out at last. Thank you all!", "version": 1}))]
pub struct UpdateMessage {
    /// The version that is edited; or send it with `If-Match`.
    #[schema(minimum = 1)]
    pub version: Option<i32>,
    /// What is said.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: Option<String>,
    /// All members of the channel to mention, besides those whom the text
    /// names; absent, they stay.
    #[serde(default)]
    #[schema(value_type = Option<Vec<UserId>>, max_items = 50)]
    pub mentions: Patch<Vec<UserId>>,
    /// A merge patch of the client's own data (RFC 7396); null empties it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Patch<JsonObject>,
}

impl From<UpdateMessage> for Edit {
    fn from(body: UpdateMessage) -> Self {
        edit(body.content, body.mentions, body.metadata)
    }
}

fn edit(
    content: Option<String>,
    mentions: Patch<Vec<UserId>>,
    metadata: Patch<JsonObject>,
) -> Edit {
    let metadata = match metadata {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(object) => Patch::Set(object.into()),
    };
    Edit { content, mentions, metadata }
}

/// The payload of the socket event `message.edit`: the body of the HTTP
/// request, and which message.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocketEdit {
    /// The message.
    pub message_id: MessageId,
    /// The version that is edited.
    #[schema(minimum = 1)]
    pub version: i32,
    /// What is said.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: Option<String>,
    /// All members of the channel to mention, besides those whom the text
    /// names; absent, they stay.
    #[serde(default)]
    #[schema(value_type = Option<Vec<UserId>>, max_items = 50)]
    pub mentions: Patch<Vec<UserId>>,
    /// A merge patch of the client's own data (RFC 7396); null empties it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Patch<JsonObject>,
    /// The key under which it is done once.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: Option<String>,
}

impl SocketEdit {
    /// Which message, in which version, and what changes.
    #[must_use]
    pub fn into_parts(self) -> (MessageId, i32, Edit) {
        (self.message_id, self.version, edit(self.content, self.mentions, self.metadata))
    }
}

/// An emoji, or a client's name for one (`:ship:`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 32)]
pub struct Emoji(pub String);

impl FromStr for Emoji {
    type Err = TextError;

    fn from_str(raw: &str) -> Result<Self, TextError> {
        text::parse(raw, EMOJI_LEN_MAX).map(Self)
    }
}

/// The body of `POST /api/messages/{id}/reactions`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"add": ["🎉"]}))]
pub struct React {
    /// To come.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub add: Vec<Emoji>,
    /// To go; wins over `add`.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub remove: Vec<Emoji>,
}

impl From<React> for ReactionChange {
    fn from(body: React) -> Self {
        let emojis = |list: Vec<Emoji>| list.into_iter().map(|Emoji(emoji)| emoji).collect();
        Self { add: emojis(body.add), remove: emojis(body.remove) }
    }
}

/// What a message said in a version that was replaced.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageRevision)]
pub struct RevisionView {
    /// The message.
    pub message_id: MessageId,
    /// The version that said it.
    pub version: i32,
    /// What it said.
    pub content: String,
    /// Who was mentioned.
    pub mentions: Vec<UserId>,
    /// When it was replaced.
    #[schema(value_type = String, format = DateTime)]
    pub replaced_at: Timestamp,
}

impl RevisionView {
    /// A revision as everybody in the channel sees it.
    #[must_use]
    pub fn of(revision: Revision) -> Self {
        Self {
            message_id: revision.message_id,
            version: revision.version,
            content: revision.content,
            mentions: revision.mentions,
            replaced_at: revision.replaced_at,
        }
    }
}
