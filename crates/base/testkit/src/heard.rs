//! What sockets have heard, as their driver tells it.

use serde_json::Value;

use crate::schemas::Schemas;

/// Begins the name under which an acknowledgement is told.
pub(crate) const ACK: &str = "ack ";

/// One line of the driver: what a socket heard, or what became of it
/// (`connect`, `connect_error`, `disconnect`).
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which socket.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// Its argument.
    pub payload: Value,
    /// When, in milliseconds.
    pub at: i64,
}

impl Heard {
    /// Whether it stands in the log: it has a stream and a position.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.payload["position"].is_i64() && self.payload["stream"].is_string()
    }

    /// Whether a brief driver has left something out.
    pub(crate) fn is_shorn(&self) -> bool {
        let is_marked = |payload: &Value| payload["shorn"] == true;
        let mut replayed = self.payload["events"].as_array().into_iter().flatten();
        is_marked(&self.payload) || replayed.any(is_marked)
    }

    /// What does not fit its schema. Acknowledgements are looked at where it
    /// is known of what they are.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_acknowledgement = self.event.starts_with(ACK);
        if is_acknowledgement {
            return None;
        }
        Schemas::golden().fault(&self.event, &self.payload)
    }
}

/// What one socket heard, as the driver wrote it: a long storm leaves millions
/// of lines, of which most are read once, at the end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) raw: Vec<Box<str>>,
    pub(crate) events: usize,
    pub(crate) last_position: i64,
    pub(crate) is_here: bool,
    pub(crate) losses: usize,
}

impl Lines {
    /// Counts what whoever waits asks for again and again.
    pub(crate) fn note(&mut self, heard: &Heard) {
        match heard.event.as_str() {
            "ready" => self.is_here = true,
            "disconnect" => {
                self.is_here = false;
                self.losses += 1;
            }
            _ => {}
        }
        if let Some(position) = heard.payload["position"].as_i64()
            && heard.is_event()
        {
            self.events += 1;
            self.last_position = self.last_position.max(position);
        }
    }
}

/// A line of the driver; `None` where it is none.
pub(crate) fn parse(line: &str) -> Option<Heard> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    Some(Heard {
        id: line["id"].as_str()?.to_owned(),
        event: line["event"].as_str()?.to_owned(),
        at: line["at"].as_i64()?,
        payload: line["payload"].take(),
    })
}

/// A `replay`, and after it the events that it carried; anything else alone.
pub(crate) fn unpack(heard: Heard) -> Vec<Heard> {
    if heard.event != "replay" {
        return vec![heard];
    }
    let events = heard.payload["events"].as_array().cloned().unwrap_or_default();
    let (id, at) = (heard.id.clone(), heard.at);
    let unpacked = events.into_iter().map(|event| Heard {
        id: id.clone(),
        at,
        event: event["type"].as_str().unwrap_or_default().to_owned(),
        payload: event,
    });
    std::iter::once(heard).chain(unpacked).collect()
}
