//! What is heard now or never: events without a place in the log.

use std::sync::Arc;

use sayso_access::UserId;
use sayso_events::Seen;
use sayso_kernel::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// Names of volatile events.
pub(crate) const CONNECTED: &str = "user.connected";
pub(crate) const DISCONNECTED: &str = "user.disconnected";
pub(crate) const PRESENCE: &str = "presence.changed";
pub(crate) const PRESENCE_MANY: &str = "presence.listed";
pub(crate) const TYPING: &str = "typing.started";
pub(crate) const TYPING_ENDED: &str = "typing.stopped";

/// How a person is seen: `presence.changed`, `user.connected`,
/// `user.disconnected`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    user_id: UserId,
    status: &'static str,
    last_active_at: Option<Timestamp>,
    volatile: bool,
}

impl Person {
    pub(crate) fn new(user_id: UserId, seen: Seen) -> Self {
        let (status, last_active_at) = (seen.status.as_str(), seen.last_active_at);
        Self { user_id, status, last_active_at, volatile: true }
    }
}

/// Many at once: `presence.listed`.
#[derive(Serialize)]
pub(crate) struct Listed<'a> {
    #[serde(serialize_with = "super::raw_all")]
    pub(crate) people: &'a [Arc<RawValue>],
    pub(crate) volatile: bool,
}

/// `typing.started`, `typing.stopped`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Typist<'a> {
    channel_id: &'a str,
    user_id: UserId,
    volatile: bool,
}

impl<'a> Typist<'a> {
    /// Somebody on the stream of a channel.
    pub(crate) fn new(stream: &'a str, user_id: UserId) -> Self {
        let channel_id = stream.strip_prefix("channel:").unwrap_or(stream);
        Self { channel_id, user_id, volatile: true }
    }
}
