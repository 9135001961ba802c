//! The plan's own targets, first.

use super::Page;
use crate::load::Times;
use crate::plot::{Row, bars, short};
use crate::rounds::Results;
use crate::work::Work;

/// What the plan asks of each, in milliseconds, under fifty people at once.
const ASKED: [(Work, &str, f64); 8] = [
    (Work::Get, "answer from the cache: a task", 50.0),
    (Work::List, "query: list", 50.0),
    (Work::Filtered, "query: filtered list", 50.0),
    (Work::Search, "query: search", 50.0),
    (Work::Create, "CRUD: create a task", 100.0),
    (Work::Update, "CRUD: update it", 100.0),
    (Work::Message, "CRUD: send a message", 100.0),
    (Work::Assign, "CRUD: assign a task", 100.0),
];
/// The mixed load is all of it, and held to what is asked of CRUD.
const MIXED: f64 = 100.0;
const LIVE: f64 = 100.0;

/// The table of fifty people, each asking again as soon as they are answered.
pub fn write(page: &mut Page, results: &Results) {
    page.chapter(
        "The plan's targets",
        "Fifty people at once, each of whom asks again as soon as the answer is there, which is as \
         much as the machine can do: people who think in between wait less. The load generator runs \
         on the same cores. Milliseconds; *met* means that the p99 is below.",
    );
    page.table(&["what", "asked", "Sayso p50", "p99", "met", "peer p50", "p99"]);
    let mut rows = Vec::new();
    let mixed = (Work::Mixed, "all of it, mixed", MIXED);
    for (work, name, asked) in ASKED.into_iter().chain([mixed]) {
        let Some(one) = results.compared.iter().find(|one| one.work == work) else { continue };
        let (ours, theirs) = (&one.at.sayso, &one.at.peer);
        told(page, (name, asked), &ours.times, &theirs.times);
        rows.push(Row {
            name: work.name().to_owned(),
            values: vec![ours.times.percentile(99), theirs.times.percentile(99)],
        });
        if let Some(uncached) = &one.uncached {
            let times = &uncached.times;
            let (p50, p99) = (times.percentile(50), times.percentile(99));
            let blank = String::new();
            page.row(&[
                format!("{name}, cache off"),
                blank.clone(),
                short(p50),
                short(p99),
                blank.clone(),
                blank.clone(),
                blank,
            ]);
        }
    }
    if let Some(live) = results.live.iter().find(|live| live.sayso.sockets == 50) {
        told(page, ("live: a message at 50 sockets", LIVE), &live.sayso.times, &live.peer.times);
    }
    let title = "p99 under fifty people, in milliseconds";
    page.plot("p99", title, bars(title, "ms", &["Sayso", "peer"], &rows));
    if results.compared.iter().all(|one| one.uncached.is_none()) {
        page.line("\nWithout its cache Sayso was not measured in this run.");
    }
}

fn told(page: &mut Page, (name, asked): (&str, f64), ours: &Times, theirs: &Times) {
    let p99 = ours.percentile(99);
    let met = page.judge(p99 < asked, format!("{name}: p99 {p99:.1} ms, {asked:.0} asked"));
    page.row(&[
        name.to_owned(),
        format!("{asked:.0}"),
        short(ours.percentile(50)),
        short(p99),
        met,
        short(theirs.percentile(50)),
        short(theirs.percentile(99)),
    ]);
}
