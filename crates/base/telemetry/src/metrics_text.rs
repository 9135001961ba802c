//! Metrics in the text form that Prometheus reads.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often the recorder tidies up by itself.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Everything that was measured in this process. Cheap to clone.
#[derive(Clone)]
pub struct MetricsText(PrometheusHandle);

impl std::fmt::Debug for MetricsText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsText")
    }
}

impl MetricsText {
    /// Begins to collect for the whole process. When somebody collects
    /// already (several servers in one test), this one stays empty.
    #[must_use]
    pub fn install() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
            .expect("the list of buckets is not empty");
        let recorder = builder.build_recorder();
        let text = Self(recorder.handle());
        // The first one wins; the others render what they have: nothing.
        let _ = metrics::set_global_recorder(recorder);
        text
    }

    /// All metrics, in the text exposition format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Frees what is no longer needed; to be called every [`UPKEEP_EVERY`].
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
