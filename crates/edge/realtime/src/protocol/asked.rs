//! What clients ask of the gateway itself, and what it answers.

use sayso_events::{Event, EventSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// `typing.start`, `typing.stop`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Typing {
    /// Where.
    pub(crate) channel_id: Uuid,
}

/// `presence.set`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SetPresence {
    /// How one wants to be seen.
    pub(crate) status: StatusInput,
}

/// How one wants to be seen; `online` leaves it to what one's devices show.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PresenceStatus)]
pub(crate) enum StatusInput {
    Online,
    Away,
    Busy,
    Offline,
}

impl From<StatusInput> for sayso_events::Status {
    fn from(status: StatusInput) -> Self {
        match status {
            StatusInput::Online => Self::Online,
            StatusInput::Away => Self::Away,
            StatusInput::Busy => Self::Busy,
            StatusInput::Offline => Self::Offline,
        }
    }
}

/// `events.ack`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ack {
    /// Everything up to here was taken in.
    #[schema(minimum = 0)]
    pub(crate) position: i64,
}

/// What was noted of an `events.ack`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Acknowledged)]
pub(crate) struct Acked<'a> {
    /// The history.
    pub(crate) epoch: &'a str,
    /// The place that was noted.
    pub(crate) position: i64,
}

/// `events.replay`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AskedReplay)]
pub(crate) struct Replay {
    /// The history that the client knows.
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) epoch: String,
    /// What lies after this is asked for.
    #[schema(minimum = 0)]
    pub(crate) position: i64,
    /// Events at the most.
    #[schema(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<i64>,
}

/// A part of the past, as HTTP answers it too.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Past {
    /// The events, oldest first.
    #[schema(value_type = Vec<EventSchema>)]
    items: Vec<Value>,
    /// Where to go on: everything up to here was told.
    position: i64,
    /// The end of the log.
    head: i64,
    /// The history.
    epoch: String,
}

impl Past {
    /// Each event as it stands on the stream it was found on.
    pub(crate) fn of(past: sayso_events::Past) -> Self {
        let shown = |event: &Event| {
            let encoded = event.encoded(event.streams.first()?);
            serde_json::from_str(encoded.get()).ok()
        };
        Self {
            items: past.events.iter().filter_map(shown).collect(),
            position: past.position,
            head: past.head,
            epoch: past.epoch,
        }
    }
}
