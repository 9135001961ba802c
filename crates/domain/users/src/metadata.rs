//! Free data that a client keeps with a person: a JSON object of bounded size.

use sayso_kernel::Fault;
use serde_json::{Map, Value};

/// Bytes of the object, written as JSON, at the most.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Objects and arrays in each other at the most.
pub const METADATA_DEPTH_MAX: usize = 8;

/// An object that keeps the bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Checks the bounds; 422 at `pointer` where they are broken.
    pub fn parse(map: Map<String, Value>, pointer: &str) -> Result<Self, Fault> {
        let value = Value::Object(map);
        if depth(&value) > METADATA_DEPTH_MAX {
            let detail = format!("must not nest deeper than {METADATA_DEPTH_MAX}");
            return Err(Fault::at_pointer(pointer, "field.too_deep", detail));
        }
        if value.to_string().len() > METADATA_BYTES_MAX {
            let detail = format!("must have at most {METADATA_BYTES_MAX} bytes");
            return Err(Fault::at_pointer(pointer, "field.too_long", detail));
        }
        let Value::Object(map) = value else { unreachable!("it was made an object above") };
        Ok(Self(map))
    }

    /// What was stored, which kept the bounds when it was.
    #[must_use]
    pub fn stored(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// The object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The object as a value, as the database takes it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// How deep a value nests: 0 for a plain one. The parser has bounded it.
fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        _ => return 0,
    };
    1 + below.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Metadata, Fault> {
        let Value::Object(map) = value else { panic!("an object is wanted") };
        Metadata::parse(map, "#/metadata")
    }

    #[test]
    fn eight_levels_are_kept_and_nine_are_not() {
        let mut value = json!({});
        for _ in 1..METADATA_DEPTH_MAX {
            value = json!({ "a": value });
        }

        assert!(parse(value.clone()).is_ok());
        assert!(parse(json!({ "a": value })).is_err());
    }

    #[test]
    fn bytes_are_counted_as_they_are_stored() {
        let around = json!({ "a": "" }).to_string().len();

        assert!(parse(json!({ "a": "x".repeat(METADATA_BYTES_MAX - around) })).is_ok());
        assert!(parse(json!({ "a": "x".repeat(METADATA_BYTES_MAX - around + 1) })).is_err());
    }
}
