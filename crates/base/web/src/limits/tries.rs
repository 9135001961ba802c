//! Passwords that are tried.
//!
//! The rule, which keeps guessers away and gives no stranger a way to keep
//! somebody else out:
//!
//! 1. Wrong passwords are counted by address and e-mail together. When their
//!    quota is used up, further tries **from that address for that e-mail** are
//!    answered 429 unseen. From anywhere else the owner comes in as before.
//! 2. Wrong passwords are also counted by address alone, with a larger quota:
//!    whoever tries one password on many e-mails is stopped there.
//! 3. A device (address and user agent) from which the e-mail has come in
//!    before is never shut out by 1 and 2, nor by the quota of logins that its
//!    address has, so that neither a neighbour behind the same address nor a
//!    script that forgot the new password locks the owner out. Its tries wait
//!    for their turn, one every two seconds: the right password comes in, a
//!    wrong one is answered 429.
//!    Whoever names a session of theirs that the login replaces is known by it
//!    wherever they are, and has turns of their own: its id nobody can guess,
//!    as they can the name of a browser.
//! 4. For one e-mail from everywhere nothing is refused, whatever a crowd of
//!    addresses does: past a third quota a try from an unknown device takes
//!    two seconds longer.
//!
//! A right password forgets what 1 has counted. Tries of one address for one
//! e-mail that come together are looked at a few at a time, so that a thousand
//! at once are no more than one after the other. A device is known for thirty
//! days, in this node's memory: by a password that was right here, and by what
//! it is told of those who came in otherwise, elsewhere or before it started
//! ([`super::Limiter::know`]); a request never asks the database for it. E-mails
//! are kept as hashes, and one that nobody has counts like any other, so that
//! nothing can be learned from it.

use std::hash::{BuildHasher, RandomState};
use std::net::Ipv6Addr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sayso_access::{Ctx, Origin};
use sayso_kernel::Fault;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::gcra::{Quota, Standing};
use super::kept::Kept;
use super::{Class, Quotas, digest, household, tell, too_many};
use crate::codes::{TOO_LARGE, TOO_MANY, UNPARSABLE};
use crate::json;
use crate::problem::{Problem, fault_of};

/// Where passwords are tried.
pub(super) const ROUTE: &str = "/api/auth/login";
/// What is answered to a right password without the code that it takes.
const CODE_REQUIRED: &str = "auth.code_required";
/// What the quota of an address' logins is called.
const LOGINS: &str = Class::Login.as_str();
/// What the quota of tries is called.
const POLICY: &str = "password";
/// Bytes of a login at the most.
const LOGIN_MAX: usize = 16 * 1024;
/// How long a device is known after it was last let in.
pub const DEVICE_KNOWN_FOR: Duration = Duration::from_secs(30 * 86_400);
/// The turns of a known device whose quota is used up.
const TURNS: Quota = Quota { amount: 1, window: Duration::from_secs(2) };
/// How long a try waits for its turn or for others, at the most.
const WAIT_MAX: Duration = Duration::from_secs(4);
/// How much longer a try takes when its e-mail is being tried from everywhere.
const SLOWED_BY: Duration = Duration::from_secs(2);
/// Tries of one address for one e-mail that are looked at together.
const TOGETHER_MAX: usize = 5;
/// Doors at which tries wait; those of one address and e-mail at the same.
const DOORS: usize = 256;

/// What is counted, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    /// An address and an e-mail.
    Pair(Uuid),
    /// An address.
    Address(Ipv6Addr),
    /// An e-mail.
    Email(Uuid),
    /// The turns of a lane.
    Turn(Uuid),
}

#[derive(Debug)]
pub(super) struct Tries {
    pair: Quota,
    address: Quota,
    email: Quota,
    wrong: Kept<Counted>,
    known: Kept<Uuid>,
    /// Chooses the door: nobody outside knows who waits at which.
    porter: RandomState,
    doors: Vec<Semaphore>,
}

/// Who tries.
struct Try {
    pair: Uuid,
    address: Ipv6Addr,
    email: Uuid,
    device: Uuid,
    /// The session that the login is to replace.
    session: Option<Uuid>,
}

impl Tries {
    pub(super) fn new(quotas: &Quotas) -> Self {
        Self {
            pair: quotas.tries,
            address: quotas.tries_of_address,
            email: quotas.tries_of_email,
            wrong: Kept::new(quotas.tracked_max),
            known: Kept::new(quotas.tracked_max),
            porter: RandomState::new(),
            doors: (0..DOORS).map(|_| Semaphore::new(TOGETHER_MAX)).collect(),
        }
    }

    /// Lets a login through if it may be tried now, and remembers what became
    /// of it. How its address stands with its logins, `logins` says.
    pub(super) async fn watch<F: Future<Output = Response>>(
        &self,
        request: Request,
        logins: &Standing,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let bytes = match receive(body).await {
            Ok(bytes) => bytes,
            Err(fault) => return Problem(fault).into_response(),
        };
        let attempt = Try::of(&parts, &bytes);
        if logins.is_over && !self.is_known(&attempt) {
            metrics::counter!("sayso_limits_refused_total", "class" => LOGINS).increment(1);
            return Problem(too_many(logins)).into_response();
        }
        let place = usize::try_from(self.porter.hash_one(self.lane(&attempt)) >> 32).unwrap_or(0);
        let door = &self.doors[place % DOORS];
        let Ok(Ok(_place)) = timeout(WAIT_MAX, door.acquire()).await else {
            let soon = Standing { is_over: true, left: 0, wait: Duration::from_secs(1) };
            return refused(&soon, self.pair);
        };
        let before = self.standing(&attempt);
        if (before.is_over || logins.is_over) && !self.await_turn(&attempt).await {
            return refused(if before.is_over { &before } else { logins }, self.pair);
        }
        if self.is_slowed(&attempt) {
            sleep(SLOWED_BY).await;
        }
        let response = next(Request::from_parts(parts, Body::from(bytes))).await;
        self.judge(&attempt, before, response)
    }

    /// Somebody has come in with this e-mail, so long ago.
    pub(super) fn know(&self, email: &str, origin: &Origin, session: Uuid, ago: Duration) {
        let left = DEVICE_KNOWN_FOR.saturating_sub(ago);
        for name in Try::new(email, origin, Some(session)).names() {
            self.known.keep(&name, left);
        }
    }

    fn is_known(&self, attempt: &Try) -> bool {
        attempt.names().any(|name| self.known.is_kept(&name))
    }

    /// What tries wait in line for: those who name a session for themselves alone.
    fn lane(&self, attempt: &Try) -> Uuid {
        attempt.session.filter(|session| self.known.is_kept(session)).unwrap_or(attempt.pair)
    }

    /// How a try stands: with what is left least of its own and its address's.
    fn standing(&self, attempt: &Try) -> Standing {
        let pair = self.wrong.standing(&Counted::Pair(attempt.pair), self.pair);
        let address = self.wrong.standing(&Counted::Address(attempt.address), self.address);
        match (pair.is_over, address.is_over) {
            (true, true) if address.wait > pair.wait => address,
            (false, true) => address,
            _ => pair,
        }
    }

    /// Whether a try past its quota has a turn soon, and waits for it.
    async fn await_turn(&self, attempt: &Try) -> bool {
        if !self.is_known(attempt) {
            return false;
        }
        let (turn, mut waited) = (Counted::Turn(self.lane(attempt)), Duration::ZERO);
        loop {
            let standing = self.wrong.take(&turn, TURNS);
            if !standing.is_over {
                return true;
            }
            waited += standing.wait;
            if waited > WAIT_MAX {
                return false;
            }
            sleep(standing.wait).await;
        }
    }

    fn is_slowed(&self, attempt: &Try) -> bool {
        let email = self.wrong.standing(&Counted::Email(attempt.email), self.email);
        email.is_over && !self.is_known(attempt)
    }

    fn judge(&self, attempt: &Try, before: Standing, mut response: Response) -> Response {
        if response.status().is_success() {
            self.wrong.forget(&Counted::Pair(attempt.pair));
            self.known.keep(&attempt.device, DEVICE_KNOWN_FOR);
            return response;
        }
        if response.status() != StatusCode::UNAUTHORIZED || is_asked_for_code(&response) {
            return response;
        }
        self.wrong.charge(&Counted::Email(attempt.email), self.email);
        self.wrong.charge(&Counted::Address(attempt.address), self.address);
        let after = self.wrong.charge(&Counted::Pair(attempt.pair), self.pair);
        if before.is_over {
            return refused(&self.standing(attempt), self.pair);
        }
        tell(response.headers_mut(), POLICY, self.pair, &after);
        response
    }
}

/// Whether the password was right, and the code of the second factor is asked
/// for: nothing was guessed.
fn is_asked_for_code(response: &Response) -> bool {
    fault_of(response).is_some_and(|fault| fault.code().name == CODE_REQUIRED)
}

impl Try {
    fn of(parts: &http::request::Parts, bytes: &[u8]) -> Self {
        // Read as the route reads it. What cannot be read is counted as well,
        // all of it together.
        let body = json::read(bytes).map(|(body, _)| body).unwrap_or_default();
        let email = body["email"].as_str().unwrap_or_default();
        let session = body["replacesSessionId"].as_str().and_then(|id| id.parse().ok());
        let ctx = parts.extensions.get::<Ctx>();
        Self::new(email, ctx.map_or(&Origin::default(), |ctx| &ctx.origin), session)
    }

    fn new(email: &str, origin: &Origin, session: Option<Uuid>) -> Self {
        let email = email.trim().to_lowercase();
        let address = household(origin);
        let (email, place) = (email.as_bytes(), address.octets());
        let agent = origin.agent.as_deref().unwrap_or_default().as_bytes();
        Self {
            pair: digest(&[b"pair\0", &place, email]),
            address,
            email: digest(&[b"email\0", email]),
            device: digest(&[b"device\0", &place, email, b"\0", agent]),
            session: session.map(|id| digest(&[b"session\0", id.as_bytes(), email])),
        }
    }

    /// What whoever tries may be known by.
    fn names(&self) -> impl Iterator<Item = Uuid> {
        [Some(self.device), self.session].into_iter().flatten()
    }
}

async fn receive(body: Body) -> Result<Bytes, Fault> {
    match Limited::new(body, LOGIN_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Fault::new(&TOO_LARGE).detail(format!("A login may have {LOGIN_MAX} bytes")))
        }
        Err(error) => {
            Err(Fault::new(&UNPARSABLE).detail("The body did not arrive whole").caused_by(error))
        }
    }
}

fn refused(standing: &Standing, quota: Quota) -> Response {
    metrics::counter!("sayso_limits_refused_total", "class" => POLICY).increment(1);
    let standing = Standing { is_over: true, left: 0, ..*standing };
    let fault = too_many(&standing);
    debug_assert!(fault.is(&TOO_MANY));
    let mut response = Problem(fault).into_response();
    tell(response.headers_mut(), POLICY, quota, &standing);
    response
}
