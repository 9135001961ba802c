//! An event as it stands in the log, and its one encoding for clients.

use std::sync::{Arc, OnceLock};

use sayso_access::UserId;
use sayso_db::Effect;
use sayso_kernel::Timestamp;
use sayso_telemetry::trace::TraceContext;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A fact that has its position.
#[derive(Debug)]
pub struct Event {
    /// Its place in the whole log.
    pub position: i64,
    /// The fact's id.
    pub id: Uuid,
    /// `noun.past_verb`.
    pub kind: String,
    /// The version of the resource it is about.
    pub version: i32,
    /// When the write happened.
    pub at: Timestamp,
    /// Who did it; `None` for Sayso itself.
    pub actor_id: Option<UserId>,
    /// Through which door.
    pub via: String,
    /// Ties together what one request caused.
    pub correlation_id: Uuid,
    /// The streams it is on, each with its place there. Empty for facts that
    /// clients do not hear of.
    pub streams: Vec<Placed>,
    /// What anybody on those streams may see of the resource.
    pub data: Box<RawValue>,
    /// What changed.
    pub change: Option<Box<RawValue>>,
    /// What it does to who hears what.
    pub effects: Vec<Effect>,
    /// Where in a trace it was numbered, if it is traced and comes from whoever
    /// numbered it: the log does not keep that, and clients never see it.
    pub trace: Option<TraceContext>,
}

/// An event's place on one stream.
#[derive(Debug)]
pub struct Placed {
    /// The stream's name.
    pub stream: String,
    /// The place there: one more than the event before it.
    pub seq: i64,
    encoded: OnceLock<Arc<RawValue>>,
}

impl Placed {
    /// A place that has not been encoded yet.
    #[must_use]
    pub fn new(stream: String, seq: i64) -> Self {
        Self { stream, seq, encoded: OnceLock::new() }
    }
}

/// An event as a client sees it (contract, chapter 5). The order of the fields
/// is the order on the wire.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventSchema<'a> {
    /// The event's id: the same on every stream it is on.
    pub id: Uuid,
    /// The stream's name.
    pub stream: &'a str,
    /// Its place on the stream: one more than the event before it.
    pub seq: i64,
    /// Its place in the whole log; the cursor to resume from.
    pub position: i64,
    /// `noun.past_verb`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The version of the resource it is about.
    pub version: i32,
    /// When the write happened.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who did it; null for Sayso itself.
    pub actor_id: Option<UserId>,
    /// `http`, `socket`, `command`, `voice` or `system`.
    pub via: &'a str,
    /// Ties together what one request caused.
    pub correlation_id: Uuid,
    /// The resource as HTTP shows it to anyone who may see it.
    #[schema(value_type = Object)]
    pub data: &'a RawValue,
    /// What changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub change: Option<&'a RawValue>,
}

impl Event {
    /// The event as clients of one of its streams see it, encoded at the first
    /// call and shared from then on.
    pub fn encoded(&self, placed: &Placed) -> Arc<RawValue> {
        let encode = || {
            let shown = EventSchema {
                id: self.id,
                stream: &placed.stream,
                seq: placed.seq,
                position: self.position,
                kind: &self.kind,
                version: self.version,
                at: self.at,
                actor_id: self.actor_id,
                via: &self.via,
                correlation_id: self.correlation_id,
                data: &self.data,
                change: self.change.as_deref(),
            };
            let raw = serde_json::value::to_raw_value(&shown).expect("an event is plain JSON");
            Arc::from(raw)
        };
        Arc::clone(placed.encoded.get_or_init(encode))
    }
}
