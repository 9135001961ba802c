//! The report: Markdown, with plots beside it.

mod budget;
mod live;
mod soon;
mod targets;

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use crate::args::Args;
use crate::plot::{Row, bars, short};
use crate::rounds::{Compared, Results};
use crate::work::Work;

/// Where the plots lie, beside the report.
const PLOTS: &str = "plots";

/// A report that is being written, and what did not hold.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    missed: Vec<String>,
    plots: Vec<(String, String)>,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A heading and what is to be known of what follows.
    fn chapter(&mut self, title: &str, words: &str) {
        let _ = write!(self.text, "\n## {title}\n\n{words}\n\n");
    }

    /// The head of a table: text to the left, numbers to the right.
    fn table(&mut self, columns: &[&str]) {
        self.line(format!("| {} |", columns.join(" | ")));
        let mut rule = "|---|".to_owned();
        rule.push_str(&"---:|".repeat(columns.len() - 1));
        self.line(rule);
    }

    fn row(&mut self, cells: &[String]) {
        self.line(format!("| {} |", cells.join(" | ")));
    }

    /// Whether something held; what did not is told again at the end.
    fn judge(&mut self, held: bool, what: String) -> String {
        if held {
            return "yes".to_owned();
        }
        self.missed.push(what);
        "**no**".to_owned()
    }

    fn plot(&mut self, name: &str, title: &str, svg: String) {
        self.line(format!("\n![{title}]({PLOTS}/{name}.svg)"));
        self.plots.push((name.to_owned(), svg));
    }
}

/// Writes it into the folder of the arguments.
pub fn write(args: &Args, results: &Results) -> Result<()> {
    let mut page = Page::default();
    head(&mut page, args, results);
    targets::write(&mut page, results);
    budget::write(&mut page, results);
    live::write(&mut page, results);
    soon::write(&mut page, results);
    growth(&mut page, args, results);
    foot(&mut page, results);
    fs::create_dir_all(args.out.join(PLOTS))?;
    for (name, svg) in &page.plots {
        fs::write(args.out.join(PLOTS).join(format!("{name}.svg")), svg)?;
    }
    fs::write(args.out.join("RESULTS.md"), page.text)?;
    eprintln!("written: {}", args.out.join("RESULTS.md").display());
    Ok(())
}

fn head(page: &mut Page, args: &Args, results: &Results) {
    let machine = &results.machine;
    page.line("# Results\n");
    page.line(format!(
        "Written by `make {}`; what is measured and how: [README.md](README.md).\n",
        args.plan.name
    ));
    page.line("| | |\n|---|---|");
    let rows = [
        ("day, commit", format!("{}, {}", args.date, args.commit)),
        ("machine", machine.hardware.clone()),
        ("versions", machine.versions.clone()),
        (
            "load of the machine",
            format!("{:.1} before, {:.1} after", results.load.0, results.load.1),
        ),
        ("company", format!("{} tasks, as many messages", args.plan.tasks)),
        (
            "windows",
            format!(
                "{} × {:.1} s at each server, in turn, after {:.1} s of warm-up",
                args.plan.rounds,
                args.plan.window.as_secs_f64(),
                args.plan.warm_up.as_secs_f64()
            ),
        ),
    ];
    for (name, value) in rows {
        page.row(&[name.to_owned(), value]);
    }
    if results.load.0 > 0.5 {
        page.line(
            "\nThe machine was not quiet when this began: other work ran on the same cores. Times \
             (p50, p99, requests a second) are those of a busy machine; CPU a request is what can be \
             compared.",
        );
    }
}

fn growth(page: &mut Page, args: &Args, results: &Results) {
    if results.growth.is_empty() {
        return;
    }
    page.chapter(
        "How cost grows",
        "The same readings in companies of other sizes: CPU a request of the server and of \
         PostgreSQL, in milliseconds.",
    );
    page.table(&["tasks", "request", "Sayso", "Sayso's PostgreSQL", "peer", "peer's PostgreSQL"]);
    let usual = (args.plan.tasks, results.compared.as_slice());
    let others = results.growth.iter().map(|growth| (growth.tasks, growth.compared.as_slice()));
    let mut sizes: Vec<(u64, &[Compared])> = others.chain([usual]).collect();
    sizes.sort_by_key(|(tasks, _)| *tasks);
    let reads = [Work::Get, Work::List, Work::Filtered, Work::Search];
    let mut rows = Vec::new();
    for work in reads {
        for (tasks, compared) in &sizes {
            let Some(one) = compared.iter().find(|one| one.work == work) else { continue };
            let (ours, theirs) = (&one.at.sayso, &one.at.peer);
            page.row(&[
                tasks.to_string(),
                work.name().to_owned(),
                short(ours.server_ms()),
                short(ours.postgres_ms()),
                short(theirs.server_ms()),
                short(theirs.postgres_ms()),
            ]);
            rows.push(Row {
                name: format!("{}, {tasks}", work.name()),
                values: vec![ours.total_ms(), theirs.total_ms()],
            });
        }
    }
    let title = "All CPU a request by the number of tasks";
    page.plot("growth", title, bars(title, "ms", &["Sayso", "peer"], &rows));
}

fn foot(page: &mut Page, results: &Results) {
    page.chapter(
        "When nobody asks",
        "CPU a second, in milliseconds. What PostgreSQL does for Sayso then, it also does while the \
         peer is measured; it is not taken off anywhere.",
    );
    page.table(&["", "server", "PostgreSQL", "Redis", "memory, MiB"]);
    let idle = [
        ("Sayso", results.idle.sayso, results.resident.sayso),
        ("peer", results.idle.peer, results.resident.peer),
    ];
    for (name, cpu, resident) in idle {
        page.row(&[
            name.to_owned(),
            short(cpu.server),
            short(cpu.postgres),
            short(cpu.redis),
            short(resident as f64 / 1024.0),
        ]);
    }
    let mebibytes = results.resident.sayso as f64 / 1024.0;
    if mebibytes > 40.0 {
        page.missed
            .push(format!("memory of the idle server: {mebibytes:.0} MiB, at most 40 asked"));
    }
    page.missed.extend(results.failed.iter().cloned());
    page.chapter("What was not reached", "");
    if page.missed.is_empty() {
        page.line("Nothing of what was measured.");
    }
    let missed = std::mem::take(&mut page.missed);
    for one in missed {
        page.line(format!("- {one}"));
    }
}
