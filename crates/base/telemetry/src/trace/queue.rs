//! Spans that are over wait here for the collector, and never anybody for them:
//! what there is no room for is dropped, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::collector::Collector;

/// Spans that may wait: of some hundred requests.
const WAITING_MAX: usize = 4096;
/// Spans that are sent at once,
const BATCH_MAX: usize = 512;
/// and how long the first of them waits for others.
const GATHERED_FOR: Duration = Duration::from_secs(1);

/// The way in. Cheap, and never waits.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    is_full: Arc<AtomicBool>,
}

/// The way out.
pub(super) struct Waiting {
    spans: mpsc::Receiver<SpanData>,
    is_full: Arc<AtomicBool>,
}

impl Queue {
    pub(super) fn new() -> (Self, Waiting) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let is_full = Arc::new(AtomicBool::new(false));
        let waiting = Waiting { spans: receiver, is_full: Arc::clone(&is_full) };
        (Self { spans: sender, is_full }, waiting)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_ok() {
            return;
        }
        dropped("queue_full", 1);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!("spans come faster than the collector takes them: some are dropped");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn dropped(why: &'static str, count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    metrics::counter!("sayso_traces_dropped_total", "reason" => why).increment(count);
}

/// Sends what comes until it is told to stop, and then what is there still.
pub(super) async fn send(
    mut waiting: Waiting,
    collector: Collector,
    resource: Resource,
    stop: CancellationToken,
) {
    let mut sender =
        Sender { collector, resource: (&resource).into(), is_full: waiting.is_full, fails: false };
    let spans = &mut waiting.spans;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while !stop.is_cancelled() {
        tokio::select! {
            () = gather(spans, &mut batch) => {}
            () = stop.cancelled() => {}
        }
        if !batch.is_empty() {
            sender.send(&mut batch).await;
        }
    }
    spans.close();
    while spans.recv_many(&mut batch, BATCH_MAX).await > 0 {
        sender.send(&mut batch).await;
        if sender.fails {
            // The others would not arrive either.
            dropped("not_sent", spans.len());
            return;
        }
    }
}

/// Waits for a first span, and then a while for others. What was gathered when
/// it is given up on is in the batch.
async fn gather(spans: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if spans.recv_many(batch, BATCH_MAX).await == 0 {
        // Nobody traces any more.
        return std::future::pending().await;
    }
    let until = Instant::now() + GATHERED_FOR;
    while batch.len() < BATCH_MAX {
        let room = BATCH_MAX - batch.len();
        if !matches!(timeout_at(until, spans.recv_many(batch, room)).await, Ok(1..)) {
            return;
        }
    }
}

struct Sender {
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    is_full: Arc<AtomicBool>,
    /// It failed when it was tried last: said once, and not for each batch.
    fails: bool,
}

impl Sender {
    async fn send(&mut self, batch: &mut Vec<SpanData>) {
        let count = batch.len();
        let spans = std::mem::replace(batch, Vec::with_capacity(BATCH_MAX));
        let outcome = self.collector.send(spans, &self.resource).await;
        match outcome {
            Ok(refused) => {
                let refused = usize::try_from(refused).unwrap_or(0).min(count);
                if refused > 0 {
                    dropped("refused", refused);
                }
                let sent = u64::try_from(count - refused).unwrap_or(u64::MAX);
                metrics::counter!("sayso_traces_sent_total").increment(sent);
                self.is_full.store(false, Ordering::Relaxed);
                if std::mem::replace(&mut self.fails, false) {
                    tracing::info!("the collector takes traces again");
                }
            }
            Err(error) => {
                dropped("not_sent", count);
                if !std::mem::replace(&mut self.fails, true) {
                    tracing::warn!(error, "traces do not arrive, and are dropped until they do");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[test]
    fn whoever_ends_a_span_never_waits_and_what_has_no_room_is_counted() {
        let (queue, waiting) = Queue::new();
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        let recorder = PrometheusBuilder::new().build_recorder();

        metrics::with_local_recorder(&recorder, || {
            (0..WAITING_MAX + 3).for_each(|_| drop(tracer.start("a")));
        });

        assert_eq!(waiting.spans.len(), WAITING_MAX);
        assert!(waiting.is_full.load(Ordering::Relaxed), "it was said");
        let measured = recorder.handle().render();
        let line = "sayso_traces_dropped_total{reason=\"queue_full\"} 3";
        assert!(measured.contains(line), "{measured}");
    }
}
