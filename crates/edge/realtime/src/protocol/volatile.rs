//! What is heard now or never: events without a place in the log.

use std::sync::Arc;

use sayso_access::UserId;
use sayso_events::Seen;
use sayso_kernel::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Names of volatile events.
pub(crate) const CONNECTED: &str = "user.connected";
pub(crate) const DISCONNECTED: &str = "user.disconnected";
pub(crate) const PRESENCE: &str = "presence.changed";
pub(crate) const PRESENCE_MANY: &str = "presence.listed";
pub(crate) const TYPING: &str = "typing.started";
pub(crate) const TYPING_ENDED: &str = "typing.stopped";

/// How a person is seen: `presence.changed`, `user.connected`,
/// `user.disconnected`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Presence)]
pub(crate) struct Person {
    /// Who.
    user_id: UserId,
    /// `online`, `away`, `busy` or `offline`.
    status: &'static str,
    /// When the person last showed a sign of life.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_active_at: Option<Timestamp>,
    /// True: it is not in the log.
    volatile: bool,
}

impl Person {
    pub(crate) fn new(user_id: UserId, seen: Seen) -> Self {
        let (status, last_active_at) = (seen.status.as_str(), seen.last_active_at);
        Self { user_id, status, last_active_at, volatile: true }
    }
}

/// Many at once: `presence.listed`.
#[derive(Serialize, ToSchema)]
#[schema(as = PresenceList)]
pub(crate) struct Listed<'a> {
    /// How each is seen now.
    #[serde(serialize_with = "super::raw_all")]
    #[schema(value_type = Vec<Person>)]
    pub(crate) people: &'a [Arc<RawValue>],
    /// True: it is not in the log.
    pub(crate) volatile: bool,
}

/// `typing.started`, `typing.stopped`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Typist<'a> {
    /// Where.
    channel_id: &'a str,
    /// Who.
    user_id: UserId,
    /// True: it is not in the log.
    volatile: bool,
}

impl<'a> Typist<'a> {
    /// Somebody on the stream of a channel.
    pub(crate) fn new(stream: &'a str, user_id: UserId) -> Self {
        let channel_id = stream.strip_prefix("channel:").unwrap_or(stream);
        Self { channel_id, user_id, volatile: true }
    }
}
