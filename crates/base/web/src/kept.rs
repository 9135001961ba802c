//! An answer that everybody is given alike, as it is kept for other nodes: its
//! tag, a line break, and its body.

use http::header::{ETAG, HeaderValue};
use sayso_cache::Codec;

use crate::reply::Reply;

/// How such an answer is written and read again.
pub const KEPT_REPLY: Codec<Reply> = Codec { encode, decode };

fn encode(reply: &Reply) -> Vec<u8> {
    let tag = reply.headers().get(ETAG).map_or(&[][..], HeaderValue::as_bytes);
    [tag, b"\n", reply.body()].concat()
}

/// Only what looks as it was written: it comes from where others write too.
fn decode(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (tag, body) = (&bytes[..end], &bytes[end + 1..]);
    let tag = HeaderValue::from_bytes(tag).ok().filter(|tag| tag.as_bytes().starts_with(b"\""))?;
    serde_json::from_slice::<serde::de::IgnoredAny>(body).ok()?;
    Some(Reply::prepared(body.to_vec().into(), tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_again_byte_for_byte_and_nothing_else_is_one() {
        let reply = Reply::resource(&serde_json::json!({ "id": 1, "text": "a\nb" }), 3);

        let again = decode(&encode(&reply)).expect("it was written so");

        assert_eq!((again.body(), again.headers()), (reply.body(), reply.headers()));
        for garbage in [&b""[..], b"\n", b"garbage", b"\"3-a\"\n{", b"3-a\n{}", &[0xff, b'\n']] {
            assert!(decode(garbage).is_none(), "{garbage:?}");
        }
    }
}
