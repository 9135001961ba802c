//! Access tokens: signed with Ed25519, verified strictly.
//!
//! What a token says is believed only as far as the signature and the clock
//! go. Who the person is now, the session tells (`bearer.rs`).

use std::collections::HashMap;
use std::fmt;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sayso_access::{Role, SessionId, UserId};
use sayso_kernel::secret::{RootKey, Secret};
use sayso_kernel::{Fault, Timestamp};
use serde::{Deserialize, Serialize};

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

/// The keys of a deployment: those that sign and check access tokens, and the
/// one that makes successors of refresh tokens.
pub struct Keys {
    kid: String,
    signing: EncodingKey,
    known: HashMap<String, DecodingKey>,
    published: Vec<PublicKey>,
    successor: SuccessorKey,
    lifetimes: Lifetimes,
    validation: Validation,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Keys {
    /// Derives the keys of these names from the root; the first signs. `None`
    /// when there is no name.
    #[must_use]
    pub fn derive(root: &RootKey, kids: &[String], lifetimes: Lifetimes) -> Option<Self> {
        let first = kids.first()?;
        let key = |kid: &str| SigningKey::from_bytes(&root.derive(&format!("jwt/{kid}")));
        let document = key(first).to_pkcs8_der().expect("a key of 32 bytes has a PKCS#8 form");
        let published: Vec<_> = kids
            .iter()
            .map(|kid| PublicKey { kid: kid.clone(), bytes: key(kid).verifying_key().to_bytes() })
            .collect();
        let known = published.iter();
        let known = known.map(|key| (key.kid.clone(), DecodingKey::from_ed_der(&key.bytes)));
        Some(Self {
            kid: first.clone(),
            signing: EncodingKey::from_ed_der(document.as_bytes()),
            known: known.collect(),
            successor: SuccessorKey::new(root.derive("refresh")),
            lifetimes,
            validation: validation(),
            published,
        })
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

    /// The public keys, for whoever wants to check tokens themselves.
    #[must_use]
    pub fn published(&self) -> &[PublicKey] {
        &self.published
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
            kid: self.kid.clone(),
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
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(Fault::internal)
    }

    /// Checks a token: algorithm, key, signature, kind, issuer, audience and
    /// times. The key is found by its name alone; whatever else a header says
    /// of keys (`jwk`, `jku`, `x5u`, `x5c`) is never looked at.
    ///
    /// # Errors
    /// 401 `auth.token_expired` for one of ours that is too old, else 401
    /// `auth.token_invalid`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Fault> {
        let claims = self.check(token).ok_or_else(|| Fault::new(&TOKEN_INVALID))?;
        let now = now.as_second();
        if claims.nbf > now + LEEWAY_SECS || claims.iat > now + LEEWAY_SECS {
            return Err(Fault::new(&TOKEN_INVALID));
        }
        if claims.exp <= now {
            return Err(Fault::new(&TOKEN_EXPIRED));
        }
        Ok(claims)
    }

    fn check(&self, token: &str) -> Option<Claims> {
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
        let key = self.known.get(header.kid.as_deref()?).filter(|_| is_ours)?;
        jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok().map(|data| data.claims)
    }
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
