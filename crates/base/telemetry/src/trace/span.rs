//! Spans: those that something runs in, and those that are made when it is over.

use std::borrow::Cow;
use std::time::Instant;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use sayso_kernel::{Fault, Kind};

use super::context::{TraceContext, within};
use super::{Tracer, tracer};

/// A span in which something runs; it ends when this is dropped. Nothing where
/// nothing is traced.
#[derive(Debug)]
#[must_use = "a span that is not held is over"]
pub struct Span(Option<Open>);

#[derive(Debug)]
struct Open {
    context: Context,
    tracer: &'static Tracer,
}

impl Span {
    /// No span.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The span of a request, or of whatever else comes in from outside. It
    /// joins the trace of whoever calls, or begins one, if this is one of those
    /// that are made.
    pub fn server(caller: Option<TraceContext>, name: impl FnOnce() -> String) -> Self {
        let Some(tracer) = tracer() else { return Self(None) };
        let parent = caller.map_or_else(Context::new, |caller| caller.as_parent(false));
        Self::open(tracer, SpanKind::Server, name().into(), &parent)
    }

    /// A span within the one that this task is in.
    pub fn child(name: &'static str) -> Self {
        let Some(tracer) = tracer() else { return Self(None) };
        Context::map_current(|here| match here.has_active_span() {
            true => Self::open(tracer, SpanKind::Internal, name.into(), here),
            false => Self(None),
        })
    }

    fn open(
        tracer: &'static Tracer,
        kind: SpanKind,
        name: Cow<'static, str>,
        parent: &Context,
    ) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(tracer.now());
        let span = tracer.sdk.build_with_context(builder, parent);
        let is_made = span.is_recording();
        Self(is_made.then(|| Open { context: Context::new().with_span(span), tracer }))
    }

    /// Whether there is one.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Says something of it.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &self.0 {
            open.context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// It failed, in a word: the words of an error may hold what people wrote.
    pub fn failed(&self, what: impl Into<Cow<'static, str>>) {
        if let Some(open) = &self.0 {
            let what = what.into();
            let span = open.context.span();
            span.set_attribute(KeyValue::new("error.type", what.clone()));
            span.set_status(Status::error(what));
        }
    }

    /// How it ended. A refusal is an answer; our own failure is an error.
    pub fn outcome<T>(&self, outcome: &Result<T, Fault>) {
        let Err(fault) = outcome else { return };
        match fault.kind() {
            Kind::Internal | Kind::Unavailable => self.failed(fault.code().name),
            _ => self.set("sayso.refused", fault.code().name),
        }
    }

    /// Runs a future in it.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        within(self.0.as_ref().map(|open| open.context.clone()), future)
    }

    /// The id of its trace, in hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|open| open.context.span().span_context().trace_id().to_string())
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            open.context.span().end_with_timestamp(open.tracer.now());
        }
    }
}

/// A span of something that is over.
#[derive(Debug)]
#[must_use = "it is made by saying where"]
pub struct EndedSpan {
    builder: SpanBuilder,
    started: Instant,
    attributes: Vec<KeyValue>,
    failed: Option<&'static str>,
}

impl EndedSpan {
    /// What began at that moment and ends now.
    pub fn new(kind: SpanKind, name: impl Into<Cow<'static, str>>, started: Instant) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        Self { builder, started, attributes: Vec::new(), failed: None }
    }

    /// Says something of it.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// It failed, in a word.
    pub fn failed(self, what: &'static str) -> Self {
        let mut failed = self.with("error.type", what);
        failed.failed = Some(what);
        failed
    }

    /// Makes it within the span that this task is in, if it is in one.
    pub fn in_current(self) {
        let Some(tracer) = tracer() else { return };
        Context::map_current(|here| {
            if here.has_active_span() {
                self.make(tracer, here);
            }
        });
    }

    /// Makes it within a span of another task, or another process of ours.
    /// Answers where it is, for what follows from it.
    pub fn in_trace(self, parent: &TraceContext) -> Option<TraceContext> {
        Some(self.make(tracer()?, &parent.as_parent(true)))
    }

    fn make(self, tracer: &Tracer, parent: &Context) -> TraceContext {
        let now = tracer.now();
        let started = now.checked_sub(self.started.elapsed()).unwrap_or(now);
        let builder = self.builder.with_start_time(started).with_attributes(self.attributes);
        let mut span = tracer.sdk.build_with_context(builder, parent);
        if let Some(what) = self.failed {
            span.set_status(Status::error(what));
        }
        span.end_with_timestamp(now);
        span.span_context().clone().into()
    }
}
