//! One thing that is wrong with a body or a query, and how its place is
//! written.

use sayso_kernel::fault::{FieldFault, Place};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// A JSON pointer (RFC 6901); empty for the whole.
    pub(crate) pointer: String,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

impl Finding {
    /// As a fault in a body.
    pub(crate) fn at_pointer(self) -> FieldFault {
        let place = Place::Pointer(fragment(&self.pointer));
        FieldFault { place, code: self.code, detail: self.detail }
    }

    /// As a fault of the query parameter that the pointer begins with.
    pub(crate) fn at_parameter(self) -> FieldFault {
        let name = self.pointer.split('/').nth(1).unwrap_or_default();
        let place = Place::Parameter(unescaped(name));
        FieldFault { place, code: self.code, detail: self.detail }
    }
}

/// The pointer to `key` below `parent`.
pub(crate) fn child(parent: &str, key: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + key.len() + 1);
    pointer.push_str(parent);
    pointer.push('/');
    for letter in key.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
    pointer
}

pub(crate) fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// The pointer as a URI fragment (RFC 6901 section 6): what a fragment cannot
/// hold is percent-encoded.
fn fragment(pointer: &str) -> String {
    let mut text = String::with_capacity(pointer.len() + 1);
    text.push('#');
    for byte in pointer.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte);
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_escaped_for_the_pointer_and_then_for_the_fragment() {
        let pointer = child(&child("", "a/b"), "ü ~");

        assert_eq!(pointer, "/a~1b/ü ~0");
        assert_eq!(fragment(&pointer), "#/a~1b/%C3%BC%20~0");
        assert_eq!(fragment(""), "#");
        assert_eq!(unescaped("a~1b~01"), "a/b~1");
    }
}
