//! A body as the log may hold it: what the schema of its route knows to be a
//! word of ours, an id, a time or a number is shown; of what people wrote only
//! the size, and of secrets nothing. Names of fields are shown where the schema
//! has them, since any other is what somebody wrote.

use serde_json::{Map, Value};

use crate::shape::{Shape, Shapes};

/// Entries of a list that are shown.
const ENTRIES_MAX: usize = 20;

impl Shapes {
    /// The body without what the log must not hold. One that was refused may
    /// have anything anywhere: then only its form is shown.
    pub(crate) fn redacted(&self, value: &Value, is_valid: bool) -> Value {
        Redaction { shapes: self, is_valid }.show(&self.whole(), value)
    }
}

struct Redaction<'a> {
    shapes: &'a Shapes,
    is_valid: bool,
}

impl<'a> Redaction<'a> {
    fn show(&self, here: &[&'a Shape], value: &Value) -> Value {
        if here.iter().any(|shape| shape.is_secret) && !value.is_null() {
            return "[secret]".into();
        }
        let is_plain = self.is_valid && here.iter().any(|shape| shape.is_plain);
        match value {
            Value::Null => Value::Null,
            Value::Array(entries) => self.list(here, entries),
            Value::Object(fields) => self.object(here, fields),
            plain if is_plain => plain.clone(),
            Value::String(text) => format!("[{} characters]", text.chars().count()).into(),
            Value::Bool(_) | Value::Number(_) => "[hidden]".into(),
        }
    }

    fn list(&self, here: &[&'a Shape], entries: &[Value]) -> Value {
        let below = self.below(here, |shape| shape.entries.as_deref());
        let shown = entries.iter().take(ENTRIES_MAX).map(|entry| self.show(&below, entry));
        let mut shown: Vec<Value> = shown.collect();
        if entries.len() > ENTRIES_MAX {
            shown.push(format!("[{} more]", entries.len() - ENTRIES_MAX).into());
        }
        shown.into()
    }

    fn object(&self, here: &[&'a Shape], fields: &Map<String, Value>) -> Value {
        let mut shown = Map::new();
        for (name, value) in fields {
            let below = self.below(here, |shape| shape.properties.get(name));
            if !below.is_empty() {
                shown.insert(name.clone(), self.show(&below, value));
            }
        }
        let others = fields.len() - shown.len();
        if others > 0 {
            shown.insert("[others]".into(), others.into());
        }
        shown.into()
    }

    fn below(
        &self,
        here: &[&'a Shape],
        step: impl Fn(&'a Shape) -> Option<&'a Shape>,
    ) -> Vec<&'a Shape> {
        self.shapes.with_others(here.iter().filter_map(|shape| step(shape)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shapes() -> Shapes {
        Shapes::of(&json!({
            "properties": {
                "title": { "type": "string", "maxLength": 9 },
                "password": { "type": "string", "format": "password" },
                "status": { "$ref": "#/components/schemas/Status" },
                "assignedTo": { "type": "array", "items": { "type": "string", "format": "uuid" } },
                "version": { "type": ["integer", "null"] },
                "metadata": { "type": "object" },
            },
            "components": { "schemas": { "Status": { "type": "string", "enum": ["todo"] } } },
        }))
    }

    fn body() -> Value {
        json!({
            "title": "Grüße", "password": "hunter2", "status": "todo", "version": 3,
            "assignedTo": ["0198f0a0-0000-7000-8000-000000000001"],
            "metadata": { "ann@example.com": "hunter2", "n": 7 }, "ann@example.com": 1,
        })
    }

    #[test]
    fn what_people_wrote_is_a_size_and_a_secret_is_nothing() {
        let shown = shapes().redacted(&body(), true);

        let wanted = json!({
            "title": "[5 characters]", "password": "[secret]", "status": "todo", "version": 3,
            "assignedTo": ["0198f0a0-0000-7000-8000-000000000001"],
            "metadata": { "[others]": 2 }, "[others]": 1,
        });
        assert_eq!(shown, wanted);
    }

    #[test]
    fn of_a_body_that_was_refused_only_the_form_is_shown() {
        let shown = shapes().redacted(&json!({ "status": "ann@example.com", "version": 4 }), false);

        assert_eq!(shown, json!({ "status": "[15 characters]", "version": "[hidden]" }));
    }

    #[test]
    fn a_long_list_is_shown_in_part() {
        let shown = shapes().redacted(&json!({ "assignedTo": vec!["a"; 50] }), true);

        let list = shown["assignedTo"].as_array().expect("a list");
        assert_eq!((list.len(), &list[20]), (21, &json!("[30 more]")));
    }
}
