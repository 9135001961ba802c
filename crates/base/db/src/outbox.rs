//! Facts become rows of the outbox.

use sayso_access::Ctx;
use sayso_kernel::{Code, Fault, Kind, Timestamp};
use sayso_telemetry::trace::TraceContext;
use uuid::Uuid;

use crate::{Fact, Sql, Stream};

/// One request changes too much.
pub const TOO_MUCH: Code =
    Code::new("request.too_much", Kind::Conflict, "This changes too much at once: do it in parts");

/// Facts of one transaction at the most.
pub(crate) const FACTS_MAX: usize = 1000;
/// Bytes of JSON of one fact at the most: room for the largest task, whose
/// 20,000 characters may be six bytes each where JSON escapes them.
pub(crate) const FACT_BYTES_MAX: usize = 160 * 1024;

/// Inserts all facts of a transaction in the order of their emission, and says
/// which transaction it was, so that the outcome of a COMMIT whose answer was
/// lost can be asked for.
pub(crate) const INSERT: Sql = Sql::new(
    "outbox.insert",
    "INSERT INTO outbox (fact_id, type, version, at, actor_id, via, correlation_id,
                         streams, data, change, effects, audit, caused_by, depth, trace)
     SELECT f.fact_id, f.type, f.version, f.at, f.actor_id, $6, $7,
            string_to_array(f.streams, ','), f.data::json, f.change::json,
            f.effects::json, f.audit::json, f.caused_by,
            CASE WHEN f.caused_by IS NULL THEN 0 ELSE 1 END, f.trace
     FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::uuid[],
                 $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[],
                 $14::text[])
          AS f(fact_id, type, version, at, actor_id, streams, data, change, effects, audit,
               caused_by, trace)
     RETURNING pg_current_xact_id()::text",
);

/// The columns of one or many facts, ready to be parameters of [`INSERT`].
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) types: Vec<&'static str>,
    pub(crate) versions: Vec<i32>,
    pub(crate) times: Vec<Timestamp>,
    pub(crate) actors: Vec<Option<Uuid>>,
    pub(crate) streams: Vec<String>,
    pub(crate) data: Vec<String>,
    pub(crate) changes: Vec<Option<String>>,
    pub(crate) effects: Vec<Option<String>>,
    pub(crate) audits: Vec<Option<String>>,
    pub(crate) causes: Vec<Option<Uuid>>,
    /// Where in a trace they are written, for whoever numbers them.
    pub(crate) traces: Vec<Option<String>>,
}

impl Rows {
    /// Turns facts into columns. Too many are asked for by whoever changes much
    /// at once, and are refused; one that is too large, or for streams that it
    /// may not be on, is a bug of the caller, and its change does not happen.
    pub(crate) fn of(ctx: &Ctx, facts: &[Fact]) -> Result<Self, Fault> {
        if facts.len() > FACTS_MAX {
            let text = format!("would leave {} facts, {FACTS_MAX} are the most", facts.len());
            return Err(Fault::new(&TOO_MUCH).detail(text));
        }
        let mut rows = Self::default();
        let here = TraceContext::current();
        for fact in facts {
            rows.push(ctx, fact)?;
            rows.traces.push(fact.trace.as_ref().or(here.as_ref()).map(ToString::to_string));
        }
        Ok(rows)
    }

    fn push(&mut self, ctx: &Ctx, fact: &Fact) -> Result<(), Fault> {
        let data = fact.data.get().to_owned();
        if data.len() > FACT_BYTES_MAX {
            let text = format!("{} is {} bytes long", fact.kind.name, data.len());
            return Err(Fault::internal(text));
        }
        if !is_on_its_streams(fact) {
            let text = format!("{} is for streams that it may not be on", fact.kind.name);
            return Err(Fault::internal(text));
        }
        let streams: Vec<String> = fact.streams.iter().map(ToString::to_string).collect();
        self.ids.push(ctx.new_id());
        self.types.push(fact.kind.name);
        self.versions.push(fact.version);
        let at = ctx.now();
        self.times.push(at);
        self.actors.push(fact.actor.or(ctx.user_id()).map(|id| id.0));
        self.streams.push(streams.join(","));
        self.data.push(data);
        self.changes.push(fact.change.as_ref().map(|change| change.get().to_owned()));
        self.effects.push(effects_json(fact));
        self.audits.push(fact.kind.is_audited.then(|| audit_json(ctx, fact, at)));
        self.causes.push(fact.cause);
        Ok(())
    }
}

/// An event is on one stream, or on several that are one person's each: of two
/// channels, whoever follows both would hear it twice. What is no event is on
/// none.
fn is_on_its_streams(fact: &Fact) -> bool {
    let is_of_persons = || fact.streams.iter().all(|stream| matches!(stream, Stream::User(_)));
    fact.streams.is_empty() || fact.kind.is_event && (fact.streams.len() == 1 || is_of_persons())
}

fn effects_json(fact: &Fact) -> Option<String> {
    (!fact.effects.is_empty())
        .then(|| serde_json::to_string(&fact.effects).expect("an effect is plain JSON"))
}

/// The audit entry as it will be stored and hashed, but for its place in the
/// chain.
fn audit_json(ctx: &Ctx, fact: &Fact, at: Timestamp) -> String {
    let (who, origin, request_id) = match &fact.came {
        Some(came) => ((came.via, came.role, came.session_id), &came.origin, &came.request_id),
        None => ((ctx.via, ctx.role(), ctx.session_id()), &ctx.origin, &ctx.request_id),
    };
    let (via, role, session_id) = who;
    let entry = serde_json::json!({
        "action": fact.kind.name,
        "at": at,
        "actorId": fact.actor.or(ctx.user_id()),
        "sessionId": session_id,
        "role": role,
        "via": via.as_str(),
        "correlationId": ctx.correlation_id,
        "requestId": request_id.as_deref(),
        "address": origin.address,
        "agent": origin.agent,
        "subject": fact.subject.as_ref().map(|subject| {
            serde_json::json!({ "type": subject.kind, "id": subject.id })
        }),
        "details": fact.details,
    });
    entry.to_string()
}
