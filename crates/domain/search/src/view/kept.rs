//! What a search has found, as it is kept: which things, not what they say.

use sayso_cache::Codec;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Found, FoundPage, Kind};

/// How it is written and read again.
pub(crate) const KEPT_PAGE: Codec<FoundPage> = Codec { encode, decode };

#[derive(Serialize, Deserialize)]
struct KeptPage {
    found: Vec<KeptFound>,
    next: Option<String>,
    considered: i64,
    capped: bool,
}

#[derive(Serialize, Deserialize)]
struct KeptFound {
    kind: String,
    id: Uuid,
    score: i32,
    snippet: String,
}

fn encode(page: &FoundPage) -> Vec<u8> {
    let found = page.found.iter().map(|one| KeptFound {
        kind: one.kind.as_str().to_owned(),
        id: one.id,
        score: one.score,
        snippet: one.snippet.clone(),
    });
    let (next, considered, capped) = (page.next_cursor.clone(), page.considered, page.capped);
    let kept = KeptPage { found: found.collect(), next, considered, capped };
    serde_json::to_vec(&kept).expect("what was found is plain JSON")
}

fn decode(bytes: &[u8]) -> Option<FoundPage> {
    let kept: KeptPage = serde_json::from_slice(bytes).ok()?;
    let found = kept.found.into_iter().map(|one| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == one.kind)?;
        Some(Found { kind, id: one.id, score: one.score, snippet: one.snippet })
    });
    let found = found.collect::<Option<Vec<Found>>>()?;
    let (considered, capped) = (kept.considered, kept.capped);
    Some(FoundPage { found, next_cursor: kept.next, considered, capped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_again_and_garbage_is_nothing() {
        let one = Found {
            kind: Kind::Message,
            id: Uuid::nil(),
            score: 700,
            snippet: "the venue".to_owned(),
        };
        let page = FoundPage {
            found: vec![one],
            next_cursor: Some("next".to_owned()),
            considered: 12,
            capped: true,
        };

        let again = decode(&encode(&page)).expect("it was written so");

        assert_eq!(format!("{again:?}"), format!("{page:?}"));
        for garbage in [&b""[..], b"{}", b"\xff", b"{\"found\":[{\"kind\":\"gadget\"}]}"] {
            assert!(decode(garbage).is_none(), "{garbage:?}");
        }
    }
}
