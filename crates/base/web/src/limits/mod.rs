//! How often somebody may ask.
//!
//! Every route has a [`Class`], and every person a quota of each class; where
//! no person is known, every address (of IPv6 the network of 64 bits, which is
//! what one household is given). Answers say how the caller stands, in
//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers);
//! who has nothing left is answered 429 with `Retry-After`, and waiting that
//! long is enough. Requests that try a password have a rule of their own:
//! [`tries`].
//!
//! Reads are counted by each node in its own memory, of so many callers at the
//! most ([`Quotas::tracked_max`]). Everything else is counted in Redis where
//! there is one ([`together`]), by all nodes together; while it is away, by each
//! node for itself.

mod class;
mod gcra;
mod kept;
mod together;
mod tries;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sayso_access::{Ctx, Origin, SessionId, UserId};
use sayso_kernel::Fault;
use uuid::Uuid;

pub use class::Class;
pub use gcra::{Quota, Standing};
pub use tries::DEVICE_KNOWN_FOR;

use crate::codes::TOO_MANY;
use crate::identity::Identity;
use crate::problem::Problem;
use kept::Kept;
use sayso_redis::Redis;
use together::Together;
use tries::Tries;

/// What is left, and until when.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What the quota is.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Reads of a caller.
    pub read: Quota,
    /// Writes of a caller.
    pub write: Quota,
    /// Searches of a caller.
    pub search: Quota,
    /// Requests of a caller that prove who somebody is.
    pub login: Quota,
    /// Requests of a caller that prove once more who they are.
    pub proof: Quota,
    /// Exports of a caller.
    pub export: Quota,
    /// Wrong passwords for one e-mail from one address.
    pub tries: Quota,
    /// Wrong passwords from one address, whatever the e-mail.
    pub tries_of_address: Quota,
    /// Wrong passwords for one e-mail from anywhere, before tries for it are
    /// slowed down.
    pub tries_of_email: Quota,
    /// Callers that are kept count of, at the most.
    pub tracked_max: usize,
}

impl Quotas {
    fn of(&self, class: Class) -> Quota {
        match class {
            Class::Read => self.read,
            Class::Write => self.write,
            Class::Search => self.search,
            Class::Login => self.login,
            Class::Proof => self.proof,
            Class::Export => self.export,
        }
    }
}

/// Whom a quota belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A person, wherever they are.
    Person(UserId),
    /// Whoever is at an address.
    Address(Ipv6Addr),
}

impl Caller {
    /// Whoever is at the address of a context.
    #[must_use]
    pub fn at(ctx: &Ctx) -> Self {
        Self::Address(household(&ctx.origin))
    }

    fn of(request: &Request) -> Self {
        match request.extensions().get::<Identity>() {
            Some(Identity::Known(actor)) => Self::Person(actor.user_id),
            _ => {
                let nobody = Self::Address(Ipv6Addr::UNSPECIFIED);
                request.extensions().get::<Ctx>().map_or(nobody, Self::at)
            }
        }
    }
}

/// Where somebody is; whoever is nowhere is in one place with all such.
fn household(origin: &Origin) -> Ipv6Addr {
    let address = origin.address.as_deref().and_then(|text| text.parse().ok());
    network(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
}

/// What one household is given: an IPv4 address, or an IPv6 network.
fn network(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64),
    }
}

/// Who has taken how much. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Limiter(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    quotas: Quotas,
    taken: Kept<(Class, Caller)>,
    together: Option<Together>,
    tries: Tries,
}

impl Inner {
    /// Takes one of the caller's quota, or nothing when none is left.
    async fn take(&self, class: Class, caller: Caller) -> Standing {
        let quota = self.quotas.of(class);
        if let Some(together) = self.together.as_ref().filter(|_| class != Class::Read) {
            if let Some(standing) = together.take(class, caller, quota).await {
                return standing;
            }
            metrics::counter!("sayso_limits_alone_total").increment(1);
        }
        self.taken.take(&(class, caller), quota)
    }
}

impl Limiter {
    /// Limits callers to these quotas, on this node.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        Self::on(quotas, None)
    }

    /// Limits callers to these quotas, on all nodes together that share a
    /// Redis.
    #[must_use]
    pub fn on(quotas: Quotas, redis: Option<Redis>) -> Self {
        let (taken, tries) = (Kept::new(quotas.tracked_max), Tries::new(&quotas));
        let together = redis.map(Together::new);
        Self(Some(Arc::new(Inner { quotas, taken, together, tries })))
    }

    /// Limits nobody.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Somebody has come in with this e-mail from there, so long ago: that
    /// device, and whoever names the session, is not shut out with the strangers
    /// who try the e-mail.
    pub fn know(&self, email: &str, origin: &Origin, session: SessionId, ago: Duration) {
        if let Some(inner) = &self.0 {
            inner.tries.know(email, origin, session.0, ago);
        }
    }

    /// Takes one of the caller's quota: the door for what does not come as a
    /// request of its own, like an event over a socket.
    ///
    /// # Errors
    /// 429 `limits.too_many`.
    pub async fn take(&self, class: Class, ctx: &Ctx) -> Result<(), Fault> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let caller = ctx.user_id().map_or_else(|| Caller::at(ctx), Caller::Person);
        let standing = inner.take(class, caller).await;
        if !standing.is_over {
            return Ok(());
        }
        metrics::counter!("sayso_limits_refused_total", "class" => class.as_str()).increment(1);
        Err(too_many(&standing))
    }
}

/// A step of the way in, after the one that says who is calling: takes one of
/// the caller's quota, or refuses.
pub async fn limit<F: Future<Output = Response>>(
    limiter: &Limiter,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let (Some(inner), Some(route)) = (&limiter.0, request.extensions().get::<MatchedPath>()) else {
        return next(request).await;
    };
    let Some(class) = Class::of(request.method(), route.as_str(), request.headers()) else {
        return next(request).await;
    };
    let is_login = class == Class::Login && route.as_str() == tries::ROUTE;
    let quota = inner.quotas.of(class);
    let standing = inner.take(class, Caller::of(&request)).await;
    let mut response = if is_login {
        Box::pin(inner.tries.watch(request, &standing, next)).await
    } else if standing.is_over {
        metrics::counter!("sayso_limits_refused_total", "class" => class.as_str()).increment(1);
        Problem(too_many(&standing)).into_response()
    } else {
        next(request).await
    };
    tell(response.headers_mut(), class.as_str(), quota, &standing);
    response
}

/// Says how the caller stands, unless something nearer has said so already.
fn tell(headers: &mut HeaderMap, policy: &str, quota: Quota, standing: &Standing) {
    if headers.contains_key(RATE_LIMIT) {
        return;
    }
    let (left, wait) = (standing.left, standing.wait_secs());
    let (amount, window) = (quota.amount, quota.window.as_secs().max(1));
    let told = [
        (RATE_LIMIT, format!("\"{policy}\";r={left};t={wait}")),
        (RATE_LIMIT_POLICY, format!("\"{policy}\";q={amount};w={window}")),
    ];
    for (name, text) in told {
        headers.insert(name, HeaderValue::try_from(text).expect("it is visible ASCII"));
    }
}

fn too_many(standing: &Standing) -> Fault {
    let wait = standing.wait_secs();
    Fault::new(&TOO_MANY)
        .detail(format!("Try again in {wait} s"))
        .retry_after(Duration::from_secs(wait))
}

/// The id under which something is kept that nobody should read here.
fn digest(parts: &[&[u8]]) -> Uuid {
    let hash = sayso_kernel::secret::sha256(parts);
    Uuid::from_bytes(hash[..16].try_into().expect("a hash is longer than its half"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_an_ipv4_address_or_an_ipv6_network() {
        let network = |text: &str| network(text.parse().expect("an address"));

        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
