//! Reads JSON more strictly than the parser below it: a key that appears twice
//! is refused, and so, with its place, is every text that the database cannot
//! hold (NUL, unpaired surrogates).

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use sayso_kernel::Fault;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Number, Value};

use crate::codes::{UNPARSABLE, field};
use crate::finding::{self, Finding};

/// Reads one document. The findings are the texts that cannot be stored;
/// whatever is not JSON at all is an error. Nesting is bounded by the parser
/// (128 levels).
pub(crate) fn read(bytes: &[u8]) -> Result<(Value, Vec<Finding>), Fault> {
    let bytes = without_lone_surrogates(bytes);
    let findings = RefCell::default();
    let mut parser = Deserializer::from_slice(&bytes);
    let root = Node { path: &Path::Root, findings: &findings };
    let read = root.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    let findings = findings.into_inner();
    match read {
        Ok(value) => Ok((value, findings)),
        Err(error) => {
            let repeated = findings.into_iter().filter(|found| found.code == field::REPEATED);
            let places = repeated.map(Finding::at_pointer);
            Err(Fault::new(&UNPARSABLE).detail(error.to_string()).with_all(places))
        }
    }
}

/// Looks through a value that was parsed elsewhere.
pub(crate) fn look_through(value: Value) -> (Value, Vec<Finding>) {
    let findings = RefCell::default();
    let root = Node { path: &Path::Root, findings: &findings };
    let value = root.deserialize(value).expect("a value is read from itself");
    (value, findings.into_inner())
}

/// The way from the root to a value; it is written out only for a finding.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(parent, key) => finding::child(&parent.pointer(), key),
            Self::Index(parent, index) => finding::child(&parent.pointer(), &index.to_string()),
        }
    }
}

#[derive(Clone, Copy)]
struct Node<'a> {
    path: &'a Path<'a>,
    findings: &'a RefCell<Vec<Finding>>,
}

impl Node<'_> {
    fn found(&self, path: &Path<'_>, code: &'static str, detail: &str) {
        let detail = detail.to_owned();
        self.findings.borrow_mut().push(Finding { pointer: path.pointer(), code, detail });
    }

    fn check_text(&self, text: &str, path: &Path<'_>) {
        if text.contains('\0') {
            self.found(path, field::CHARACTERS, "must not contain NUL or an unpaired surrogate");
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        self.check_text(value, self.path);
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        self.check_text(&value, self.path);
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let path = Path::Index(self.path, items.len());
            let node = Node { path: &path, findings: self.findings };
            let Some(item) = from.next_element_seed(node)? else { break };
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            let path = Path::Key(self.path, &key);
            self.check_text(&key, &path);
            if object.contains_key(&key) {
                self.found(&path, field::REPEATED, "appears twice");
                return Err(A::Error::custom("an object has the same key twice"));
            }
            let value = from.next_value_seed(Node { path: &path, findings: self.findings })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Writes NUL for every escaped surrogate that has no partner. The parser
/// would refuse the whole document without saying where; this way the text is
/// found, and refused, with its place.
fn without_lone_surrogates(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut fixed: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (surrogate(bytes, at), surrogate(bytes, at + ESCAPE_LEN)) {
            (Some(Half::High), Some(Half::Low)) => 2 * ESCAPE_LEN,
            (Some(_), _) => {
                let fixed = fixed.get_or_insert_with(|| bytes.to_vec());
                fixed[at..at + ESCAPE_LEN].copy_from_slice(br"\u0000");
                ESCAPE_LEN
            }
            // Skips what is escaped: it may itself be a backslash.
            (None, _) => 2,
        };
    }
    fixed.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

const ESCAPE_LEN: usize = r"\uD800".len();

enum Half {
    High,
    Low,
}

fn surrogate(bytes: &[u8], at: usize) -> Option<Half> {
    let digits = bytes.get(at..at + ESCAPE_LEN)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sayso_kernel::fault::Place;
    use serde_json::json;

    use super::*;

    fn places(text: &str) -> Vec<String> {
        let (_, findings) = read(text.as_bytes()).expect("it is JSON");
        findings.into_iter().map(|found| found.pointer).collect()
    }

    #[test]
    fn what_serde_json_reads_is_read_alike() {
        let text = r#"{"a":[1,-2,3.5,true,null,"x\n\ud83d\ude00\\ud800"],"b":{"c":{}}}"#;

        let (value, findings) = read(text.as_bytes()).expect("it is JSON");

        assert_eq!(value, serde_json::from_str::<Value>(text).expect("it is JSON"));
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn texts_that_cannot_be_stored_are_found_wherever_they_are() {
        assert_eq!(places(r#"{"a":["ok","\u0000"],"b":"x\ud800"}"#), ["/a/1", "/b"]);
        assert_eq!(places(r#"["\udc00\ud800","\ud800\ud800\udc00"]"#), ["/0", "/1"]);
        assert_eq!(places(r#"{"a/~\u0000":1}"#), ["/a~1~0\0"]);
    }

    #[test]
    fn a_key_that_appears_twice_is_refused_with_its_place() {
        let fault = read(br#"{"a":{"b":1,"\u0062":2}}"#).expect_err("b is there twice");

        assert!(fault.is(&UNPARSABLE));
        assert_eq!(fault.errors()[0].place, Place::Pointer("#/a/b".into()));
    }

    #[test]
    fn deep_nesting_and_broken_text_are_refused_without_harm() {
        let deep = "[".repeat(100_000);
        for text in [deep.as_str(), "", "{", "{}x", "\"\\u12\"", "\"\\", "nul", "\u{feff}{}"] {
            let fault = read(text.as_bytes()).expect_err("it is not JSON");
            assert!(fault.is(&UNPARSABLE));
        }
        assert!(read(b"\"\xff\"").is_err());
        assert_eq!(read(b"{}").expect("it is JSON").0, json!({}));
    }
}
