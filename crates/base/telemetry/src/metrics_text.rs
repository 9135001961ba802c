//! Metrics in the text form that Prometheus reads.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metrics_table::{METRICS, Metric};

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
        let recorder = recorder();
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

/// What collects. It knows of everything that may be measured what it means.
fn recorder() -> metrics_exporter_prometheus::PrometheusRecorder {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .expect("the list of buckets is not empty");
    let recorder = builder.build_recorder();
    metrics::with_local_recorder(&recorder, || METRICS.iter().for_each(Metric::describe));
    recorder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics_table::MetricKind;

    #[test]
    fn every_metric_is_shown_with_its_meaning_and_as_what_the_table_says() {
        let recorder = recorder();
        metrics::with_local_recorder(&recorder, || {
            for metric in METRICS {
                match metric.kind {
                    MetricKind::Counter => metrics::counter!(metric.name).increment(1),
                    MetricKind::Gauge => metrics::gauge!(metric.name).set(1.0),
                    MetricKind::Histogram | MetricKind::Summary => {
                        metrics::histogram!(metric.name).record(1.0);
                    }
                }
            }
        });

        let page = recorder.handle().render();

        for metric in METRICS {
            let Metric { name, kind, doc, .. } = metric;
            let told = format!("# HELP {name} {doc}\n# TYPE {name} {}\n", kind.name());
            assert!(page.contains(&told), "{told} is not in\n{page}");
        }
    }

    #[test]
    fn the_table_is_in_order_and_each_meaning_is_a_sentence() {
        assert!(METRICS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for Metric { name, doc, .. } in METRICS {
            let begins = doc.chars().next().is_some_and(char::is_uppercase);
            // Whoever has one of these in it breaks the page or its table.
            let is_plain = !doc.contains(['\\', '|', '\n']);
            assert!(begins && doc.ends_with('.') && is_plain, "{name}: {doc}");
            // Where another name stands in it, a search for that one finds this as well.
            assert!(!doc.contains("sayso_"), "{name}: {doc}");
        }
    }
}
