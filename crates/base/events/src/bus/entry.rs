//! An event as it travels over the bus: with everything that a node needs to
//! apply it.

use sayso_access::UserId;
use sayso_db::Effect;
use sayso_kernel::Timestamp;
use sayso_telemetry::trace::TraceContext;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::event::{Event, Placed};

#[derive(Serialize)]
struct Written<'a> {
    id: Uuid,
    kind: &'a str,
    version: i32,
    at: Timestamp,
    actor: Option<UserId>,
    via: &'a str,
    correlation: Uuid,
    streams: Vec<(&'a str, i64)>,
    data: &'a RawValue,
    change: Option<&'a RawValue>,
    effects: &'a [Effect],
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

#[derive(Deserialize)]
struct Read {
    id: Uuid,
    kind: String,
    version: i32,
    at: Timestamp,
    actor: Option<UserId>,
    via: String,
    correlation: Uuid,
    streams: Vec<(String, i64)>,
    data: Box<RawValue>,
    change: Option<Box<RawValue>>,
    effects: Vec<Effect>,
    /// Nodes before there were traces say nothing of it.
    #[serde(default)]
    trace: Option<String>,
}

/// The event without its position, which is the entry's id.
pub(super) fn write(event: &Event) -> Vec<u8> {
    let written = Written {
        id: event.id,
        kind: &event.kind,
        version: event.version,
        at: event.at,
        actor: event.actor_id,
        via: &event.via,
        correlation: event.correlation_id,
        streams: event.streams.iter().map(|it| (it.stream.as_str(), it.seq)).collect(),
        data: &event.data,
        change: event.change.as_deref(),
        effects: &event.effects,
        trace: event.trace.as_ref().map(ToString::to_string),
    };
    serde_json::to_vec(&written).expect("an event is plain JSON")
}

/// `None` for what cannot be read: it is of another version of Sayso.
pub(super) fn read(position: i64, bytes: &[u8]) -> Option<Event> {
    let read: Read = serde_json::from_slice(bytes).ok()?;
    let streams = read.streams.into_iter();
    Some(Event {
        position,
        id: read.id,
        kind: read.kind,
        version: read.version,
        at: read.at,
        actor_id: read.actor,
        via: read.via,
        correlation_id: read.correlation,
        streams: streams.map(|(stream, seq)| Placed::new(stream, seq)).collect(),
        data: read.data,
        change: read.change,
        effects: read.effects,
        trace: read.trace.as_deref().and_then(TraceContext::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("it is JSON")
    }

    #[test]
    fn an_event_is_read_as_it_was_written_to_the_byte() {
        let effect = Effect::Close { stream: "channel:1".to_owned() };
        let event = Event {
            position: 7,
            id: Uuid::from_u128(1),
            kind: "it.happened".to_owned(),
            version: 3,
            at: "2026-01-02T03:04:05.678901Z".parse().expect("a time"),
            actor_id: Some(UserId(Uuid::from_u128(2))),
            via: "http".to_owned(),
            correlation_id: Uuid::from_u128(3),
            streams: vec![Placed::new("user:a".to_owned(), 5), Placed::new("user:b".to_owned(), 9)],
            data: raw(r#"{"b": 1.50, "a": null}"#),
            change: None,
            effects: vec![effect],
            trace: TraceContext::parse(TRACE),
        };

        let read = read(7, &write(&event)).expect("it can be read");

        assert_eq!(read.effects, event.effects);
        assert!(read.trace.is_some() && read.trace == event.trace);
        for (placed, was) in read.streams.iter().zip(&event.streams) {
            assert_eq!(read.encoded(placed).get(), event.encoded(was).get());
        }
        assert!(super::read(7, b"{}").is_none());
    }

    #[test]
    fn an_event_of_a_node_that_knows_no_traces_is_read() {
        let text = r#"{"id":"00000000-0000-0000-0000-000000000001","kind":"it.happened",
            "version":1,"at":"2026-01-02T03:04:05Z","actor":null,"via":"http",
            "correlation":"00000000-0000-0000-0000-000000000003","streams":[["company",1]],
            "data":1,"change":null,"effects":[]}"#;

        let read = read(7, text.as_bytes()).expect("it can be read");

        assert_eq!(read.kind, "it.happened");
        assert!(read.trace.is_none());
    }
}
