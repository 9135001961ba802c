//! Traces, by OpenTelemetry: what one request did, in whichever process.
//!
//! ```text
//!   GET /api/tasks/{id}            Span::server     the caller's traceparent, or a trace of its own
//!     └ transaction                Span::child
//!         ├ tasks.insert           EndedSpan        made when it is over, and by whoever measures
//!         └ COMMIT                                  it anyhow
//!             ┊ TraceContext, kept with the fact
//!             └ sequencer          EndedSpan
//!                 ├ dispatch       EndedSpan, on every node
//!                 └ notifications  EndedSpan, of what follows the log
//!                     └ sequencer  and so on, with what came of it
//! ```
//!
//! Without a collector ([`start`] was not called, or no endpoint is set) nothing
//! of this is made, and asking costs the look at one word of memory. A span that
//! would have no parent is made by [`Span::server`] alone: what nobody asked for
//! (work in the background that follows from no request) is not traced.
//!
//! What is in a span leaves the house: names of statements and routes, ids,
//! counts. Never what people wrote, and never a secret.

mod collector;
mod context;
mod queue;
mod sampler;
mod span;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{RandomIdGenerator, SdkTracer, SdkTracerProvider, SpanLimits};
use sayso_config::Traces as Settings;
use sayso_kernel::{Clock, Random};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use collector::Collector;
use queue::Queue;
use sampler::Choice;

pub use collector::CollectorError;
pub use context::{TraceContext, is_recording, with_current};
pub use opentelemetry::trace::SpanKind;
pub use span::{EndedSpan, Span};

/// How long the last spans may take to leave when the process ends.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// The one tracer of this process, once there is one.
static TRACER: OnceLock<Tracer> = OnceLock::new();

#[derive(Debug)]
struct Tracer {
    sdk: SdkTracer,
    clock: Clock,
}

impl Tracer {
    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }
}

/// Whether anything is traced in this process.
#[must_use]
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

fn tracer() -> Option<&'static Tracer> {
    TRACER.get()
}

/// Sends what was traced, until it is told to stop.
#[derive(Debug)]
#[must_use = "the last spans are sent by shutting it down"]
pub struct Sending(Option<(CancellationToken, JoinHandle<()>)>);

/// Begins to trace for the whole process, if the settings name a collector.
/// Whoever began first wins: another call in the same process changes nothing.
///
/// # Errors
/// When the collector's URL or one of its headers cannot be used.
pub fn start(
    settings: &Settings,
    clock: Clock,
    random: &Random,
) -> Result<Sending, CollectorError> {
    let Some(collector) = Collector::of(settings)? else { return Ok(Sending(None)) };
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", settings.service_name.clone()),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", random.uuid(clock.now()).to_string()),
    ]);
    let resource = resource.build();
    let (queue, waiting) = Queue::new();
    // All of it is said, so that no variable of the environment says it.
    let provider = SdkTracerProvider::builder()
        .with_sampler(Choice::of(settings.sample_ratio))
        .with_id_generator(RandomIdGenerator::default())
        .with_span_limits(SpanLimits::default())
        .with_resource(resource.clone())
        .with_span_processor(queue)
        .build();
    let scope = InstrumentationScope::builder("sayso").with_version(env!("CARGO_PKG_VERSION"));
    let sdk = provider.tracer_with_scope(scope.build());
    if TRACER.set(Tracer { sdk, clock }).is_err() {
        return Ok(Sending(None));
    }
    let stop = CancellationToken::new();
    let sending = tokio::spawn(queue::send(waiting, collector, resource, stop.clone()));
    Ok(Sending(Some((stop, sending))))
}

impl Sending {
    /// Sends what is there still, for as long as that may take.
    pub async fn shutdown(self) {
        let Some((stop, mut sending)) = self.0 else { return };
        stop.cancel();
        if tokio::time::timeout(FLUSH_MAX, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("the collector of traces took too long: the last spans are lost");
        }
    }
}
