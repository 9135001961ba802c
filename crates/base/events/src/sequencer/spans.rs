//! The trace of a write goes on where its facts are numbered.

use std::time::Instant;

use sayso_telemetry::trace::{EndedSpan, SpanKind, TraceContext};

use super::batch::Waiting;

/// The span of numbering. A batch holds the facts of many writes: each write
/// that is traced has a span of its own here, however many facts it left. What
/// follows upon a fact goes on from there.
pub(super) fn go_on(rows: &mut [Waiting], positions: &[i64], started: Instant) {
    let mut first = 0;
    for write in rows.chunk_by_mut(|one, next| one.trace == next.trace) {
        let (count, position) = (write.len(), positions.get(first));
        first += count;
        let Some(trace) = &write[0].trace else { continue };
        let numbered = EndedSpan::new(SpanKind::Consumer, "sequencer", started)
            .with("sayso.fact", write[0].kind.clone())
            .with("sayso.facts", i64::try_from(count).unwrap_or(i64::MAX))
            .with("sayso.position", position.copied().unwrap_or_default());
        let here = numbered.in_trace(trace);
        hand_on(write, here.as_ref());
    }
}

/// Where nothing is traced on this node, another may go on from the write.
fn hand_on(write: &mut [Waiting], here: Option<&TraceContext>) {
    let Some(here) = here else { return };
    write.iter_mut().for_each(|row| row.trace = Some(here.clone()));
}
