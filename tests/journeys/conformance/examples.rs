//! Examples of the document: what was sent and answered, made stable, so that
//! they change only when the API does (`crates/edge/api/src/openapi/examples.json`).

use std::collections::BTreeMap;

use sayso_testkit::Reply;
use serde_json::{Map, Value, json};

use super::document::{Document, Operation};
use super::fixtures::Call;
use crate::golden;

const FILE: &str = "crates/edge/api/src/openapi/examples.json";
/// What is shown without an example: lines and text that are no JSON of ours, and
/// a server that is not ready.
const WITHOUT: [&str; 3] = [
    "get_metrics 200 text/plain",
    "get_readiness 503 application/json",
    "list_audit 200 application/x-ndjson",
];
/// When everything happens in an example.
const TIME: &str = "2026-12-01T09:30:00Z";
/// Entries of a list that are shown.
const ENTRIES_MAX: usize = 1;
/// Secrets are shown as what they are for.
const SECRETS: [&str; 12] = [
    "accessToken",
    "refreshToken",
    "token",
    "code",
    "secret",
    "uri",
    "hash",
    "x",
    "kid",
    "recoveryCodes",
    "epoch",
    "nextCursor",
];

#[derive(Default)]
pub struct Examples {
    all: BTreeMap<String, Value>,
}

impl Examples {
    pub fn remember(&mut self, operation: &Operation, call: &Call, reply: &Reply) {
        let mut one = Map::new();
        if let Some(body) = &call.body {
            one.insert("request".into(), Names::default().stable(body));
        }
        if !reply.body.is_null() {
            let status = reply.status.as_u16().to_string();
            one.insert(status, Names::default().stable(&reply.body));
        }
        if !one.is_empty() {
            self.all.insert(operation.id.clone(), Value::Object(one));
        }
    }

    /// An answer of an operation that was called before, where it is of another
    /// status.
    pub fn also(&mut self, id: &str, reply: &Reply) {
        let one = self.all.get_mut(id).and_then(Value::as_object_mut).expect("it was called");
        let status = reply.status.as_u16().to_string();
        one.entry(status).or_insert_with(|| Names::default().stable(&reply.body));
    }

    /// Every example is what its schema says, and what is committed; and nothing
    /// is without one.
    pub fn compare(&self, document: &Document) {
        // The document of a server that was built before is without what is new.
        if !golden::is_written() {
            assert_eq!(document.without_example(), WITHOUT, "`make golden` shows what there is");
        }
        for operation in document.operations() {
            let Some(one) = self.all.get(&operation.id) else { continue };
            if let Some(request) = one.get("request") {
                let faults = document.faults(operation.body_schema(), request);
                assert!(faults.is_empty(), "{}: {faults:?} in {request}", operation.id);
            }
            for (status, answer) in one.as_object().into_iter().flatten() {
                let Ok(status) = status.parse() else { continue };
                let told = document.answer(&operation, status);
                let schema = told.and_then(|it| it.pointer("/content/application~1json/schema"));
                let faults = schema.map(|schema| document.faults(schema, answer));
                let faults = faults.unwrap_or_default();
                assert!(faults.is_empty(), "{}: {faults:?} in {answer}", operation.id);
            }
        }
        let text = serde_json::to_string_pretty(&json!(self.all)).expect("JSON") + "\n";
        golden::compare_at(&golden::root().join(FILE), &text);
    }
}

/// Ids by the order in which they appear.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn stable(&mut self, value: &Value) -> Value {
        self.field("", value)
    }

    fn field(&mut self, name: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.field(name, value)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => {
                let items = items.iter().take(ENTRIES_MAX);
                items.map(|item| self.field(name, item)).collect::<Vec<_>>().into()
            }
            Value::String(text) => self.text(name, text).into(),
            Value::Number(number) => self.number(name, number),
            // Written once a minute: whether it is there yet is chance.
            Value::Null if name == "lastActiveAt" => TIME.into(),
            other => other.clone(),
        }
    }

    fn text(&mut self, name: &str, text: &str) -> String {
        if is_id(text) {
            let place = self.0.iter().position(|known| known == text).unwrap_or_else(|| {
                self.0.push(text.to_owned());
                self.0.len() - 1
            });
            return format!("0199f0c2-7d3e-7a10-8c55-3f6d1b2a4c{place:02x}");
        }
        if let Some((stream, id)) = text.split_once(':').filter(|(_, id)| is_id(id)) {
            return format!("{stream}:{}", self.text("", id));
        }
        // The walk keeps nothing; whoever reads the document has not turned it off.
        if name == "state" && text == "off" {
            return "serving".to_owned();
        }
        if name == "position" || name == "uri" {
            return format!("<{name}>");
        }
        if name == "at" || name.ends_with("At") || name == "from" && text.contains('T') {
            return TIME.to_owned();
        }
        if SECRETS.contains(&name) && !text.contains('.') || name.ends_with("Token") {
            return if name == "code" && text.len() == 6 {
                "492039".into()
            } else {
                format!("<{name}>")
            };
        }
        without_count(text)
    }

    /// Numbers that grow with what happened before.
    fn number(&self, name: &str, number: &serde_json::Number) -> Value {
        match name {
            "position" | "head" | "seq" | "considered" => json!(42),
            "score" => json!(0.61),
            "bytes" => json!(41_731),
            "entries" | "bypassed" | "hitsL1" | "hitsL2" | "hitsL3" | "invalidations"
            | "joined" | "loads" | "misses" | "negative" | "poisoned" | "refused" => json!(7),
            "unread" | "unreadCount" | "mentionCount" | "messages" | "mentions"
            | "notifications" | "count" => json!(3),
            _ => Value::Number(number.clone()),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// The stage numbers its names so that each is new.
fn without_count(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([' ', '.']) {
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let ends =
            rest[at + 1 + digits..].chars().next().is_none_or(|letter| "@ \"".contains(letter));
        if digits > 0 && ends {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1 + digits..];
        } else {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    out + rest
}
