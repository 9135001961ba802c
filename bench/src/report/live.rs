//! Sockets, and overload.

use super::Page;
use crate::plot::{Row, bars, short};
use crate::rounds::{Pair, Results};

/// The share of the peer's CPU a delivery may cost.
const SHARE: f64 = 1.0 / 5.0;
/// Times a bare `write()`.
const WRITES: f64 = 1.5;
/// Memory of a silent socket, in KiB.
const SOCKET_KIB: f64 = 12.0;
/// What is asked of accepted requests under overload, in milliseconds.
const OVERLOADED_P99: f64 = 100.0;

/// Deliveries, memory, the storm, overload.
pub fn write(page: &mut Page, results: &Results) {
    delivery(page, results);
    memory(page, results);
    storm(page, results);
    overload(page, results);
}

fn delivery(page: &mut Page, results: &Results) {
    if results.live.is_empty() {
        return;
    }
    page.chapter(
        "A message to many sockets",
        "Messages are sent over HTTP at a steady pace into a channel that every socket follows. CPU is \
         that of the server a delivery, in µs, less what the same messages cost with a single socket. \
         Times are from sending the message, before the server has it, to reading it at the socket: \
         commit → delivered is less. All sockets live in one process on the same cores, which reads \
         them in turn.",
    );
    page.table(&[
        "sockets",
        "Sayso µs",
        "peer µs",
        "share (1/5 asked)",
        "met",
        "Sayso p50, ms",
        "p99",
        "peer p50, ms",
        "p99",
        "heard, Sayso / peer",
    ]);
    let mut rows = Vec::new();
    for Pair { sayso, peer } in &results.live {
        let share = sayso.micros_a_delivery / peer.micros_a_delivery;
        let missed = format!(
            "delivery at {} sockets: {:.1} µs against {:.1} µs of the peer, a fifth asked",
            sayso.sockets, sayso.micros_a_delivery, peer.micros_a_delivery
        );
        let met = page.judge(share <= SHARE, missed);
        page.row(&[
            sayso.sockets.to_string(),
            short(sayso.micros_a_delivery),
            short(peer.micros_a_delivery),
            format!("1/{:.1}", 1.0 / share),
            met,
            short(sayso.times.percentile(50)),
            short(sayso.times.percentile(99)),
            short(peer.times.percentile(50)),
            short(peer.times.percentile(99)),
            format!(
                "{:.1} % / {:.1} %",
                heard(sayso.heard, sayso.messages * sayso.sockets),
                heard(peer.heard, peer.messages * peer.sockets)
            ),
        ]);
        rows.push(Row {
            name: format!("{} sockets", sayso.sockets),
            values: vec![
                sayso.micros_a_delivery,
                peer.micros_a_delivery,
                results.floors.write_micros.unwrap_or(f64::NAN),
            ],
        });
    }
    let title = "CPU of the server a delivery, in µs";
    page.plot("delivery", title, bars(title, "µs", &["Sayso", "peer", "a bare write()"], &rows));
    let (Some(write), Some(last)) = (results.floors.write_micros, results.live.last()) else {
        return;
    };
    let times = last.sayso.micros_a_delivery / write;
    let met = page.judge(
        times <= WRITES,
        format!("a delivery is {times:.2} times a bare write(), {WRITES} asked"),
    );
    page.line(format!(
        "\nA bare `write()` of 900 bytes to each of 500 sockets costs {write:.1} µs here; a delivery is \
         {times:.2} times that ({WRITES} asked: {met})."
    ));
}

fn heard(count: usize, of: usize) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}

fn memory(page: &mut Page, results: &Results) {
    let Some(Pair { sayso, peer }) = results.live.last() else { return };
    page.chapter(
        "Silent sockets",
        "Memory of the server a socket, in KiB: what it grew by as they connected.",
    );
    page.table(&["sockets", "Sayso", "asked", "met", "peer"]);
    let missed =
        format!("memory of a silent socket: {:.1} KiB, {SOCKET_KIB} asked", sayso.kib_a_socket);
    let met = page.judge(sayso.kib_a_socket <= SOCKET_KIB, missed);
    page.row(&[
        sayso.sockets.to_string(),
        short(sayso.kib_a_socket),
        format!("{SOCKET_KIB:.0}"),
        met,
        short(peer.kib_a_socket),
    ]);
}

fn storm(page: &mut Page, results: &Results) {
    let Some(Pair { sayso, peer }) = &results.storm else { return };
    page.chapter(
        "All come back at once",
        "Sockets were away, missed 20 messages each, and connect again in the same moment. Sayso \
         replays what they missed; the peer keeps nothing to replay, so it only connects them, and \
         each would then have to read over HTTP what it lacks.",
    );
    page.table(&[
        "",
        "back",
        "lost",
        "events replayed",
        "all back, s",
        "p50, s",
        "server CPU, ms",
        "PostgreSQL CPU, ms",
        "statements a socket",
    ]);
    for (name, one) in [("Sayso", sayso), ("peer", peer)] {
        let each = one.statements.map(|all| all / one.back.max(1) as f64);
        page.row(&[
            name.to_owned(),
            one.back.to_string(),
            one.lost.to_string(),
            one.replayed.to_string(),
            format!("{:.2}", one.seconds),
            format!("{:.2}", one.times.percentile(50) / 1_000.0),
            short(one.cpu.server),
            short(one.cpu.postgres),
            each.map_or_else(|| "–".to_owned(), short),
        ]);
    }
    if sayso.lost > 0 {
        page.missed.push(format!("{} sockets did not come back", sayso.lost));
    }
}

fn overload(page: &mut Page, results: &Results) {
    let Some(Pair { sayso, peer }) = &results.overload else { return };
    page.chapter(
        "Twice what saturates",
        "The mixed load, open: requests come at twice the rate that the closed loop reached, whatever \
         becomes of those before, over at most 1,000 connections; what finds none free is not asked. A \
         request counts from when it came. Each server is offered twice of what it itself can do.",
    );
    page.table(&[
        "",
        "offered a second",
        "done",
        "p50, ms",
        "p99",
        "refused (503, 429)",
        "with Retry-After",
        "refusal p99, ms",
        "failed",
        "not asked",
        "well again after, ms",
        "memory before, most, after, MiB",
    ]);
    for (name, one) in [("Sayso", sayso), ("peer", peer)] {
        let memory = [one.resident.0, one.resident.1, one.resident.2];
        page.row(&[
            name.to_owned(),
            short(one.offered),
            short(one.done),
            short(one.times.percentile(50)),
            short(one.times.percentile(99)),
            one.refused.to_string(),
            one.with_retry_after.to_string(),
            short(one.refusal_times.percentile(99)),
            one.failed.to_string(),
            one.unasked.to_string(),
            short(one.recovery_ms),
            memory.map(|kib| format!("{:.0}", kib as f64 / 1024.0)).join(", "),
        ]);
    }
    let p99 = sayso.times.percentile(99);
    let _ = page.judge(
        p99 < OVERLOADED_P99,
        format!("under twice of what saturates: p99 of what was accepted {p99:.0} ms, {OVERLOADED_P99:.0} asked"),
    );
    if sayso.refused == 0 && sayso.unasked > 0 {
        page.missed.push("under twice of what saturates nothing was refused early".to_owned());
    }
}
