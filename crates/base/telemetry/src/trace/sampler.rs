//! Which traces are made.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};
use sayso_config::Ratio;

use super::context::Ours;

/// Within a trace that is made everything is. Whether one begins here is a share
/// of them, by the trace's id: whoever calls may name that, since services that
/// take the same share should take the same traces, but its own decision (the
/// flag beside the id) is not ours.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    share: Sampler,
}

impl Choice {
    pub(super) fn of(ratio: Ratio) -> Self {
        Self { share: Sampler::TraceIdRatioBased(ratio.get()) }
    }
}

impl ShouldSample for Choice {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_within = parent.is_some_and(|parent| {
            let is_here = parent.has_active_span() && !parent.span().span_context().is_remote();
            is_here || parent.get::<Ours>().is_some()
        });
        let sampler = if is_within { &Sampler::AlwaysOn } else { &self.share };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SamplingDecision;

    use super::*;
    use crate::trace::TraceContext;

    const FORCING: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn is_made(ratio: &str, parent: Option<&Context>) -> bool {
        let choice = Choice { share: Sampler::TraceIdRatioBased(ratio.parse().expect("a ratio")) };
        let trace_id = TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").expect("an id");
        let result = choice.should_sample(parent, trace_id, "a", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_caller_neither_forces_a_trace_nor_prevents_one() {
        let forcing = TraceContext::parse(FORCING).expect("a parent");
        let not = TraceContext::parse(&FORCING.replace("-01", "-00")).expect("a parent");

        for caller in [&forcing, &not] {
            let caller = caller.as_parent(false);
            assert!(!is_made("0", Some(&caller)));
            assert!(is_made("1", Some(&caller)));
        }
        assert!(!is_made("0", None));
    }

    #[test]
    fn what_another_node_of_ours_began_goes_on() {
        let ours = TraceContext::parse(FORCING).expect("a parent").as_parent(true);

        assert!(is_made("0", Some(&ours)));
    }
}
