//! How soon events are heard, and what those cost who come and go.

use super::Page;
use crate::plot::short;
use crate::rounds::Results;

/// What the plan asks of a live update, in milliseconds.
const LIVE_P99: f64 = 100.0;

/// Both.
pub fn write(page: &mut Page, results: &Results) {
    heard(page, results);
    presence(page, results);
}

fn heard(page: &mut Page, results: &Results) {
    let Some(soon) = &results.soon else { return };
    page.chapter(
        "From the commit to the socket",
        "200 messages to a channel that 20 sockets follow, by themselves and among writes of forty others. \
         The commit lies between sending the request and its answer, so the time from there on lies \
         between the two that are shown, in milliseconds; zero is an event that came before the answer.",
    );
    page.table(&[
        "writes a second besides",
        "p50 from answer",
        "from sending",
        "p99 from answer",
        "from sending",
        "under 100",
        "missing",
        "CPU of the server, ms a second",
        "of PostgreSQL",
    ]);
    for one in soon {
        let p99 = one.since_sent.percentile(99);
        let missed = format!(
            "heard among {:.0} writes a second: p99 {p99:.0} ms, {LIVE_P99:.0} asked",
            one.writes
        );
        let met = page.judge(p99 < LIVE_P99 && one.missing == 0, missed);
        page.row(&[
            format!("{:.0}", one.writes),
            short(one.since_answered.percentile(50)),
            short(one.since_sent.percentile(50)),
            short(one.since_answered.percentile(99)),
            short(p99),
            met,
            one.missing.to_string(),
            short(one.cpu.server),
            short(one.cpu.postgres),
        ]);
    }
}

fn presence(page: &mut Page, results: &Results) {
    let Some(changed) = &results.presence else { return };
    page.chapter(
        "Who comes and goes",
        "People come and go, one every 300 ms, in a channel that a thousand sockets follow. CPU of the \
         server beyond what the same costs where one socket hears of it, and beyond that of silence.",
    );
    page.table(&["sockets", "changes", "packets", "ms a change", "µs a packet"]);
    page.row(&[
        changed.sockets.to_string(),
        changed.changes.to_string(),
        changed.heard.to_string(),
        short(changed.millis_a_change),
        short(changed.micros_a_packet),
    ]);
}
