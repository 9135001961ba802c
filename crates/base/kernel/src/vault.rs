//! Secrets at rest: what must be read again and so cannot be hashed (seeds of
//! one-time codes, identities elsewhere) is sealed under a key that is derived
//! from the root secret and stands in no table.
//!
//! What is sealed names its key, so that the root can be changed: what was
//! sealed under an earlier one is opened as long as that is given, and sealed
//! anew by `sayso keys reencrypt`. A label ties it to its place (`totp/<user>`):
//! moved to another row it does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::Random;
use crate::secret::{RootKey, Secret, hmac_sha256, sha256};

/// The first byte: how the rest is laid out.
const VERSION: u8 = 1;
const ID_LEN: usize = 8;
const NONCE_LEN: usize = 24;
const HEAD_LEN: usize = 1 + ID_LEN + NONCE_LEN;

/// Seals and opens. XChaCha20-Poly1305: its nonces are long enough to be drawn.
pub struct Vault {
    /// The present key, then earlier ones.
    keys: Vec<Key>,
}

struct Key {
    id: [u8; ID_LEN],
    cipher: XChaCha20Poly1305,
    index: [u8; 32],
}

impl Key {
    fn of(root: &RootKey) -> Self {
        let key = root.derive("vault");
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&sha256(&[b"vault/id\0", &key])[..ID_LEN]);
        let cipher = XChaCha20Poly1305::new(&key.into());
        Self { id, cipher, index: root.derive("vault/index") }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[vault]")
    }
}

impl Vault {
    /// Seals under `root`; opens what was sealed under it and under `previous`.
    #[must_use]
    pub fn new(root: &RootKey, previous: &[RootKey]) -> Self {
        Self { keys: std::iter::once(root).chain(previous).map(Key::of).collect() }
    }

    /// Seals something for the place that `label` names.
    #[must_use]
    pub fn seal(&self, random: &Random, label: &str, plain: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let payload = Payload { msg: plain, aad: label.as_bytes() };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("it fails for hundreds of gigabytes only");
        [&[VERSION], &key.id[..], &nonce[..], &sealed[..]].concat()
    }

    /// Opens what was sealed for this place; `None` when it was altered, stood
    /// elsewhere, or its key is not known.
    #[must_use]
    pub fn open(&self, label: &str, sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let (head, body) = sealed.split_at_checked(HEAD_LEN)?;
        let key = self.keys.iter().find(|key| head[0] == VERSION && head[1..=ID_LEN] == key.id)?;
        let nonce: [u8; NONCE_LEN] = head[1 + ID_LEN..].try_into().ok()?;
        let payload = Payload { msg: body, aad: label.as_bytes() };
        key.cipher.decrypt(&XNonce::from(nonce), payload).ok().map(Secret::new)
    }

    /// Whether it was sealed under the present key.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        self.key_of(sealed) == Some(0)
    }

    /// The place of the key that it was sealed under: 0 is the present one,
    /// then come the earlier ones as they were given; `None` when it names none
    /// of them. Opens nothing.
    #[must_use]
    pub fn key_of(&self, sealed: &[u8]) -> Option<usize> {
        let (head, body) = sealed.split_at_checked(HEAD_LEN)?;
        if body.is_empty() || head[0] != VERSION {
            return None;
        }
        self.keys.iter().position(|key| head[1..=ID_LEN] == key.id)
    }

    /// By what a sealed value can be found again without opening any: a keyed
    /// hash under each key, the present one first.
    #[must_use]
    pub fn lookups(&self, label: &str, value: &[u8]) -> Vec<[u8; 32]> {
        let lookup = |key: &Key| hmac_sha256(&key.index, &[label.as_bytes(), &[0], value]);
        self.keys.iter().map(lookup).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(byte: u8) -> RootKey {
        RootKey::new([byte; RootKey::LEN])
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let (vault, random) = (Vault::new(&root(1), &[]), Random::seeded(1));
        let sealed = vault.seal(&random, "totp/ann", b"the seed");

        let opened = vault.open("totp/ann", &sealed).expect("it opens");
        assert_eq!(opened.expose(), b"the seed");
        assert!(vault.open("totp/bob", &sealed).is_none());
        assert!(!sealed.windows(4).any(|part| part == b"seed"));
        assert_ne!(sealed, vault.seal(&random, "totp/ann", b"the seed"));
    }

    #[test]
    fn altered_cut_or_empty_it_does_not_open() {
        let vault = Vault::new(&root(1), &[]);
        let sealed = vault.seal(&Random::seeded(1), "a", b"secret");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(vault.open("a", &altered).is_none(), "{at}");
            assert!(vault.open("a", &sealed[..at]).is_none(), "{at}");
        }
    }

    #[test]
    fn an_earlier_root_opens_what_it_sealed_and_no_other_does() {
        let (old, new) = (Vault::new(&root(1), &[]), Vault::new(&root(2), &[root(1)]));
        let sealed = old.seal(&Random::seeded(1), "a", b"secret");

        assert_eq!(new.open("a", &sealed).expect("it opens").expose(), b"secret");
        assert!(old.is_current(&sealed) && !new.is_current(&sealed));
        let again = new.seal(&Random::seeded(2), "a", b"secret");
        assert!(new.is_current(&again) && old.open("a", &again).is_none());
        assert_eq!(new.lookups("a", b"x")[1], old.lookups("a", b"x")[0]);
        assert_ne!(new.lookups("a", b"x")[0], new.lookups("b", b"x")[0]);
    }

    #[test]
    fn what_is_sealed_says_under_which_key_without_being_opened() {
        let (old, new) = (Vault::new(&root(1), &[]), Vault::new(&root(3), &[root(2), root(1)]));
        let sealed = old.seal(&Random::seeded(1), "a", b"secret");

        assert_eq!((old.key_of(&sealed), new.key_of(&sealed)), (Some(0), Some(2)));
        assert_eq!(Vault::new(&root(3), &[root(2)]).key_of(&sealed), None);
        assert_eq!(new.key_of(&sealed[..HEAD_LEN]), None, "there is nothing behind its head");
    }
}
