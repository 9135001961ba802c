//! Pages by key: bounds and the opaque cursor.
//!
//! A cursor holds the sort key of the last row shown and a fingerprint of the
//! filter and sort it belongs to. A cursor that was made for another question,
//! or was altered, is refused; it is not a secret, and it is no permission.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::secret::sha256;

/// Rows in a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 20;
/// Rows in a page at the most.
pub const LIMIT_MAX: u32 = 100;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `rows`, of which one more than `limit` was read, to
    /// know whether more follow. `key` gives the sort key of a row.
    pub fn of<K: Serialize>(
        mut rows: Vec<T>,
        limit: u32,
        question: &str,
        key: impl Fn(&T) -> K,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor =
            if more { rows.last().map(|row| encode(question, &key(row))) } else { None };
        Self { items: rows, next_cursor }
    }

    /// The same page with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

/// Writes a cursor for the question (filter and sort in any stable text form).
pub fn encode<K: Serialize>(question: &str, key: &K) -> String {
    let body = serde_json::to_vec(key).expect("a sort key is plain JSON");
    let mut bytes = check(question, &body).to_vec();
    bytes.extend_from_slice(&body);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor back; 422 at `cursor` if it is damaged or belongs to
/// another question.
pub fn decode<K: DeserializeOwned>(question: &str, cursor: &str) -> Result<K, Fault> {
    let refused =
        || Fault::at_parameter("cursor", "cursor.invalid", "is damaged or belongs to another list");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (sum, body) = bytes.split_at_checked(CHECK_LEN).ok_or_else(refused)?;
    if sum != check(question, body) {
        return Err(refused());
    }
    serde_json::from_slice(body).map_err(|_| refused())
}

const CHECK_LEN: usize = 8;

fn check(question: &str, body: &[u8]) -> [u8; CHECK_LEN] {
    let sum = sha256(&[b"cursor/v1", question.as_bytes(), &[0], body]);
    sum[..CHECK_LEN].try_into().expect("a hash is longer than its prefix")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_for_its_own_question_only() {
        let cursor = encode("tasks?status=todo", &("2026-01-01", 7));

        let key: (String, i32) = decode("tasks?status=todo", &cursor).expect("its own question");

        assert_eq!(key, ("2026-01-01".to_owned(), 7));
        assert!(decode::<(String, i32)>("tasks", &cursor).is_err());
    }

    #[test]
    fn any_altered_character_is_noticed() {
        let cursor = encode("q", &("2026-01-01", 7));
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII stays ASCII");
            assert!(decode::<(String, i32)>("q", &altered).is_err(), "{altered}");
        }
    }

    #[test]
    fn a_page_has_a_cursor_only_when_more_follows() {
        assert_eq!(Page::of(vec![1, 2], 2, "q", |n| *n).next_cursor, None);
        assert!(Page::of(vec![1, 2, 3], 2, "q", |n| *n).next_cursor.is_some());
    }

    mod properties {
        use proptest::prelude::*;
        use proptest::test_runner::RngSeed;

        use super::super::*;

        proptest! {
            #![proptest_config(ProptestConfig {
                cases: 500,
                rng_seed: RngSeed::Fixed(1),
                failure_persistence: None,
                ..ProptestConfig::default()
            })]

            #[test]
            fn any_key_comes_back_for_any_question(
                question in any::<String>(),
                key in (any::<String>(), any::<i64>(), prop::option::of(any::<u8>())),
            ) {
                let cursor = encode(&question, &key);

                prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
                let back: (String, i64, Option<u8>) =
                    decode(&question, &cursor).expect("its own question");
                prop_assert_eq!(back, key);
            }

            #[test]
            fn no_key_comes_back_for_another_question(
                one in any::<String>(), other in any::<String>(), key in any::<(String, u64)>(),
            ) {
                prop_assume!(one != other);

                let read = decode::<(String, u64)>(&other, &encode(&one, &key));

                prop_assert!(read.is_err());
            }

            #[test]
            fn what_nobody_has_made_is_refused(
                question in any::<String>(),
                cursor in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,80}"],
            ) {
                let read = decode::<serde_json::Value>(&question, &cursor);

                prop_assert!(read.is_err(), "{:?}", cursor);
            }

            #[test]
            fn a_cursor_with_one_other_character_or_less_of_it_is_refused(
                key in any::<(String, u64)>(), at in any::<prop::sample::Index>(),
                to in "[A-Za-z0-9_-]",
            ) {
                let cursor = encode("tasks", &key);
                let at = at.index(cursor.len());
                let mut altered = cursor.clone();
                altered.replace_range(at..=at, &to);
                prop_assume!(altered != cursor);

                prop_assert!(decode::<(String, u64)>("tasks", &altered).is_err());
                prop_assert!(decode::<(String, u64)>("tasks", &cursor[..at]).is_err());
            }
        }
    }
}
