//! The facts of messages.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_channels::events::stream;
use sayso_db::{Fact, FactKind, Stream};
use sayso_kernel::{hex, secret};
use sayso_web::told::Fields;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::model::{Message, MessageId, ThreadReading};
use crate::view::{MessageView, ThreadReadingView};

/// A message was sent.
pub const SENT: FactKind = FactKind {
    name: "message.sent",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A message was sent.",
};
/// A message says something else now.
pub const EDITED: FactKind = FactKind {
    name: "message.edited",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A message was edited; `change.fields` names what differs, `change.mentioned` whom it mentions anew.",
};
/// Somebody reacted to a message, or no longer does.
pub const REACTED: FactKind = FactKind {
    name: "message.reacted",
    is_event: true,
    is_audited: false,
    stream: "channel",
    summary: "Somebody reacted to a message; `change` names the emojis that came and went.",
};
/// A message is in the trash.
pub const DELETED: FactKind = FactKind {
    name: "message.deleted",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A message was deleted.",
};
/// A message is back.
pub const RESTORED: FactKind = FactKind {
    name: "message.restored",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A deleted message was brought back.",
};
/// A thread has more or fewer answers; the message at its head shows it.
pub const THREAD_CHANGED: FactKind = FactKind {
    name: "message.thread_changed",
    is_event: true,
    is_audited: false,
    stream: "channel",
    summary: "An answer came or went: the message at the head of the thread, with `replyCount` and `lastReplyAt`.",
};
/// A thread was read; for the other devices of the reader.
pub const THREAD_READ: FactKind = FactKind {
    name: "thread.read",
    is_event: true,
    is_audited: false,
    stream: "user",
    summary: "You have read a thread up to this message.",
};

/// The kinds declared here.
pub const FACTS: &[&FactKind] =
    &[&SENT, &EDITED, &REACTED, &DELETED, &RESTORED, &THREAD_CHANGED, &THREAD_READ];

fn about(kind: &'static FactKind, message: &Message) -> Fact {
    Fact::event(kind, vec![stream(message.channel_id)], message.version, &MessageView::of(message))
        .about("message", message.id.0)
}

/// What the audit knows of a text: its size and its hash.
fn print(message: &Message) -> serde_json::Value {
    let text = message.content.as_bytes();
    json!({
        "channelId": message.channel_id,
        "bytes": text.len(),
        "sha256": hex::encode(&secret::sha256(&[text])),
    })
}

/// A message was sent. Its text is in the event only.
pub(crate) fn sent(message: &Message) -> Fact {
    about(&SENT, message).details(print(message))
}

/// The `change` of `message.edited`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedMessage)]
pub struct Edited<'a> {
    /// The names of the fields that differ.
    pub fields: &'a [&'a str],
    /// Whom it mentions anew.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    pub mentioned: &'a [UserId],
}

/// A message says or shows something else now.
pub(crate) fn edited(message: &Message, fields: &[&'static str], mentioned: &[UserId]) -> Fact {
    let mut details = print(message);
    details["fields"] = json!(fields);
    about(&EDITED, message).change(&Edited { fields, mentioned }).details(details)
}

/// The `change` of `message.reacted`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangedReactions)]
pub struct Reacted<'a> {
    /// `reactions`.
    pub fields: &'a [&'a str],
    /// The emojis that came.
    pub added: &'a [String],
    /// The emojis that went.
    pub removed: &'a [String],
}

/// Somebody reacted to a message, or no longer does.
pub(crate) fn reacted(message: &Message, added: &[String], removed: &[String]) -> Fact {
    about(&REACTED, message).change(&Reacted { fields: &["reactions"], added, removed })
}

/// The data of `message.deleted`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedMessage {
    /// The message.
    pub id: MessageId,
    /// The channel it stood in.
    pub channel_id: ChannelId,
}

/// A message is in the trash.
pub(crate) fn deleted(message: &Message) -> Fact {
    let data = DeletedMessage { id: message.id, channel_id: message.channel_id };
    Fact::event(&DELETED, vec![stream(message.channel_id)], message.version, &data)
        .about("message", message.id.0)
        .details(json!({ "channelId": message.channel_id, "senderId": message.sender_id }))
}

/// A message is back.
pub(crate) fn restored(message: &Message) -> Fact {
    about(&RESTORED, message).details(print(message))
}

/// A thread has more or fewer answers.
pub(crate) fn thread_changed(head: &Message) -> Fact {
    about(&THREAD_CHANGED, head).change(&Fields { fields: &["replyCount", "lastReplyAt"] })
}

/// Somebody has read a thread.
pub(crate) fn thread_read(reader: UserId, reading: &ThreadReading) -> Fact {
    let data = ThreadReadingView::of(reading, reader);
    Fact::event(&THREAD_READ, vec![Stream::User(reader)], 0, &data)
}
