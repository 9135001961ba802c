//! Sizes that the schema of a body cannot say. They keep every message small
//! enough to travel as one event, whatever its text is made of.

use sayso_kernel::fault::{FieldFault, Place};
use serde_json::Value;

/// Bytes of a text as JSON at the most. Ten thousand characters of any kind
/// fit; only control characters, six bytes each, can weigh more.
pub const CONTENT_BYTES_MAX: usize = 41_000;
/// Bytes of metadata as JSON at the most.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Objects and arrays within each other in metadata at the most.
pub const METADATA_DEPTH_MAX: usize = 8;
/// Bytes that a message may have as JSON, a little below what an event may.
const MESSAGE_BYTES_MAX: usize = 65_000;
/// Bytes of everything in a message whose size does not vary much.
const FRAME_BYTES: usize = 1_100;
/// Bytes of an id in a list.
const ID_BYTES: usize = 39;
/// Bytes around an emoji and its people.
const REACTION_BYTES: usize = 48;

/// What is too large in a message, if anything is.
pub(crate) fn faults(content: &str, metadata: &Value) -> Vec<FieldFault> {
    let fault = |field: &str, code, detail: String| FieldFault {
        place: Place::Pointer(format!("#/{field}")),
        code,
        detail,
    };
    let mut faults = Vec::new();
    if text_bytes(content) > CONTENT_BYTES_MAX {
        let detail = "has too many control characters".to_owned();
        faults.push(fault("content", "field.too_long", detail));
    }
    if json_bytes(metadata) > METADATA_BYTES_MAX {
        let detail = format!("must have at most {METADATA_BYTES_MAX} bytes as JSON");
        faults.push(fault("metadata", "metadata.too_large", detail));
    }
    if depth(metadata) > METADATA_DEPTH_MAX {
        let detail = format!("must be at most {METADATA_DEPTH_MAX} levels deep");
        faults.push(fault("metadata", "metadata.too_deep", detail));
    }
    faults
}

/// How many people can be shown with each of the `emojis` of a message, so
/// that it stays small enough; `max` unless its text and metadata are huge.
pub(crate) fn reactors_shown(
    max: usize,
    (content, metadata): (&str, &Value),
    mentions: usize,
    emojis: &[&str],
) -> usize {
    let emoji_bytes: usize = emojis.iter().map(|emoji| text_bytes(emoji) + REACTION_BYTES).sum();
    // The usual message is far from the bound, and its size need not be known.
    let most = emojis.len() * max * ID_BYTES + emoji_bytes + mentions * ID_BYTES + FRAME_BYTES;
    if most + 6 * content.len() + METADATA_BYTES_MAX <= MESSAGE_BYTES_MAX {
        return max;
    }
    let taken = FRAME_BYTES
        + text_bytes(content)
        + json_bytes(metadata)
        + mentions * ID_BYTES
        + emoji_bytes;
    let room = MESSAGE_BYTES_MAX.saturating_sub(taken);
    max.min(room / (ID_BYTES * emojis.len().max(1)))
}

/// Bytes of a text within JSON.
fn text_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..=31 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

fn json_bytes(value: &Value) -> usize {
    value.to_string().len()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_ten_thousand_characters_fit_unless_they_are_control_characters() {
        for text in ["x", "ü", "🦀", "\"", "\n"] {
            assert!(faults(&text.repeat(10_000), &json!({})).is_empty(), "{text}");
        }
        let faults = faults(&"\u{1}".repeat(10_000), &json!({}));
        assert_eq!(faults[0].place, Place::Pointer("#/content".into()));
    }

    #[test]
    fn metadata_has_a_size_and_a_depth() {
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(faults("x", &nested(METADATA_DEPTH_MAX)).is_empty());
        assert_eq!(faults("x", &nested(METADATA_DEPTH_MAX + 1))[0].code, "metadata.too_deep");
        let large = json!({ "a": "x".repeat(METADATA_BYTES_MAX) });
        assert_eq!(faults("x", &large)[0].code, "metadata.too_large");
    }

    #[test]
    fn the_largest_message_shows_fewer_people_and_stays_small_enough() {
        let (content, metadata) = ("🦀".repeat(10_000), json!({ "a": "x".repeat(16_000) }));
        let emoji = "🦀".repeat(32);
        let emojis = vec![emoji.as_str(); 20];

        let shown = reactors_shown(50, (&content, &metadata), 50, &emojis);

        let bytes = 40_000 + 16_000 + 50 * 39 + 20 * (128 + 48 + shown * 39) + 1_000;
        assert!(bytes < 65_536, "{shown} people: {bytes} bytes");
        assert_eq!(reactors_shown(50, ("hello", &json!({})), 0, &["👍", "🎉"]), 50);
    }
}
