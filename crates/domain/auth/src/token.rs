//! Access tokens: signed with Ed25519, verified strictly.
//!
//! What a token says is believed only as far as the signature and the clock
//! go. Who the person is now, the session tells (`bearer.rs`).

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use sayso_access::{Role, SessionId, UserId};
use sayso_kernel::secret::{RootKey, Secret};
use sayso_kernel::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::error::{TOKEN_EXPIRED, TOKEN_INVALID};
use crate::model::{Lifetimes, Opened, Pair, after};
use crate::refresh::SuccessorKey;

/// Who issues.
pub const ISSUER: &str = "sayso";
/// For whom.
pub const AUDIENCE: &str = "sayso-api";
/// What kind of token it is (RFC 9068), so that none of another kind, signed
/// with the same key, passes for one.
pub const TYPE: &str = "at+jwt";
/// Bytes of a token at the most; ours have about 500.
const LEN_MAX: usize = 4096;
/// How far the clocks of two nodes may differ.
const LEEWAY_SECS: i64 = 60;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// Whose it is.
    pub sub: UserId,
    /// Of which session.
    pub sid: SessionId,
    /// The role when it was issued: for the client's information.
    pub role: Role,
    /// The key that signed it, as the header has it.
    pub kid: String,
    /// Which refresh token of the session it came with.
    pub r#gen: i32,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// Until when it is good.
    pub exp: i64,
    /// From when.
    pub nbf: i64,
}

/// The public half of a key, as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name.
    pub kid: String,
    /// The key.
    pub bytes: [u8; 32],
}

/// A key by its name: the key itself is derived from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// Its name.
    pub kid: String,
    /// When it was made: it is published from then on.
    pub created_at: Timestamp,
    /// From when it signs.
    pub signs_from: Timestamp,
    /// Until when it is believed; none as long as it signs.
    pub verifies_until: Option<Timestamp>,
}

impl NamedKey {
    /// Whether what it signed is believed.
    #[must_use]
    pub fn verifies(&self, now: Timestamp) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }
}

/// The keys of a deployment: those that sign and check access tokens, and the
/// one that makes successors of refresh tokens.
pub struct Keys {
    root: RootKey,
    held: ArcSwap<Vec<Held>>,
    successor: SuccessorKey,
    lifetimes: Lifetimes,
    validation: Validation,
    /// When they were last read because of a name that was not known.
    pub(crate) asked: Mutex<Option<Instant>>,
    /// Told when there may be others.
    pub(crate) changed: Notify,
    /// Told when one is no longer believed, before its time.
    revoked: Notify,
}

/// A key with what it is used for.
struct Held {
    name: NamedKey,
    signing: EncodingKey,
    checking: DecodingKey,
    public: PublicKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.load();
        let kids: Vec<_> = held.iter().map(|held| &held.name.kid).collect();
        f.debug_struct("Keys").field("kids", &kids).finish_non_exhaustive()
    }
}

impl Keys {
    /// Derives the keys of these names from the root; the first signs. `None`
    /// when there is no name.
    #[must_use]
    pub fn derive(root: &RootKey, kids: &[String], lifetimes: Lifetimes) -> Option<Self> {
        let (always, never) = (Timestamp::MIN, Timestamp::MAX);
        let name = |(at, kid): (usize, &String)| NamedKey {
            kid: kid.clone(),
            created_at: always,
            signs_from: if at == 0 { always } else { never },
            verifies_until: None,
        };
        Self::named(root, kids.iter().enumerate().map(name).collect(), lifetimes)
    }

    /// The same, of keys that sign and are believed at their times.
    #[must_use]
    pub fn named(root: &RootKey, names: Vec<NamedKey>, lifetimes: Lifetimes) -> Option<Self> {
        if names.is_empty() {
            return None;
        }
        Some(Self {
            held: ArcSwap::from_pointee(held(root, names)),
            successor: SuccessorKey::new(root.derive("refresh")),
            root: root.clone(),
            lifetimes,
            validation: validation(),
            asked: Mutex::new(None),
            changed: Notify::new(),
            revoked: Notify::new(),
        })
    }

    /// Takes these keys from now on. Without any, those that are known stay.
    /// Where they are others, `forget` is called: what was found of tokens by
    /// those before holds no longer.
    pub(crate) fn replace(&self, names: Vec<NamedKey>, now: Timestamp, forget: impl FnOnce()) {
        let known = self.held.load();
        if names.is_empty() || known.iter().map(|held| &held.name).eq(&names) {
            return;
        }
        let is_gone = |was: &NamedKey| names.iter().all(|name| name.kid != was.kid);
        let is_revoked = |held: &Held| held.name.verifies(now) && is_gone(&held.name);
        let is_one_revoked = known.iter().any(is_revoked);
        self.held.store(Arc::new(held(&self.root, names)));
        // Before it is told: a socket that is let in after those before it were
        // sent away must not be so by what is remembered of a revoked key.
        forget();
        if is_one_revoked {
            self.revoked.notify_one();
        }
    }

    /// Waits until a key is no longer believed that could have been for longer:
    /// whoever came in by a token of it may be anybody.
    pub async fn revoked(&self) {
        self.revoked.notified().await;
    }

    /// How long tokens and sessions live.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The key that makes successors of refresh tokens.
    #[must_use]
    pub fn successor_key(&self) -> &SuccessorKey {
        &self.successor
    }

    /// The public keys, for whoever wants to check tokens themselves: all that
    /// are believed, and those that will sign.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<PublicKey> {
        let held = self.held.load();
        let believed = held.iter().filter(|held| held.name.verifies(now));
        believed.map(|held| held.public.clone()).collect()
    }

    /// The name of the key that signs: the one that began last.
    fn signer(&self, now: Timestamp) -> Result<String, Fault> {
        let held = self.held.load();
        let believed = || held.iter().map(|held| &held.name).filter(|name| name.verifies(now));
        let signing = believed().filter(|name| name.signs_from <= now);
        // Of equals the first: they stand in the order of their making.
        let best = signing.rev().max_by_key(|name| name.signs_from);
        // A clock that was put back may stand before all of them.
        let best = best.or_else(|| believed().min_by_key(|name| name.signs_from));
        best.map(|name| name.kid.clone()).ok_or_else(|| Fault::internal("no key signs"))
    }

    /// Makes what a client is given out of an open session. An access token
    /// does not outlive its session.
    pub fn issue(&self, opened: Opened, now: Timestamp) -> Result<Pair, Fault> {
        let expires_at = after(now, self.lifetimes.access).min(opened.session_expires_at);
        let (iat, exp) = (now.as_second(), expires_at.as_second());
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: opened.user.id,
            sid: opened.session_id,
            role: opened.user.role,
            kid: self.signer(now)?,
            r#gen: opened.generation,
            iat,
            exp,
            nbf: iat,
        };
        let access = self.sign(&claims)?;
        Ok(Pair {
            access: Secret::new(access),
            expires_in: std::time::Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0)),
            refresh: Secret::new(opened.refresh.to_text()),
            session_id: opened.session_id,
            user: opened.user,
        })
    }

    fn sign(&self, claims: &Claims) -> Result<String, Fault> {
        let held = self.held.load();
        let key = held.iter().find(|held| held.name.kid == claims.kid);
        let key = key.ok_or_else(|| Fault::internal("the key that signs is gone"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(claims.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.signing).map_err(Fault::internal)
    }

    /// Checks a token: algorithm, key, signature, kind, issuer, audience and
    /// times. The key is found by its name alone; whatever else a header says
    /// of keys (`jwk`, `jku`, `x5u`, `x5c`) is never looked at.
    ///
    /// # Errors
    /// 401 `auth.token_expired` for one of ours that is too old, else 401
    /// `auth.token_invalid`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Fault> {
        let claims = self.check(token, now).ok_or_else(|| Fault::new(&TOKEN_INVALID))?;
        Self::timely(&claims, now)?;
        Ok(claims)
    }

    /// Whether a token whose signature was found good is of this time.
    pub(crate) fn timely(claims: &Claims, now: Timestamp) -> Result<(), Fault> {
        let now = now.as_second();
        if claims.nbf > now + LEEWAY_SECS || claims.iat > now + LEEWAY_SECS {
            return Err(Fault::new(&TOKEN_INVALID));
        }
        if claims.exp <= now {
            return Err(Fault::new(&TOKEN_EXPIRED));
        }
        Ok(())
    }

    /// Whether a token names a key that is not known here: another node may
    /// have made one.
    pub(crate) fn lacks_key_of(&self, token: &str) -> bool {
        let header = (token.len() <= LEN_MAX).then(|| jsonwebtoken::decode_header(token).ok());
        let kid = header.flatten().and_then(|header| header.kid);
        let held = self.held.load();
        kid.is_some_and(|kid| held.iter().all(|held| held.name.kid != kid))
    }

    fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > LEN_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let is_ours = header.alg == Algorithm::EdDSA
            && header.typ.as_deref().is_some_and(is_access_token)
            // A header that must be understood (RFC 7515, section 4.1.11) is
            // not, nor are those that change how the payload is read.
            && header.crit.is_none()
            && header.zip.is_none()
            && header.enc.is_none()
            && !header.extras.inner().contains_key("b64");
        let (kid, held) = (header.kid.filter(|_| is_ours)?, self.held.load());
        let key = held.iter().find(|held| held.name.kid == kid && held.name.verifies(now))?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.checking, &self.validation);
        // The name in the claims is signed, too, and says the same.
        decoded.ok().map(|data| data.claims).filter(|claims| claims.kid == kid)
    }
}

fn held(root: &RootKey, names: Vec<NamedKey>) -> Vec<Held> {
    let hold = |name: NamedKey| {
        let key = SigningKey::from_bytes(&root.derive(&format!("jwt/{}", name.kid)));
        let document = key.to_pkcs8_der().expect("a key of 32 bytes has a PKCS#8 form");
        let public = PublicKey { kid: name.kid.clone(), bytes: key.verifying_key().to_bytes() };
        Held {
            signing: EncodingKey::from_ed_der(document.as_bytes()),
            checking: DecodingKey::from_ed_der(&public.bytes),
            public,
            name,
        }
    };
    names.into_iter().map(hold).collect()
}

/// Media types are compared without case, and `application/` may be left out.
fn is_access_token(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.strip_prefix("application/").unwrap_or(&kind) == TYPE
}

/// The times are checked by us, against the clock that we are given.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation
}

#[cfg(test)]
#[path = "token_attacks.rs"]
mod tests;
