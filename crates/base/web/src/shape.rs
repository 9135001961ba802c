//! What a schema says about how values are put right before they are checked:
//! texts with a size are trimmed, so that sizes count what remains, and `3.0`
//! becomes `3` where an integer is wanted.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::finding::unescaped;
use crate::schema::component;

/// Greatest whole number up to which a floating-point number is exact.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The shapes of a schema and of all that it refers to.
#[derive(Debug)]
pub(crate) struct Shapes {
    root: Shape,
    components: HashMap<String, Shape>,
}

#[derive(Debug, Default)]
pub(crate) struct Shape {
    is_trimmed: bool,
    is_integer: bool,
    /// Not even its size may be told.
    pub(crate) is_secret: bool,
    /// One of a few words, an id, a time or a number: nothing that people wrote.
    pub(crate) is_plain: bool,
    entries_max: Option<usize>,
    pub(crate) properties: HashMap<String, Shape>,
    /// Entries of an array, values of a map.
    pub(crate) entries: Option<Box<Shape>>,
    /// Parts and alternatives.
    also: Vec<Shape>,
    component: Option<String>,
}

impl Shapes {
    pub(crate) fn of(document: &Value) -> Self {
        let components = document.pointer("/components/schemas").and_then(Value::as_object);
        let components = components.into_iter().flatten();
        Self {
            root: Shape::of(document),
            components: components
                .map(|(name, schema)| (name.clone(), Shape::of(schema)))
                .collect(),
        }
    }

    /// Puts a value right, in place.
    pub(crate) fn put_right(&self, value: &mut Value) {
        self.apply(&self.root, value);
    }

    fn apply(&self, shape: &Shape, value: &mut Value) {
        match value {
            Value::String(text) if shape.is_trimmed && text.trim().len() < text.len() => {
                *text = text.trim().to_owned();
            }
            Value::Number(number) if shape.is_integer => {
                if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                    *value = whole.into();
                }
            }
            Value::Array(items) => {
                // One too many is refused as surely as a million, and sooner.
                items.truncate(shape.entries_max.map_or(usize::MAX, |max| max + 1));
                if let Some(entry) = &shape.entries {
                    items.iter_mut().for_each(|item| self.apply(entry, item));
                }
            }
            Value::Object(object) => {
                for (key, field) in object.iter_mut() {
                    if let Some(shape) = shape.properties.get(key).or(shape.entries.as_deref()) {
                        self.apply(shape, field);
                    }
                }
            }
            _ => {}
        }
        for other in self.others(shape) {
            self.apply(other, value);
        }
    }

    fn others<'a>(&'a self, shape: &'a Shape) -> impl Iterator<Item = &'a Shape> {
        let referred = shape.component.as_ref().and_then(|name| self.components.get(name));
        shape.also.iter().chain(referred)
    }

    /// Whether the object at a JSON pointer has a field of this name.
    pub(crate) fn knows(&self, pointer: &str, name: &str) -> bool {
        let mut here = self.with_others(vec![&self.root]);
        for segment in pointer.split('/').skip(1) {
            let segment = unescaped(segment);
            let below = here.into_iter().filter_map(|shape| shape.below(&segment)).collect();
            here = self.with_others(below);
        }
        here.iter().any(|shape| shape.properties.contains_key(name))
    }

    /// The shape of the whole, with its parts and alternatives.
    pub(crate) fn whole(&self) -> Vec<&Shape> {
        self.with_others(vec![&self.root])
    }

    /// Shapes with all their parts and alternatives.
    pub(crate) fn with_others<'a>(&'a self, mut shapes: Vec<&'a Shape>) -> Vec<&'a Shape> {
        let mut at = 0;
        while let Some(shape) = shapes.get(at).copied() {
            shapes.extend(self.others(shape));
            at += 1;
        }
        shapes
    }
}

impl Shape {
    fn of(schema: &Value) -> Self {
        let Value::Object(schema) = schema else { return Self::default() };
        let one = |key: &str| schema.get(key).filter(|inner| inner.is_object()).map(Self::of);
        let entries = one("items").or_else(|| one("additionalProperties"));
        let many = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        Self {
            is_trimmed: schema.contains_key("maxLength") && !has(schema, "format", "password"),
            is_integer: has(schema, "type", "integer"),
            is_secret: has(schema, "format", "password"),
            is_plain: is_plain(schema),
            entries_max: schema.get("maxItems").and_then(Value::as_u64).and_then(fits),
            properties: properties.map(|(name, inner)| (name.clone(), Self::of(inner))).collect(),
            entries: entries.map(Box::new),
            also: ["allOf", "anyOf", "oneOf"].into_iter().flat_map(many).map(Self::of).collect(),
            component: component(schema).map(str::to_owned),
        }
    }

    fn below(&self, segment: &str) -> Option<&Self> {
        self.properties.get(segment).or(self.entries.as_deref())
    }
}

fn is_plain(schema: &Map<String, Value>) -> bool {
    let is_any = |key: &str, values: &[&str]| values.iter().any(|value| has(schema, key, value));
    schema.contains_key("enum")
        || schema.contains_key("const")
        || is_any("type", &["boolean", "integer", "number"])
        || is_any("format", &["uuid", "date", "date-time"])
}

/// Whether `key` is `value` or a list with it (`"type": ["integer", "null"]`).
pub(crate) fn has(schema: &Map<String, Value>, key: &str, value: &str) -> bool {
    match schema.get(key) {
        Some(Value::String(one)) => one == value,
        Some(Value::Array(many)) => many.iter().any(|one| one == value),
        _ => false,
    }
}

fn fits(number: u64) -> Option<usize> {
    usize::try_from(number).ok().filter(|number| *number < usize::MAX)
}

fn whole(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    exact.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shapes() -> Shapes {
        Shapes::of(&json!({
            "properties": {
                "title": { "type": "string", "maxLength": 9 },
                "password": { "type": "string", "maxLength": 9, "format": "password" },
                "size": { "type": ["integer", "null"] },
                "inner": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Inner" }] },
            },
            "components": { "schemas": { "Inner": {
                "properties": { "tags": { "items": { "maxLength": 3 } } }
            } } },
        }))
    }

    #[test]
    fn texts_with_a_size_are_trimmed_but_never_a_password() {
        let mut value = json!({
            "title": " a ", "password": " b ", "size": 3.0, "inner": { "tags": [" c", "d\n"] },
        });

        shapes().put_right(&mut value);

        let right =
            json!({ "title": "a", "password": " b ", "size": 3, "inner": { "tags": ["c", "d"] } });
        assert_eq!(value, right);
    }

    #[test]
    fn numbers_that_are_not_whole_stay_as_they_are() {
        let mut value = json!({ "size": 3.5 });

        shapes().put_right(&mut value);

        assert_eq!(value, json!({ "size": 3.5 }));
    }

    #[test]
    fn fields_are_known_through_references_and_alternatives() {
        assert!(shapes().knows("", "title"));
        assert!(shapes().knows("/inner", "tags"));
        assert!(!shapes().knows("/inner", "title"));
    }
}
