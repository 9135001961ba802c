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

/// The kinds declared here.
pub const FACTS: &[&FactKind] = &[&SENT];

/// A message was sent. Its text is in the event; the audit knows its size and
/// hash only.
pub(crate) fn sent(message: &Message) -> Fact {
    let text = message.content.as_bytes();
    Fact::event(&SENT, vec![stream(message.channel_id)], message.version, &MessageView::of(message))
        .about("message", message.id.0)
        .details(serde_json::json!({
            "channelId": message.channel_id,
            "bytes": text.len(),
            "sha256": hex::encode(&secret::sha256(&[text])),
        }))
}
