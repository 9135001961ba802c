//! An e-mail address, parsed once at the door.

use std::fmt;

/// Bytes of an address at the most (RFC 5321: a path of 256 with its brackets).
pub const EMAIL_MAX: usize = 254;
/// Bytes before the `@` at the most.
const LOCAL_MAX: usize = 64;

/// An address as it was written, and as it is compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    folded: String,
}

impl Email {
    /// Reads an address; `None` when it cannot be one.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let written = raw.trim();
        let (local, domain) = written.split_once('@')?;
        let sane = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        let fits = written.len() <= EMAIL_MAX && local.len() <= LOCAL_MAX;
        let is_address = fits
            && !local.is_empty()
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && local.chars().all(sane)
            && domain.chars().all(sane);
        is_address.then(|| Self { written: written.to_owned(), folded: fold(written) })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// As it is compared: two that differ only in case are one.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// The form in which addresses are compared, of whatever was typed.
#[must_use]
pub fn fold(raw: &str) -> String {
    raw.trim().to_lowercase()
}

/// Personal: it must not slip into a log.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[e-mail]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_without_case_in_any_script() {
        let email = Email::parse(" Ünal@Example.COM ").expect("it is an address");

        assert_eq!(email.as_str(), "Ünal@Example.COM");
        assert_eq!(email.folded(), "ünal@example.com");
        assert_eq!(fold("üNAL@example.com"), email.folded());
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}", "b".repeat(EMAIL_MAX));
        for raw in
            ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@.b", "a@b.", &long, &longer]
        {
            assert!(Email::parse(raw).is_none(), "{raw}");
        }
    }

    #[test]
    fn an_address_does_not_slip_into_a_log() {
        assert_eq!(format!("{:?}", Email::parse("a@b")), "Some([e-mail])");
    }
}
