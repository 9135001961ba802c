//! What all sockets of this node share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use sayso_access::{Actor, Ctx, Origin, SessionId};
use sayso_events::{Acked, Hub, Log, Presence, Volatile};
use sayso_kernel::{Clock, Code, Fault, Random, Timestamp};

use crate::board::{Board, Shut};
use crate::inbound::Inbound;
use crate::limits::{CROWDED_RETRY_MS, Limits, RETRY_AFTER_MS};
use crate::protocol::CROWDED_PERSON;
use crate::session::Session;
use crate::transport::Transports;
use crate::typing::Typing;
use crate::unsaid::Unsaid;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A person whose token was accepted.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who acts.
    pub actor: Actor,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// What the token is not for, where it is not for all that its person may.
    pub barred: Option<Box<Barred>>,
}

/// Events that a token is not for.
#[derive(Clone, Debug)]
pub struct Barred {
    /// Their names.
    pub events: Vec<&'static str>,
    /// How they are refused.
    pub code: &'static Code,
}

impl Barred {
    /// Whether what is barred leaves this event.
    pub(crate) fn admit(barred: Option<&Self>, name: &str) -> Result<(), Fault> {
        match barred {
            Some(barred) if barred.events.contains(&name) => Err(Fault::new(barred.code)),
            _ => Ok(()),
        }
    }
}

/// What was known when somebody was verified: all of it, up to here and now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    /// What this node had applied of the log before.
    pub(crate) position: i64,
    /// When that was.
    pub(crate) at: Instant,
}

/// Says who a token belongs to that came from there, or refuses it: the same
/// door as for HTTP.
pub type Gate =
    Arc<dyn Fn(String, Origin) -> BoxFuture<'static, Result<Verified, Fault>> + Send + Sync>;

/// Hears what was refused to somebody: an event that clients may send, and why.
pub type Refused = Arc<dyn Fn(&Ctx, &str, &Fault) + Send + Sync>;

/// Hears of every event that clients may send from whoever may still be there:
/// a use of their session.
pub type Used = Arc<dyn Fn(&Actor, Timestamp) + Send + Sync>;

/// Says until when the newest access token of each of these sessions is good.
/// One that has ended, or is not known, is left out.
pub type Renewals = Arc<
    dyn Fn(Vec<SessionId>) -> BoxFuture<'static, Result<HashMap<SessionId, Timestamp>, Fault>>
        + Send
        + Sync,
>;

/// Who acts in a session now, or by which code nobody does any more.
pub type Standing = Result<Actor, &'static Code>;

/// Says of each of these sessions how it stands: the same door as for HTTP.
pub type Standings = Arc<
    dyn Fn(Vec<SessionId>) -> BoxFuture<'static, Result<HashMap<SessionId, Standing>, Fault>>
        + Send
        + Sync,
>;

pub(crate) struct Node {
    pub(crate) hub: Hub,
    pub(crate) log: Log,
    pub(crate) gate: Gate,
    pub(crate) inbound: Inbound,
    pub(crate) refused: Refused,
    pub(crate) used: Used,
    pub(crate) renewals: Renewals,
    pub(crate) standings: Standings,
    pub(crate) presence: Presence,
    pub(crate) volatile: Volatile,
    pub(crate) typing: Typing,
    pub(crate) unsaid: Unsaid,
    pub(crate) acked: Acked,
    /// Somebody with an acknowledgement has gone.
    pub(crate) acks_due: Notify,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    pub(crate) board: Board,
    pub(crate) transports: Arc<Transports>,
    pub(crate) is_draining: AtomicBool,
    pub(crate) next_id: AtomicU64,
}

impl Node {
    /// The context of one event of a client.
    pub(crate) fn ctx(&self, actor: Actor, origin: Origin) -> Ctx {
        Ctx::of_socket(origin, self.clock.clone(), self.random.clone()).acting_as(actor)
    }

    pub(crate) fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// When to come back, spread so that not all come at once.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        RETRY_AFTER_MS + self.random.below(RETRY_AFTER_MS)
    }

    /// When somebody who was sent away for this is wanted back.
    pub(crate) fn retry_after(&self, code: &str) -> u32 {
        let spread = self.retry_after_ms();
        if code == CROWDED_PERSON.name { CROWDED_RETRY_MS + spread } else { spread }
    }

    /// A socket is there: it is handed events from now on. Answers
    /// what happened to its person while it was let in.
    pub(crate) fn enter(&self, session: &Arc<Session>) -> Option<Shut> {
        let (user, now) = (session.actor.user_id, self.clock.now());
        let devices = self.presence.connected(user, session.id, now);
        metrics::gauge!("sayso_realtime_sockets").increment(1.0);
        let shut = self.board.enter(session);
        let is_crowded = devices > self.limits.sockets_per_person_max;
        shut.or_else(|| is_crowded.then(|| Shut::Back(CROWDED_PERSON.name.to_owned())))
    }

    /// A socket is gone.
    pub(crate) fn leave(&self, session: &Session, followed: &[String]) {
        self.board.leave(session, followed);
        metrics::gauge!("sayso_realtime_sockets").decrement(1.0);
        self.presence.disconnected(session.actor.user_id, session.id, self.clock.now());
        self.acks_due.notify_one();
    }
}
