//! Fields that events do not tell, marked in their schema: what is shown
//! differs from reader to reader, or is a trace of use. Whoever applies the
//! events to what they hold has everything else as if it were read afresh.

use serde_json::{Value, json};

/// The mark in a property's schema; its value says why.
const MARK: &str = "x-sayso-not-in-events";

const PER_READER: &str = "differs from reader to reader";
const OF_USE: &str = "a trace of use, not a change";
const OF_TASKS: &str = "told by the events of the task";
const PRIVATE: &str = "not told to the whole company";

/// Schema, property, why.
pub(super) const APART: &[(&str, &str, &str)] = &[
    ("Channel", "lastReadMessageId", PER_READER),
    ("Channel", "mentionCount", PER_READER),
    ("Channel", "mutedUntil", PER_READER),
    ("Channel", "myRole", PER_READER),
    ("Channel", "notificationLevel", PER_READER),
    ("Channel", "participants", PER_READER),
    ("Channel", "unreadCount", PER_READER),
    ("Message", "task", OF_TASKS),
    ("Task", "dependencies", PER_READER),
    ("Task", "dependents", PER_READER),
    ("User", "email", PRIVATE),
    ("User", "lastActiveAt", OF_USE),
    ("User", "metadata", PRIVATE),
    ("User", "presence", OF_USE),
];

pub(super) fn mark(document: &mut Value) {
    for (schema, property, why) in APART {
        let found = property_of(&mut document["components"]["schemas"][schema], property)
            .unwrap_or_else(|| panic!("{schema} has no {property}"));
        // Beside a reference nothing else would be read by older tools.
        if found.get("$ref").is_some() {
            let reference = found.take();
            *found = json!({ "allOf": [reference] });
        }
        found[MARK] = json!(why);
    }
}

fn property_of<'a>(schema: &'a mut Value, property: &str) -> Option<&'a mut Value> {
    let own = schema["properties"].get(property).is_some();
    if own {
        return schema["properties"].get_mut(property);
    }
    let parts = schema.get_mut("allOf")?.as_array_mut()?;
    parts.iter_mut().find_map(|part| part.get_mut("properties")?.get_mut(property))
}
