//! What a socket hears, and what the log has for one to hear, held against the
//! AsyncAPI document: every event of every test has the schema that the outside
//! was promised.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use jsonschema::Validator;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// What a driver says beside what it hears.
const OF_THE_DRIVER: [&str; 5] =
    ["connect", "connect_error", "disconnect", "not connected", "upgrade"];
/// Kinds that only tests declare begin so.
const OF_TESTS: [&str; 3] = ["it.", "note.", "thing."];

/// The schemas of a document. Closed: a field that is not in it is a fault,
/// though clients are to ignore those.
#[derive(Debug)]
pub struct Schemas {
    document: Value,
    compiled: Mutex<HashMap<String, Option<Arc<Validator>>>>,
}

impl Schemas {
    /// Those of `golden/asyncapi.json`.
    ///
    /// # Panics
    /// When it is not there, or no JSON.
    pub fn golden() -> &'static Self {
        static GOLDEN: OnceLock<Schemas> = OnceLock::new();
        GOLDEN.get_or_init(|| {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../golden/asyncapi.json");
            let text = std::fs::read_to_string(path).expect("golden/asyncapi.json is there");
            Self::of(serde_json::from_str(&text).expect("it is JSON"))
        })
    }

    /// Those of a document.
    #[must_use]
    pub fn of(document: Value) -> Self {
        Self { document, compiled: Mutex::default() }
    }

    /// What is wrong with something that was heard; `None` when nothing is.
    #[must_use]
    pub fn fault(&self, name: &str, payload: &Value) -> Option<String> {
        let is_of_tests = OF_TESTS.iter().any(|begins| name.starts_with(begins));
        if OF_THE_DRIVER.contains(&name) || is_of_tests {
            return None;
        }
        let Some(validator) = self.validator(name) else {
            return Some(format!("{name} is not in the document: {payload}"));
        };
        let faults: Vec<String> = validator
            .iter_errors(payload)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        (!faults.is_empty()).then(|| format!("{name}: {}: {payload}", faults.join("; ")))
    }

    /// The names of all events of the log.
    #[must_use]
    pub fn events(&self) -> BTreeSet<String> {
        let messages = self.document["components"]["messages"].as_object().into_iter().flatten();
        let is_event = |payload: &Value| payload["properties"]["seq"].is_object();
        let events = messages.filter(|(_, message)| is_event(&message["payload"]));
        events.map(|(name, _)| name.clone()).collect()
    }

    fn validator(&self, name: &str) -> Option<Arc<Validator>> {
        let mut compiled = self.compiled.lock();
        if let Some(known) = compiled.get(name) {
            return known.clone();
        }
        let made = self.compile(name).map(Arc::new);
        compiled.insert(name.to_owned(), made.clone());
        made
    }

    fn compile(&self, name: &str) -> Option<Validator> {
        let mut schema = self.document["components"]["messages"].get(name)?["payload"].clone();
        schema["components"] = json!({ "schemas": self.document["components"]["schemas"] });
        let schema = sayso_web::schema::tightened(schema);
        Some(jsonschema::validator_for(&schema).expect("the document holds schemas"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> Value {
        json!({ "stream": "company", "seq": 7, "volatile": true })
    }

    #[test]
    fn what_has_its_schema_is_well() {
        assert_eq!(Schemas::golden().fault("stream.joined", &joined()), None);
        assert_eq!(Schemas::golden().fault("connect", &json!({})), None);
        assert_eq!(Schemas::golden().fault("it.happened", &json!({})), None);
    }

    #[test]
    fn no_event_that_is_promised_is_taken_for_one_of_tests() {
        let events = Schemas::golden().events();
        let is_of_tests = |name: &&String| OF_TESTS.iter().any(|begins| name.starts_with(begins));

        assert_eq!(events.iter().find(is_of_tests), None);
    }

    #[test]
    fn every_way_of_breaking_an_event_is_found() {
        let broken = |spoil: fn(&mut Value)| {
            let mut event = joined();
            spoil(&mut event);
            Schemas::golden().fault("stream.joined", &event)
        };

        assert!(broken(|it| drop(it.as_object_mut().unwrap().remove("seq"))).is_some());
        assert!(broken(|it| it["seq"] = "7".into()).is_some());
        assert!(broken(|it| it["more"] = 1.into()).is_some(), "an unknown field");
        assert!(Schemas::golden().fault("no.such_event", &joined()).is_some());
    }

    #[test]
    fn what_an_event_of_the_log_carries_is_looked_into() {
        let mut event = json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "stream": "company", "seq": 1,
            "position": 1, "type": "task.gone", "version": 0, "at": "2026-01-05T09:00:00Z",
            "actorId": null, "via": "http", "data": { "id": "01890a5d-ac96-774b-bcce-b302099a8057" },
            "correlationId": "01890a5d-ac96-774b-bcce-b302099a8057",
        });
        assert_eq!(Schemas::golden().fault("task.gone", &event), None);

        event["data"]["title"] = "still told".into();
        assert!(Schemas::golden().fault("task.gone", &event).is_some());
        event["data"] = json!({});
        assert!(Schemas::golden().fault("task.gone", &event).is_some());
        event["data"] = json!({ "id": "01890a5d-ac96-774b-bcce-b302099a8057" });
        event["change"] = json!({ "fields": [] });
        assert!(Schemas::golden().fault("task.gone", &event).is_some());
        event.as_object_mut().unwrap().remove("change");
        event["type"] = "task.deleted".into();
        assert!(Schemas::golden().fault("task.gone", &event).is_some());
    }
}
