//! Values that must never be printed, and keys derived from the root secret.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A value whose `Debug` and logs show nothing of it.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every use is a place to look at in a review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T: utoipa::PartialSchema> utoipa::PartialSchema for Secret<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        T::schema()
    }
}

impl<T: utoipa::ToSchema> utoipa::ToSchema for Secret<T> {}

/// The one secret of a deployment. All other keys are derived from it by
/// purpose, so that a database dump without it yields no key, and a key for
/// one purpose says nothing about another.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[root key]")
    }
}

impl RootKey {
    /// Length of the key in bytes.
    pub const LEN: usize = 32;

    /// Takes the bytes as they are.
    #[must_use]
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Names the key without telling anything of it: the same for the same
    /// key, and otherwise another.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        crate::hex::encode(&self.derive("fingerprint")[..8])
    }

    /// A 256-bit key for `purpose`: HMAC-SHA-256 of the purpose under the root
    /// (the expansion step of HKDF, RFC 5869, with one block).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(self.0.as_ref(), &[b"sayso/v1/", purpose.as_bytes(), &[1]])
    }
}

/// HMAC-SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_and_purposes_yield_different_keys() {
        let root = RootKey::new([7; 32]);

        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
        assert_eq!(format!("{root:?}"), "[root key]");
        assert_ne!(root.derive("jwt"), root.derive("refresh"));
        assert_eq!(root.derive("jwt"), root.clone().derive("jwt"));
    }
}
