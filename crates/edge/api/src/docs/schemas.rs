//! The shapes of what is sent and answered.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escaped, prose};

/// How deep a shape is written out where it stands.
const DEPTH_MAX: usize = 4;

/// What a reference leads to; anything else is itself.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// A shape in a few words, with a link to where it is written out.
pub(super) fn named(schema: &Value) -> String {
    words(schema, 0)
}

fn words(schema: &Value, depth: usize) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if depth >= DEPTH_MAX {
        return "…".to_owned();
    }
    for any in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[any].as_array() {
            let all: Vec<String> = all.iter().map(|one| words(one, depth + 1)).collect();
            return all.join(if any == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values
            .iter()
            .map(|one| format!("<code>{}</code>", escaped(&one.to_string())))
            .collect();
        return values.join(" or ");
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        _ => "anything".to_owned(),
    };
    let mut text = escaped(&kind);
    if schema["items"].is_object() {
        let _ = write!(text, " of {}", words(&schema["items"], depth + 1));
    }
    let bounds = [
        ("format", ""),
        ("minimum", "≥ "),
        ("maximum", "≤ "),
        ("minLength", "length ≥ "),
        ("maxLength", "length ≤ "),
        ("maxItems", "items ≤ "),
        ("default", "default "),
    ];
    for (name, shown) in bounds {
        match &schema[name] {
            Value::Null => {}
            Value::String(value) => text.push_str(&format!(", {shown}{}", escaped(value))),
            value => text.push_str(&format!(", {shown}{}", escaped(&value.to_string()))),
        }
    }
    text
}

/// All shapes that have a name.
pub(super) fn body(document: &Value) -> String {
    let mut out = String::from("<h2 id=\"schemas\">schemas</h2>\n");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let name = escaped(name);
        let told = prose(schema["description"].as_str().unwrap_or_default());
        let _ = writeln!(out, "<h3 id=\"schema-{name}\"><code>{name}</code></h3>\n<p>{told}</p>");
        let Some(fields) = schema["properties"].as_object() else {
            let _ = writeln!(out, "<p>{}</p>", named(schema));
            continue;
        };
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        out.push_str("<table>\n");
        for (field, shape) in fields {
            let needed = if required.iter().any(|one| one == field) { "" } else { ", optional" };
            let told = prose(shape["description"].as_str().unwrap_or_default());
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{told}</td></tr>",
                escaped(field),
                named(shape),
            );
        }
        out.push_str("</table>\n");
    }
    out
}
