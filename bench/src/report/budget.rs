//! CPU against the peer's, and against what cannot be undercut.

use super::Page;
use crate::plot::{Row, bars, short};
use crate::rounds::{Compared, Results};
use crate::work::Work;

/// The share of the peer's CPU that Sayso's may be: of the server, and of all
/// three together.
fn budget(work: Work) -> (Option<f64>, Option<f64>) {
    match work {
        Work::Get => (Some(1.0 / 6.0), None),
        Work::List | Work::Filtered | Work::Search => (Some(1.0 / 5.0), None),
        Work::Create | Work::Update | Work::Message => (Some(1.0 / 4.0), Some(1.0 / 2.0)),
        Work::Assign | Work::Mixed | Work::Login => (None, None),
    }
}

/// The tables of CPU a request.
pub fn write(page: &mut Page, results: &Results) {
    cpu(page, results);
    throughput(page, results);
    floors(page, results);
}

fn cpu(page: &mut Page, results: &Results) {
    page.chapter(
        "CPU a request",
        "Milliseconds of CPU, all requests of a window together; *all* is server, PostgreSQL (every \
         process of it) and Redis. Sayso with authentication, sessions, audit, events and limits on. \
         A share is Sayso's part of the peer's.",
    );
    page.table(&[
        "request",
        "Sayso server",
        "peer server",
        "share",
        "at most",
        "met",
        "Sayso all",
        "peer all",
        "share",
        "at most",
        "met",
    ]);
    let mut rows = Vec::new();
    for one in &results.compared {
        cpu_of(page, one);
        let values = [&one.at.sayso, &one.at.peer].map(|one| one.server_ms());
        if one.work != Work::Login {
            rows.push(Row { name: one.work.name().to_owned(), values: values.to_vec() });
        }
        if let Some(uncached) = &one.uncached {
            let mut cells = vec![String::new(); 11];
            cells[0] = format!("{}, cache off", one.work.name());
            cells[1] = short(uncached.server_ms());
            cells[6] = short(uncached.total_ms());
            page.row(&cells);
        }
    }
    let title = "CPU of the server a request, in milliseconds";
    page.plot("cpu", title, bars(title, "ms", &["Sayso", "peer"], &rows));
}

fn cpu_of(page: &mut Page, one: &Compared) {
    let (ours, theirs) = (&one.at.sayso, &one.at.peer);
    let (server, all) = budget(one.work);
    let mut cells = vec![one.work.name().to_owned()];
    let pairs = [
        ("server", ours.server_ms(), theirs.server_ms(), server),
        ("all", ours.total_ms(), theirs.total_ms(), all),
    ];
    for (of, mine, other, most) in pairs {
        let share = mine / other;
        cells.extend([short(mine), short(other), ratio(share)]);
        let Some(most) = most else {
            cells.extend([String::new(), String::new()]);
            continue;
        };
        let missed = format!(
            "{}, CPU of {of}: {} of the peer's, {} asked ({} ms against {} ms)",
            one.work.name(),
            ratio(share),
            ratio(most),
            short(mine),
            short(other)
        );
        let met = page.judge(share <= most, missed);
        cells.extend([ratio(most), met]);
    }
    page.row(&cells);
}

/// As a part of one.
fn ratio(share: f64) -> String {
    if share >= 1.0 { format!("{share:.2}") } else { format!("1/{:.1}", 1.0 / share) }
}

fn throughput(page: &mut Page, results: &Results) {
    page.chapter(
        "Requests a second",
        "With the load generator, PostgreSQL and Redis on the same cores. The peer is one process of \
         Node.js, which uses one core; what counts is the table above.",
    );
    page.table(&[
        "request",
        "Sayso",
        "peer",
        "Sayso p50",
        "p90",
        "p99",
        "peer p50",
        "p90",
        "p99",
        "refused or failed",
    ]);
    for one in &results.compared {
        let (ours, theirs) = (&one.at.sayso, &one.at.peer);
        let mut cells = vec![one.work.name().to_owned(), short(ours.rate()), short(theirs.rate())];
        for times in [&ours.times, &theirs.times] {
            cells.extend([50, 90, 99].map(|percent| short(times.percentile(percent))));
        }
        cells.push(format!("{} / {}", ours.failed, theirs.failed));
        page.row(&cells);
    }
    let mixed = results.compared.iter().find(|one| one.work == Work::Mixed);
    if let Some(Compared { at, .. }) = mixed {
        let times = at.sayso.rate() / at.peer.rate();
        let slower = at.sayso.times.percentile(99) / at.peer.times.percentile(99);
        let rate = page.judge(
            times >= 3.0,
            format!("mixed load: {times:.1} times the peer's requests a second, 3 asked"),
        );
        let p99 = page.judge(
            slower <= 1.0 / 3.0,
            format!("mixed load: p99 {} of the peer's, 1/3 asked", ratio(slower)),
        );
        page.line(format!(
            "\nMixed load: {times:.1} times the requests a second of the peer (3 asked: {rate}), p99 {} \
             of the peer's (1/3 asked: {p99}).",
            ratio(slower)
        ));
    }
}

fn floors(page: &mut Page, results: &Results) {
    let floors = &results.floors;
    let Some(route) = &floors.route else { return };
    page.chapter("Floors", "What the same work costs when nothing is done besides.");
    page.table(&["what", "CPU, ms", "beside it"]);
    let of = |work: Work| results.compared.iter().find(|one| one.work == work);
    let beside = of(Work::Get)
        .map_or(String::new(), |one| format!("get: {} ms", short(one.at.sayso.server_ms())));
    page.row(&["an axum route with 600 fixed bytes".into(), short(route.server_ms()), beside]);
    for asked in &floors.statements {
        let work = [Work::Get, Work::List].into_iter().find(|work| work.name() == asked.name);
        let beside = work.and_then(of).map_or(String::new(), |one| {
            format!("PostgreSQL for {}: {} ms", asked.name, short(one.at.sayso.postgres_ms()))
        });
        page.row(&[
            format!("the statement of {} asked by pgbench", asked.name),
            short(asked.postgres_ms),
            beside,
        ]);
    }
}
