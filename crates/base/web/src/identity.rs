//! Who is calling, as handlers ask for it.
//!
//! The authentication of a domain puts an [`Identity`] into the request; the
//! extractors here decide what it means for a route. A route that takes
//! neither [`Caller`] nor [`Anonymous`] has no context and can call no
//! service.

use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use http::request::Parts;
use sayso_access::{Actor, Ctx, Permission, SessionId, TOKEN_MISSING, UserId};
use sayso_kernel::{Code, Fault};

use crate::problem::Problem;

/// What is known of the caller.
#[derive(Clone, Debug)]
pub enum Identity {
    /// No token came.
    Anonymous,
    /// A valid token came.
    Known(Actor),
    /// A token came and was refused, for this reason.
    Refused(&'static Code),
}

impl Identity {
    /// The same, who may not use these permissions in this request.
    #[must_use]
    pub fn without(self, withheld: &[Permission]) -> Self {
        match self {
            Self::Known(actor) if !withheld.is_empty() => {
                Self::Known(Actor { givens: actor.givens.without(withheld), ..actor })
            }
            other => other,
        }
    }
}

/// Who came with a token, as it is told in the log and in traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerId {
    /// A person, in a session.
    Person(UserId),
    /// A program, by its token.
    Token(SessionId),
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "user:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
        }
    }
}

/// Where authentication says who came, for the stack around it, which tells it
/// also of a request that was given up on. In the extensions of a request.
#[derive(Clone, Debug, Default)]
pub struct CalledBy(Arc<OnceLock<CallerId>>);

impl CalledBy {
    /// Says it. The first word counts.
    pub fn say(&self, caller: CallerId) {
        let _said_before = self.0.set(caller);
    }

    /// What was said.
    pub(crate) fn get(&self) -> Option<CallerId> {
        self.0.get().copied()
    }
}

/// The context of a caller who is known. Others are answered 401.
#[derive(Clone, Debug)]
pub struct Caller(pub Ctx);

/// The context of a route that asks for no token (login, refresh, set-up). It
/// carries no actor, whatever token came.
#[derive(Clone, Debug)]
pub struct Anonymous(pub Ctx);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let ctx = context(parts)?;
        match parts.extensions.get::<Identity>() {
            Some(Identity::Known(actor)) => Ok(Self(ctx.acting_as(actor.clone()))),
            Some(Identity::Refused(code)) => Err(Problem::new(code)),
            Some(Identity::Anonymous) | None => Err(Problem::new(&TOKEN_MISSING)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Anonymous {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(context(parts)?))
    }
}

fn context(parts: &Parts) -> Result<Ctx, Fault> {
    let ctx = parts.extensions.get::<Ctx>().cloned();
    ctx.ok_or_else(|| Fault::internal("the route stands outside the stack that makes a context"))
}
