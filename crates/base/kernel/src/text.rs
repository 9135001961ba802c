//! Text that a person typed, parsed once at the door.
//!
//! Sizes are counted in characters after trimming; blank text and NUL are
//! refused. The JSON Schema of a body states the same bounds, so that a client
//! sees them; this is the type that carries the promise inward.

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// More characters than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The bound, in characters.
        max: usize,
    },
    /// A character that cannot be stored.
    #[error("must not contain the NUL character")]
    Nul,
}

/// Trims `raw` and checks it against `max` characters; blank is refused.
pub fn parse(raw: &str, max: usize) -> Result<String, TextError> {
    let text = parse_optional(raw, max)?;
    if text.is_empty() { Err(TextError::Blank) } else { Ok(text) }
}

/// Like [`parse`], with blank allowed.
pub fn parse_optional(raw: &str, max: usize) -> Result<String, TextError> {
    let text = raw.trim();
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    if text.chars().nth(max).is_some() {
        return Err(TextError::TooLong { max });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_characters_after_trimming() {
        assert_eq!(parse("  ünï ", 3), Ok("ünï".to_owned()));
        assert_eq!(parse("four", 3), Err(TextError::TooLong { max: 3 }));
        assert_eq!(parse(" \n ", 3), Err(TextError::Blank));
        assert_eq!(parse_optional(" \n ", 3), Ok(String::new()));
        assert_eq!(parse("a\0b", 9), Err(TextError::Nul));
    }
}
