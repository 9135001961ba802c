//! Where in a trace something happens: as it is carried along within a task, and
//! from one process to another.

use std::fmt;

use futures_util::future::Either;
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};

/// A span of whatever process, by which others can go on from it: the W3C's
/// `traceparent`, without what vendors add to it.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceContext(SpanContext);

/// Marks a context that comes from another process of ours, which has decided
/// that its trace is made.
#[derive(Debug)]
pub(super) struct Ours;

impl TraceContext {
    /// Reads a `traceparent`; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2).filter(|version| *version != "ff")?;
        let trace_id = TraceId::from_hex(hex(parts.next()?, 32)?).ok()?;
        let span_id = SpanId::from_hex(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::from_str_radix(hex(parts.next()?, 2)?, 16).ok()?;
        // Later versions may say more.
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let flags = TraceFlags::default().with_sampled(TraceFlags::new(flags).is_sampled());
        let read = SpanContext::new(trace_id, span_id, flags, true, TraceState::default());
        read.is_valid().then_some(Self(read))
    }

    /// The span that this task is in, if it is in one.
    #[must_use]
    pub fn current() -> Option<Self> {
        if !super::is_on() {
            return None;
        }
        Context::map_current(|here| {
            here.has_active_span().then(|| Self(here.span().span_context().clone()))
        })
    }

    /// As the parent of a span. A caller's decides nothing; one of ours was
    /// decided on.
    pub(super) fn as_parent(&self, is_ours: bool) -> Context {
        let parent = Context::new().with_remote_span_context(self.0.clone());
        if is_ours { parent.with_value(Ours) } else { parent }
    }
}

impl From<SpanContext> for TraceContext {
    fn from(span: SpanContext) -> Self {
        Self(span)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id) = (self.0.trace_id(), self.0.span_id());
        write!(f, "00-{trace_id}-{span_id}-{:02x}", self.0.trace_flags())
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// So many digits as the W3C writes them: small letters only.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

/// Whether this task is in a span, so that a span made here would have a parent.
#[must_use]
pub fn is_recording() -> bool {
    super::is_on() && Context::map_current(TraceContextExt::has_active_span)
}

/// Takes the span that this task is in along into another task.
pub fn with_current<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let here = is_recording().then(Context::current);
    within(here, future)
}

/// Runs a future in a context, if there is one.
pub(super) fn within<F: Future>(
    context: Option<Context>,
    future: F,
) -> impl Future<Output = F::Output> {
    match context {
        Some(context) => Either::Left(future.with_context(context)),
        None => Either::Right(future),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_written_as_it_was_read() {
        assert_eq!(TraceContext::parse(GOOD).expect("it is one").to_string(), GOOD);
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more";
        assert_eq!(TraceContext::parse(later).expect("it is one").to_string(), GOOD);
    }

    #[test]
    fn what_the_w3c_calls_invalid_is_no_parent() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad:?}");
        }
    }
}
