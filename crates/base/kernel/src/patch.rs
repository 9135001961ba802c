//! One field of a merge patch: left alone, cleared or set; and the merging of
//! whole values.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Applies a merge patch to a value (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// What a merge patch says about one field that may be cleared.
///
/// Use with `#[serde(default)]`: a field that is not sent stays
/// [`Patch::Keep`]; and with `#[schema(value_type = Option<T>)]`, which is how
/// the field looks from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was not sent.
    #[default]
    Keep,
    /// The field was sent as `null`.
    Clear,
    /// The field was sent with a value.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch, given the one before.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// Whether the field was sent at all.
    pub fn is_sent(&self) -> bool {
        !matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        due: Patch<u8>,
    }

    fn due(json: &str) -> Patch<u8> {
        serde_json::from_str::<Body>(json).expect("the body parses").due
    }

    #[test]
    fn values_merge_as_the_standard_says() {
        let mut target = serde_json::json!({"a": {"b": 1, "c": 2}, "d": 3});

        merge(&mut target, &serde_json::json!({"a": {"b": null, "e": 4}, "d": [1]}));

        assert_eq!(target, serde_json::json!({"a": {"c": 2, "e": 4}, "d": [1]}));
    }

    #[test]
    fn absent_null_and_a_value_are_three_different_things() {
        assert_eq!(due("{}"), Patch::Keep);
        assert_eq!(due(r#"{"due":null}"#), Patch::Clear);
        assert_eq!(due(r#"{"due":3}"#), Patch::Set(3));
        assert_eq!(Patch::Keep.apply(Some(1)), Some(1));
        assert_eq!(Patch::Clear.apply(Some(1)), None);
        assert_eq!(Patch::Set(2).apply(Some(1)), Some(2));
    }
}
