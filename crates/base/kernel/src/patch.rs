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

    #[test]
    fn the_examples_of_the_standard_come_out_as_it_says() {
        // RFC 7396, appendix A: what was there, the patch, what is there then.
        let examples = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("an example parses");
        for (before, patch, after) in examples {
            let mut target = read(before);

            merge(&mut target, &read(patch));

            assert_eq!(target, read(after), "{before} with {patch}");
        }
    }

    mod properties {
        use proptest::prelude::*;
        use proptest::test_runner::RngSeed;
        use serde_json::{Map, json};

        use super::super::*;

        /// The algorithm of the standard, word for word.
        fn as_the_standard_says(target: &Value, patch: &Value) -> Value {
            let Value::Object(patch) = patch else { return patch.clone() };
            let mut result = target.as_object().cloned().unwrap_or_default();
            for (name, value) in patch {
                if value.is_null() {
                    result.remove(name);
                } else {
                    let old = result.get(name).cloned().unwrap_or(Value::Null);
                    result.insert(name.clone(), as_the_standard_says(&old, value));
                }
            }
            Value::Object(result)
        }

        /// Values with few names, so that two of them meet.
        fn value() -> impl Strategy<Value = Value> {
            let leaf = prop_oneof![
                Just(Value::Null),
                any::<bool>().prop_map(Value::from),
                any::<i32>().prop_map(Value::from),
                "[a-c]{0,3}".prop_map(Value::from),
            ];
            leaf.prop_recursive(4, 40, 5, |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                    prop::collection::vec(("[a-d]", inner), 0..5)
                        .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
                ]
            })
        }

        fn merged(target: &Value, patch: &Value) -> Value {
            let mut target = target.clone();
            merge(&mut target, patch);
            target
        }

        fn has_null(value: &Value) -> bool {
            match value {
                Value::Null => true,
                Value::Object(map) => map.values().any(has_null),
                _ => false,
            }
        }

        proptest! {
            #![proptest_config(ProptestConfig {
                cases: 1_000,
                rng_seed: RngSeed::Fixed(1),
                failure_persistence: None,
                ..ProptestConfig::default()
            })]

            #[test]
            fn merging_does_what_the_standard_says(target in value(), patch in value()) {
                prop_assert_eq!(merged(&target, &patch), as_the_standard_says(&target, &patch));
            }

            #[test]
            fn the_same_patch_twice_is_the_same_patch_once(target in value(), patch in value()) {
                let once = merged(&target, &patch);

                prop_assert_eq!(merged(&once, &patch), once);
            }

            #[test]
            fn an_empty_patch_changes_no_object(
                target in prop::collection::btree_map("[a-d]", value(), 0..5),
            ) {
                let target = Value::Object(Map::from_iter(target));

                prop_assert_eq!(merged(&target, &json!({})), target);
            }

            #[test]
            fn a_patch_without_nulls_is_found_again_in_an_empty_object(patch in value()) {
                prop_assume!(!has_null(&patch));

                prop_assert_eq!(merged(&json!({}), &patch), patch);
            }

            #[test]
            fn a_field_is_kept_cleared_or_set(old in any::<Option<u8>>(), new in any::<u8>()) {
                #[derive(Deserialize)]
                struct Body {
                    #[serde(default)]
                    due: Patch<u8>,
                }
                let after = |body: Value| {
                    let body: Body = serde_json::from_value(body).expect("the body parses");
                    body.due.apply(old)
                };

                prop_assert_eq!(after(json!({})), old);
                prop_assert_eq!(after(json!({ "due": null })), None);
                prop_assert_eq!(after(json!({ "due": new })), Some(new));
            }
        }
    }
}
