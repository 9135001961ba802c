//! The context of one operation, whichever door it came through.

use std::sync::Arc;

use sayso_kernel::{Clock, Random, Timestamp};
use uuid::Uuid;

use crate::{Actor, Grant, Permission, Role, SessionId, Ties, UserId};

/// The door through which an operation came. Written into events and audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The HTTP API.
    Http,
    /// A socket event.
    Socket,
    /// A step of a command.
    Command,
    /// A spoken command.
    Voice,
    /// Sayso itself or its operator.
    System,
}

impl Via {
    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socket => "socket",
            Self::Command => "command",
            Self::Voice => "voice",
            Self::System => "system",
        }
    }
}

/// Where an operation came from; written into the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, as far as it can be trusted.
    pub address: Option<String>,
    /// The client's user agent, cut to 256 characters, control characters
    /// replaced.
    pub agent: Option<String>,
}

/// The context of one operation: who, through which door, with which clock
/// and randomness. The first parameter of every service function.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// Who acts; `None` before a login and for the system itself.
    pub actor: Option<Actor>,
    /// Through which door.
    pub via: Via,
    /// Ties together everything that one request caused, across facts.
    pub correlation_id: Uuid,
    /// The id of the request, as its answer tells it; written into the audit.
    pub request_id: Option<Arc<str>>,
    /// Where it came from.
    pub origin: Origin,
    /// The clock.
    pub clock: Clock,
    /// The generator of ids and secrets.
    pub random: Random,
}

impl Ctx {
    /// A context without an actor: before a login, or for the system.
    #[must_use]
    pub fn anonymous(via: Via, clock: Clock, random: Random) -> Self {
        let correlation_id = random.uuid(clock.now());
        let origin = Origin::default();
        Self { actor: None, via, correlation_id, request_id: None, origin, clock, random }
    }

    /// The context of what comes over a socket, from there: each event has an id
    /// of its own, which its answer tells.
    #[must_use]
    pub fn of_socket(origin: Origin, clock: Clock, random: Random) -> Self {
        let ctx = Self::anonymous(Via::Socket, clock, random);
        let request_id = Some(ctx.correlation_id.to_string().into());
        Self { request_id, origin, ..ctx }
    }

    /// The same context, acting for `actor`.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.random.uuid(self.clock.now())
    }

    /// Who acts.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.actor.as_ref().map(|actor| actor.user_id)
    }

    /// The session the operation came with.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.actor.as_ref().map(|actor| actor.session_id)
    }

    /// The role of who acts.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.actor.as_ref().map(|actor| actor.role)
    }

    /// Whether who acts may, as far as that does not hang on the resource.
    /// Nobody may nothing.
    #[must_use]
    pub fn granted(&self, permission: Permission) -> Grant {
        let now = self.now();
        self.actor.as_ref().map_or(Grant::No, |actor| actor.granted(permission, now))
    }

    /// Whether who acts may do this to a thing that they see and are so tied to.
    /// Nobody may nothing.
    #[must_use]
    pub fn may(&self, permission: Permission, ties: Ties) -> bool {
        self.granted(permission).holds(ties)
    }

    /// Who acts, where the door guarantees that somebody does. A door that let
    /// an anonymous caller through is answered 401.
    pub fn require_actor(&self) -> Result<&Actor, sayso_kernel::Fault> {
        self.actor.as_ref().ok_or_else(|| sayso_kernel::Fault::new(&TOKEN_MISSING))
    }
}

/// No token came with a request that needs one.
pub const TOKEN_MISSING: sayso_kernel::Code = sayso_kernel::Code::new(
    "auth.token_missing",
    sayso_kernel::Kind::Unauthenticated,
    "This needs an access token",
);
