//! An event as it travels over the bus: with everything that a node needs to
//! apply it.

use sayso_access::UserId;
use sayso_db::Effect;
use sayso_kernel::Timestamp;
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };

        let read = read(7, &write(&event)).expect("it can be read");

        assert_eq!(read.effects, event.effects);
        for (placed, was) in read.streams.iter().zip(&event.streams) {
            assert_eq!(read.encoded(placed).get(), event.encoded(was).get());
        }
        assert!(super::read(7, b"{}").is_none());
    }
}
