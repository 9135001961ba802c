//! The facts of messages.

use sayso_channels::events::stream;
use sayso_db::{Fact, FactKind};
use sayso_kernel::{hex, secret};

use crate::model::Message;
use crate::view::MessageView;

/// A message was sent.
pub const SENT: FactKind = FactKind {
    name: "message.sent",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A message was sent.",
};

/// A message says or shows something else now.
pub const EDITED: FactKind = FactKind {
    name: "message.edited",
    is_event: true,
    is_audited: true,
    stream: "channel",
    summary: "A message was edited; `change.fields` names what differs.",
};

/// The kinds declared here.
pub const FACTS: &[&FactKind] = &[&SENT, &EDITED];

fn about(kind: &'static FactKind, message: &Message) -> Fact {
    Fact::event(kind, vec![stream(message.channel_id)], message.version, &MessageView::of(message))
        .about("message", message.id.0)
}

/// What the audit knows of a text: its size and its hash.
fn print(message: &Message) -> serde_json::Value {
    let text = message.content.as_bytes();
    serde_json::json!({
        "channelId": message.channel_id,
        "bytes": text.len(),
        "sha256": hex::encode(&secret::sha256(&[text])),
    })
}

/// A message was sent. Its text is in the event only.
pub(crate) fn sent(message: &Message) -> Fact {
    about(&SENT, message).details(print(message))
}

/// A message says or shows something else now.
pub(crate) fn edited(message: &Message, fields: &[&'static str]) -> Fact {
    let mut details = print(message);
    details["fields"] = serde_json::json!(fields);
    about(&EDITED, message).change(&serde_json::json!({ "fields": fields })).details(details)
}
