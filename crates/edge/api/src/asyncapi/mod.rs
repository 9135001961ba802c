//! The AsyncAPI document: everything that travels over a socket, both ways.
//! Its schemas are those of the types that are sent.

mod events;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use sayso_events::EventSchema;
use sayso_web::told::{Shown, Told};
use serde_json::{Map, Value, json};

use events::EventShown;

/// The one channel: the namespace `/` of the Socket.IO server.
const CHANNEL: &str = "socket";

/// The document.
#[must_use]
pub fn asyncapi() -> Value {
    let mut parts = Parts::default();
    let mut heard: Vec<&str> = Vec::new();
    for event in events::all() {
        heard.push(event.kind.name);
        parts.event(event);
    }
    for told in sayso_realtime::heard() {
        heard.push(told.name);
        parts.message(&told);
    }
    let mut operations = Map::new();
    operations.insert(
        "hear".to_owned(),
        json!({
            "action": "send",
            "summary": "What a client hears.",
            "channel": reference("channels", CHANNEL),
            "messages": heard.iter().map(|name| of_channel(name)).collect::<Vec<_>>(),
        }),
    );
    for told in events::sent() {
        operations.insert(format!("say.{}", told.name), parts.request(told));
    }
    parts.document(operations)
}

/// The document, as text.
#[must_use]
pub fn asyncapi_text() -> String {
    serde_json::to_string_pretty(&asyncapi()).expect("the document is plain JSON")
}

/// Serves the document.
pub(crate) fn route() -> Router {
    let text = Bytes::from(asyncapi_text());
    let serve = async move || ([(CONTENT_TYPE, "application/json")], text.clone()).into_response();
    // fixture: GET /asyncapi.json
    Router::new().route("/asyncapi.json", get(serve))
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{kind}/{name}") })
}

fn of_channel(name: &str) -> Value {
    json!({ "$ref": format!("#/channels/{CHANNEL}/messages/{name}") })
}

/// What the document is put together from.
#[derive(Default)]
struct Parts {
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Parts {
    /// Takes the schemas of a type; answers the reference to it.
    fn take(&mut self, shown: Shown) -> Value {
        self.schemas.extend(shown.components);
        shown.reference
    }

    /// An event of the log: what every event is, with its type and its data.
    fn event(&mut self, event: EventShown) {
        let kind = event.kind;
        let mut schema = envelope();
        let properties = &mut schema["properties"];
        properties["type"] = json!({ "type": "string", "const": kind.name });
        properties["data"] = self.take(event.data);
        match event.change.map(|change| self.take(change)) {
            Some(change) => {
                properties["change"] = change;
                if let Some(required) = schema["required"].as_array_mut() {
                    required.push("change".into());
                }
            }
            None => drop(properties.as_object_mut().and_then(|all| all.remove("change"))),
        }
        schema["description"] = format!("{} Stream: {}.", kind.summary, kind.stream).into();
        self.say(kind.name, kind.summary, schema);
    }

    fn message(&mut self, told: &Told) {
        let payload = self.take(told.payload.clone());
        self.say(told.name, told.summary, payload);
    }

    fn say(&mut self, name: &str, summary: &str, payload: Value) {
        self.insert(name.to_owned(), name, summary, payload);
    }

    /// A message under a key of its own: clients say some things by the name
    /// by which they hear others.
    fn insert(&mut self, key: String, name: &str, summary: &str, payload: Value) {
        let message = json!({ "name": name, "summary": summary, "payload": payload });
        let before = self.messages.insert(key, message);
        debug_assert!(before.is_none(), "{name} is there twice");
    }

    /// What a client says, and how it is acknowledged.
    fn request(&mut self, told: Told) -> Value {
        let said = format!("say.{}", told.name);
        let payload = self.take(told.payload);
        self.insert(said.clone(), told.name, told.summary, payload);
        let answer = format!("{}.acknowledged", told.name);
        let data = told.answer.map(|shown| self.take(shown)).unwrap_or_else(|| json!({}));
        let payload = acknowledgement(&data);
        self.say(&answer, sayso_realtime::ACKNOWLEDGEMENT, payload);
        json!({
            "action": "receive",
            "summary": told.summary,
            "channel": reference("channels", CHANNEL),
            "messages": [of_channel(&said)],
            "reply": { "messages": [of_channel(&answer)] },
        })
    }

    fn document(self, operations: Map<String, Value>) -> Value {
        let names = self.messages.keys();
        let messages: Map<String, Value> =
            names.map(|name| (name.clone(), reference("components/messages", name))).collect();
        json!({
            "asyncapi": "3.0.0",
            "info": {
                "title": "Sayso",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "What happens in the company, as it happens: Socket.IO (protocol v5), \
                                path `/socket.io/`, namespace `/`. docs/events.md says how to connect, \
                                come back, and miss nothing.",
            },
            "defaultContentType": "application/json",
            "channels": {
                CHANNEL: {
                    "address": "/",
                    "description": "The namespace. The name of a Socket.IO event is the message's \
                                    name, its one argument the payload.",
                    "messages": messages,
                },
            },
            "operations": operations,
            "components": { "messages": self.messages, "schemas": self.schemas },
        })
    }
}

/// The schema that all events of the log have in common.
fn envelope() -> Value {
    let mut shown = Shown::of::<EventSchema<'_>>();
    let name = <EventSchema<'_> as utoipa::ToSchema>::name();
    shown.components.remove(&*name).expect("a type has its own schema")
}

fn acknowledgement(data: &Value) -> Value {
    let problem = json!({ "type": "object", "required": ["code", "status", "title", "type"] });
    json!({
        "oneOf": [
            {
                "type": "object",
                "required": ["ok", "data"],
                "properties": { "ok": { "const": true }, "data": data },
            },
            {
                "type": "object",
                "required": ["ok", "error", "temporary"],
                "properties": {
                    "ok": { "const": false },
                    "error": problem,
                    "temporary": { "type": "boolean" },
                },
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_of_the_catalogue_is_shown_once_and_no_other() {
        let known = crate::catalog::facts().into_iter().filter(|kind| kind.is_event);
        let known: BTreeSet<&str> = known.map(|kind| kind.name).collect();
        let shown: Vec<&str> = events::all().iter().map(|event| event.kind.name).collect();

        let untold: Vec<_> = known.iter().filter(|name| !shown.contains(name)).collect();
        assert!(untold.is_empty(), "{untold:?}: say in asyncapi/events.rs what they carry");
        assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(shown.len(), known.len());
    }

    #[test]
    fn what_is_said_and_what_is_heard_by_one_name_are_two_messages() {
        let messages = &asyncapi()["components"]["messages"];

        assert!(messages["channel.read"]["payload"]["properties"]["seq"].is_object());
        let said = &messages["say.channel.read"];
        assert_eq!(said["name"], "channel.read");
        assert_eq!(said["payload"]["$ref"], "#/components/schemas/SocketRead");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = asyncapi();
        let mut all = vec![&document];
        let mut count = 0;
        while let Some(value) = all.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                        let found = document.pointer(target.trim_start_matches('#'));
                        assert!(found.is_some(), "{target} leads nowhere");
                        count += 1;
                    }
                    all.extend(object.values());
                }
                Value::Array(items) => all.extend(items),
                _ => {}
            }
        }
        assert!(count > 100, "{count}");
    }
}
