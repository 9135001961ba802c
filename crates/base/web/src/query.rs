//! Splits a query string into its decoded pairs.

/// Pairs in a query at the most; what comes after is not looked at. The
/// length of the whole is bounded by the server already.
const PAIRS_MAX: usize = 1000;

/// A decoded text, or the news that it is not UTF-8.
pub(crate) type Decoded = Result<String, std::string::FromUtf8Error>;

/// The pairs of a query, in the form of `application/x-www-form-urlencoded`.
pub(crate) fn pairs(raw: &str) -> impl Iterator<Item = (Decoded, Decoded)> {
    let pieces = raw.split('&').filter(|piece| !piece.is_empty()).take(PAIRS_MAX);
    pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(raw: &str) -> Decoded {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1..at + 3).and_then(hex_pair)) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out)
}

fn hex_pair(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_and_stray_percents_stay() {
        let read: Vec<_> = pairs("a=1+2&b%5B=%C3%BC&c&&d=100%&e=%zz")
            .map(|(name, value)| (name.expect("UTF-8"), value.expect("UTF-8")))
            .collect();

        let wanted = [("a", "1 2"), ("b[", "ü"), ("c", ""), ("d", "100%"), ("e", "%zz")];
        assert_eq!(read, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_utf8_is_noticed() {
        assert!(pairs("a=%ff").next().expect("one pair").1.is_err());
    }
}
