//! The JSON Schema of a Rust type, made ready for checking.
//!
//! The schema is the one of the OpenAPI document, tightened where that one is
//! silent: objects take no unknown fields, and integers of 32 bits are bounded.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const COMPONENTS: &str = "#/components/schemas/";

/// The whole schema of a body: its own, with all those that it refers to.
pub(crate) fn of_body<T: ToSchema>() -> Value {
    let mut referenced = Vec::new();
    T::schemas(&mut referenced);
    let root = to_value(&T::schema());
    let mut components = Map::new();
    components.insert(T::name().into_owned(), root.clone());
    for (name, schema) in referenced {
        components.insert(name, to_value(&schema));
    }
    let mut document = root;
    document["components"] = json!({ "schemas": components });
    tightened(document)
}

fn to_value<S: serde::Serialize>(schema: &S) -> Value {
    serde_json::to_value(schema).expect("a schema is plain JSON")
}

/// Closes objects and bounds integers, everywhere.
#[must_use]
pub fn tightened(mut document: Value) -> Value {
    let mut extended = BTreeSet::new();
    collect_extended(&document, false, &mut extended);
    // Components are closed by themselves, unless another type extends them.
    if let Some(Value::Object(components)) = document.pointer_mut("/components/schemas") {
        for (name, schema) in components.iter_mut() {
            tighten(schema, extended.contains(name), &extended);
        }
    }
    let components = document.as_object_mut().and_then(|object| object.remove("components"));
    tighten(&mut document, false, &extended);
    if let (Some(object), Some(components)) = (document.as_object_mut(), components) {
        object.insert("components".into(), components);
    }
    document
}

/// Names of the components that stand within an `allOf`: they are one part of
/// an object, so by themselves they cannot tell what is unknown.
fn collect_extended(schema: &Value, in_all_of: bool, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let (true, Some(name)) = (in_all_of, component(object)) {
                names.insert(name.to_owned());
            }
            for (key, value) in object {
                collect_extended(value, key == "allOf", names);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_extended(item, in_all_of, names);
            }
        }
        _ => {}
    }
}

/// The component that a schema refers to.
pub(crate) fn component(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
}

fn tighten(schema: &mut Value, is_part: bool, extended: &BTreeSet<String>) {
    let Value::Object(object) = schema else { return };
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(properties)) = object.get_mut(key) {
            properties.values_mut().for_each(|property| tighten(property, false, extended));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            tighten(inner, false, extended);
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(Value::Array(parts)) = object.get_mut(key) {
            let part = is_part || key == "allOf";
            parts.iter_mut().for_each(|inner| tighten(inner, part, extended));
        }
    }
    if !is_part {
        close(object, extended);
    }
    bound(object);
}

fn close(object: &mut Map<String, Value>, extended: &BTreeSet<String>) {
    let refers_to_part = component(object).is_some_and(|name| extended.contains(name));
    if object.contains_key("allOf") || refers_to_part {
        object.insert("unevaluatedProperties".into(), false.into());
    } else if object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(false.into());
    }
}

/// Rust's integers end where JSON's do not.
fn bound(object: &mut Map<String, Value>) {
    let (least, greatest) = match object.get("format").and_then(Value::as_str) {
        Some("int32") if object.contains_key("minimum") => (0, i64::from(u32::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (i64::MIN, i64::MAX),
        _ => return,
    };
    object.entry("minimum").or_insert(least.into());
    object.entry("maximum").or_insert(greatest.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_but_not_the_parts_that_others_extend() {
        let document = tightened(json!({
            "properties": { "a": { "$ref": "#/components/schemas/Base" }, "n": { "format": "int32" } },
            "components": { "schemas": {
                "Base": { "properties": {} },
                "More": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "properties": {} }] },
                "Free": { "type": "object" },
            } },
        }));

        assert_eq!(document["additionalProperties"], json!(false));
        assert_eq!(document["properties"]["a"]["unevaluatedProperties"], json!(false));
        assert_eq!(document["properties"]["n"]["maximum"], json!(i32::MAX));
        let components = &document["components"]["schemas"];
        assert_eq!(components["Base"], json!({ "properties": {} }));
        assert_eq!(components["More"]["unevaluatedProperties"], json!(false));
        assert_eq!(components["More"]["allOf"][1], json!({ "properties": {} }));
        assert_eq!(components["Free"], json!({ "type": "object" }));
    }
}
