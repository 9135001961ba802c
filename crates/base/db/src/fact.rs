//! What a write leaves behind: one fact, which carries an event, an audit
//! entry, or both.

use std::sync::Arc;

use sayso_access::{Ctx, Origin, Role, SessionId, UserId, Via};
use sayso_telemetry::trace::TraceContext;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A kind of fact, declared once by the domain that emits it. The list of all
/// kinds is `golden/events.txt`.
#[derive(Debug)]
pub struct FactKind {
    /// `noun.past_verb`: the event's type and the audit's action.
    pub name: &'static str,
    /// Whether it is an event that clients hear.
    pub is_event: bool,
    /// Whether it is written to the audit.
    pub is_audited: bool,
    /// On which stream it travels, in words, for the documentation.
    pub stream: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
}

/// A sequence of events that is followed as a whole. Whoever follows a stream
/// may see everything on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What the whole company may see.
    Company,
    /// What one person may see.
    User(UserId),
    /// What the members of a channel may see.
    Channel(Uuid),
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Company => f.write_str("company"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Channel(id) => write!(f, "channel:{id}"),
        }
    }
}

/// What an event does, in log order, to who hears what from there on. Nodes
/// act on it; clients do not see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Effect {
    /// A person follows a stream from this event on.
    Follow {
        /// The person.
        user: UserId,
        /// The stream's name.
        stream: String,
    },
    /// A person no longer follows a stream after this event.
    Unfollow {
        /// The person.
        user: UserId,
        /// The stream's name.
        stream: String,
    },
    /// Nobody follows a stream any longer after this event.
    Close {
        /// The stream's name.
        stream: String,
    },
    /// A session has ended: its sockets close and stay away.
    EndSession {
        /// The session.
        session: SessionId,
        /// Why, as an error code.
        code: String,
    },
    /// What a person may do has changed: their sockets close and come back,
    /// as who they are now.
    Reconnect {
        /// The person.
        user: UserId,
        /// Why, as a code.
        code: String,
    },
}

/// What an audit entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind of thing: `task`, `user`, `session`.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
}

/// One fact on its way into the outbox. Built by a domain's `events.rs`.
#[derive(Debug)]
pub struct Fact {
    pub(crate) kind: &'static FactKind,
    pub(crate) version: i32,
    pub(crate) streams: Vec<Stream>,
    pub(crate) data: Box<RawValue>,
    pub(crate) change: Option<Box<RawValue>>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) subject: Option<Subject>,
    pub(crate) details: Option<serde_json::Value>,
    pub(crate) actor: Option<UserId>,
    pub(crate) came: Option<Came>,
    pub(crate) cause: Option<Uuid>,
    pub(crate) trace: Option<TraceContext>,
}

/// How somebody came whose doing is written later, with that of others.
#[derive(Clone, Debug)]
pub struct Came {
    /// Through which door.
    pub via: Via,
    /// The role of whoever came, where that is known.
    pub role: Option<Role>,
    /// The session, where there was one.
    pub session_id: Option<SessionId>,
    /// From where, and with what.
    pub origin: Origin,
    /// The request.
    pub request_id: Option<Arc<str>>,
}

impl From<&Ctx> for Came {
    fn from(ctx: &Ctx) -> Self {
        Self {
            via: ctx.via,
            role: ctx.role(),
            session_id: ctx.session_id(),
            origin: ctx.origin.clone(),
            request_id: ctx.request_id.clone(),
        }
    }
}

impl Fact {
    /// An event on one stream, or on several streams of persons; on others it
    /// is refused when it is written. `data` is what everybody who may see the
    /// resource may see of it.
    pub fn event<D: Serialize>(
        kind: &'static FactKind,
        streams: Vec<Stream>,
        version: i32,
        data: &D,
    ) -> Self {
        Self { streams, version, data: raw(data), ..Self::bare(kind) }
    }

    /// A fact that only the audit (and the nodes themselves) hear of.
    #[must_use]
    pub fn audit_only(kind: &'static FactKind) -> Self {
        debug_assert!(!kind.is_event, "{} is an event", kind.name);
        Self::bare(kind)
    }

    fn bare(kind: &'static FactKind) -> Self {
        Self {
            kind,
            version: 0,
            streams: Vec::new(),
            data: RawValue::NULL.to_owned(),
            change: None,
            effects: Vec::new(),
            subject: None,
            details: None,
            actor: None,
            came: None,
            cause: None,
            trace: None,
        }
    }

    /// Says what changed: `{"fields": …}` or the like.
    #[must_use]
    pub fn change<C: Serialize>(mut self, change: &C) -> Self {
        self.change = Some(raw(change));
        self
    }

    /// Adds an effect on who hears what.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Says what the audit entry is about.
    #[must_use]
    pub fn about(mut self, kind: &'static str, id: Uuid) -> Self {
        self.subject = Some(Subject { kind, id });
        self
    }

    /// Adds details for the audit. Never text that people wrote, never a
    /// secret; personal fields by name only.
    #[must_use]
    pub fn details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Names the person who acted, where the context cannot know it yet (a
    /// login).
    #[must_use]
    pub fn by(mut self, actor: UserId) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Says how whoever acted came, where the context is not theirs.
    #[must_use]
    pub fn came(mut self, came: Came) -> Self {
        self.came = Some(came);
        self
    }

    /// Names the fact of the log that this one answers to: it comes from a
    /// consumer and not from a person. No consumer answers to such a fact, so
    /// there are no circles.
    #[must_use]
    pub fn because_of(mut self, cause: Uuid) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Says where in a trace it is left, if that is not where the transaction
    /// is: one transaction of a consumer goes on with the traces of many.
    #[must_use]
    pub fn in_trace(mut self, trace: Option<TraceContext>) -> Self {
        self.trace = trace;
        self
    }

    /// The kind's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.name
    }
}

fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("what a fact carries is plain JSON")
}
