//! What a trace shows of sockets: an event of a client begins one, and an event
//! of the log ends one.

use std::time::Instant;

use sayso_access::Ctx;
use sayso_events::Event;
use sayso_telemetry::trace::{EndedSpan, Span, SpanKind, TraceContext};

/// What stands for a name that is none of ours: whatever a client may call its
/// events, it is not told on.
const UNKNOWN: &str = "unknown";

/// The span of an event of a client.
pub(crate) fn asked(name: &str, is_known: bool, ctx: &Ctx) -> Span {
    let name = if is_known { name } else { UNKNOWN };
    let span = Span::server(None, || format!("socket {name}"));
    if span.is_recording() {
        span.set("sayso.request_id", ctx.correlation_id.to_string());
        if let Some(user) = ctx.user_id() {
            span.set("sayso.actor", format!("user:{user}"));
        }
    }
    span
}

/// The span of handing an event to so many sockets of this node.
pub(crate) fn dispatched(trace: &TraceContext, event: &Event, sockets: usize, started: Instant) {
    EndedSpan::new(SpanKind::Producer, format!("dispatch {}", event.kind), started)
        .with("sayso.fact", event.kind.clone())
        .with("sayso.position", event.position)
        .with("sayso.sockets", i64::try_from(sockets).unwrap_or(i64::MAX))
        .in_trace(trace);
}
