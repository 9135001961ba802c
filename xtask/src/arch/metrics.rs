//! What is measured stands in the table of metrics, and what stands there is
//! measured.
//!
//! Reads the calls of the macros that measure, and the table, as code: of each
//! its kind, its name and its labels.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::source::{Literal, Source};
use super::tree::sources;

const LISTED: &str = "What is measured stands in metrics_table.rs, with its kind and its labels.";
const MEASURED: &str = "What stands in the table of metrics is measured.";
const WRITTEN: &str = "What measures has the name and the labels of its metric in its file, as \
                       literals.";

/// The table: `Kind "name" by "label", "label" in "unit";`.
const TABLE: &str = "crates/base/telemetry/src/metrics_table.rs";

/// The kinds of the table, and the macro that measures each.
const KINDS: [(&str, &str); 4] = [
    ("Counter", "counter"),
    ("Gauge", "gauge"),
    ("Histogram", "histogram"),
    ("Summary", "histogram"),
];

/// A metric as a place has it.
struct Metric<'a> {
    at: usize,
    /// The macro that measures it.
    kind: &'a str,
    name: &'a str,
    labels: Vec<&'a str>,
}

/// A call of a macro that measures.
struct Call<'a> {
    at: usize,
    kind: &'a str,
    /// What stands between its brackets.
    inside: Range<usize>,
}

/// Every place that measures what the table has not, or has otherwise, and every
/// row of it that nobody measures.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let all = sources(root)?;
    let table = all.iter().find(|source| source.path.as_path() == Path::new(TABLE));
    let rows = table.map(rows).unwrap_or_default();
    let mut breaches = Vec::new();
    let mut used = Vec::new();
    for source in &all {
        for metric in measured(source, &mut breaches) {
            if let Some(found) = complaint(&metric, &rows) {
                breaches.push(breach(LISTED, source, metric.at, found));
            }
            used.push(metric.name);
        }
    }
    let unused = rows.iter().filter(|row| !used.contains(&row.name));
    breaches.extend(unused.filter_map(|row| {
        Some(breach(MEASURED, table?, row.at, format!("nobody measures {}", row.name)))
    }));
    Ok(breaches)
}

fn breach(law: &'static str, source: &Source, at: usize, found: String) -> Breach {
    Breach { law, file: source.path.clone(), line: source.line(at), found }
}

/// What is wrong with what is measured, as the table has it.
fn complaint(metric: &Metric<'_>, rows: &[Metric<'_>]) -> Option<String> {
    let Metric { name, kind, labels, .. } = metric;
    let Some(row) = rows.iter().find(|row| row.name == *name) else {
        return Some(format!("{name} is not there"));
    };
    let is_same = row.kind == *kind && row.labels == *labels;
    let here = format!("{name} is a {kind} by {labels:?} here");
    (!is_same).then(|| format!("{here}, a {} by {:?} there", row.kind, row.labels))
}

/// The rows of the table.
fn rows(table: &Source) -> Vec<Metric<'_>> {
    let rows = table.shipped_words().filter_map(|(at, word)| {
        let (_, kind) = KINDS.into_iter().find(|(name, _)| *name == word)?;
        let end = at + table.code[at..].find(';')?;
        let mut said = literals(table, at..end);
        let name = said.next().filter(|name| is_next(table, at + word.len(), name))?;
        let mut labels: Vec<&str> = said.map(|one| one.text.as_str()).collect();
        // The last is the unit.
        labels.pop();
        labels.sort_unstable();
        Some(Metric { at, kind, name: &name.text, labels })
    });
    rows.collect()
}

/// What a file measures; where it does not say what that is, it breaks the law.
fn measured<'a>(source: &'a Source, breaches: &mut Vec<Breach>) -> Vec<Metric<'a>> {
    let calls = calls(source);
    let is_in_a_call = |at: usize| calls.iter().any(|call| call.inside.contains(&at));
    let ours = source.literals.iter().filter(|one| one.text.starts_with("sayso_"));
    let loose = ours.filter(|one| !source.is_test(one.at) && !is_in_a_call(one.at));
    let loose: Vec<&Literal> = loose.collect();
    let mut found = Vec::new();
    for call in &calls {
        let first = literals(source, call.inside.clone()).next();
        let named = first.filter(|one| is_next(source, call.inside.start, one));
        // A name that comes in a variable is one of those that stand elsewhere in
        // the file.
        let names = named.map_or_else(|| loose.clone(), |one| vec![one]);
        match labels(source, call) {
            Some(labels) if !names.is_empty() => {
                found.extend(names.into_iter().map(|name| Metric {
                    at: name.at,
                    kind: call.kind,
                    name: &name.text,
                    labels: labels.clone(),
                }));
            }
            _ => {
                let found = format!("a {} of which they are not seen", call.kind);
                breaches.push(breach(WRITTEN, source, call.at, found));
            }
        }
    }
    found
}

/// The calls of macros that measure.
fn calls(source: &Source) -> Vec<Call<'_>> {
    let calls = source.shipped_words().filter_map(|(at, word)| {
        let (_, kind) = KINDS.into_iter().find(|(_, name)| *name == word)?;
        let open = at + word.len() + "!(".len();
        let is_call = source.code[at + word.len()..].starts_with("!(");
        is_call.then(|| Call { at, kind, inside: open..closing(&source.code, open) })
    });
    calls.collect()
}

/// The labels that a call gives, in order; `None` where they are not literals.
fn labels<'a>(source: &'a Source, call: &Call<'_>) -> Option<Vec<&'a str>> {
    let code = &source.code[call.inside.clone()];
    // Where a literal was, the code is blank.
    let is_label = |one: &Literal| source.code[one.at..].trim_start().starts_with("=>");
    let labels = literals(source, call.inside.clone()).filter(|one| is_label(one));
    let mut labels: Vec<&str> = labels.map(|one| one.text.as_str()).collect();
    labels.sort_unstable();
    let given = code.matches("=>").count();
    let is_whole = given == labels.len() && (given > 0 || !code.trim().contains(','));
    is_whole.then_some(labels)
}

/// The literals of a part of a file.
fn literals(source: &Source, part: Range<usize>) -> impl Iterator<Item = &Literal> {
    source.literals.iter().filter(move |one| part.contains(&one.at))
}

/// Whether a literal is the next thing behind `at`.
fn is_next(source: &Source, at: usize, literal: &Literal) -> bool {
    source.code[at..literal.at].trim().is_empty()
}

/// Where the bracket closes behind which `open` stands.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return at,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    const ROWS: &str = "//! T.\npub enum Kind { Counter, Summary }\ntable! {\n    /// A; \
                        \"sayso_c\".\n    Counter \"sayso_a_total\" by \"code\", \"who\" in \
                        \"times\";\n    /// B.\n    Summary \"sayso_b_micros\" in \"times\";\n}\n";
    const A: &str = "metrics::counter!(\"sayso_a_total\", \"who\" => who(1, 2),\n    \"code\" => \
                     \"b\").increment(1);\n";
    const B: &str = "metrics::histogram!(\"sayso_b_micros\").record(1.0);\n";
    const FILE: &str = "crates/base/db/src/a.rs";

    fn found_in(code: &str) -> Vec<String> {
        breaches(check, &[(FILE, code), (TABLE, ROWS)])
    }

    #[test]
    fn what_the_table_has_is_measured_as_it_has_it() {
        assert_eq!(found_in(&format!("{A}{B}")), [""; 0]);
        let named = "let names = [(\"sayso_b_micros\", 1.0)];\nfor (name, value) in names {\n    \
                     metrics::histogram!(name).record(value);\n}\n";
        assert_eq!(found_in(&format!("{A}{named}")), [""; 0]);
    }

    #[test]
    fn what_the_table_has_not_or_has_otherwise_is_found() {
        for wrong in [
            "metrics::counter!(\"sayso_c\").increment(1);\n",
            "metrics::gauge!(\"sayso_b_micros\").set(1.0);\n",
            "metrics::histogram!(\"sayso_b_micros\", \"code\" => 1).record(1.0);\n",
            "metrics::counter!(\"sayso_a_total\", \"code\" => 1).increment(1);\n",
            "metrics::counter!(\"sayso_a_total\", \"code\" => 1, \"whom\" => 2).increment(1);\n",
        ] {
            assert_eq!(found_in(&format!("{A}{B}{wrong}")), [format!("{FILE}:4")], "{wrong}");
        }
    }

    #[test]
    fn what_nobody_measures_is_found_also_where_a_test_or_a_comment_does() {
        let code = format!("{A}// {B}#[cfg(test)]\nmod tests {{ fn a() {{ {B} }} }}\n");

        assert_eq!(found_in(&code), [format!("{TABLE}:7")]);
    }

    #[test]
    fn a_name_or_labels_that_cannot_be_read_are_found() {
        for hidden in [
            "metrics::counter!(NAME).increment(1);\n",
            "metrics::counter!(\"sayso_a_total\", &labels[..]).increment(1);\n",
            "metrics::counter!(\"sayso_a_total\", CODE => 1, \"who\" => 2).increment(1);\n",
        ] {
            assert_eq!(found_in(&format!("{A}{B}{hidden}")), [format!("{FILE}:4")], "{hidden}");
        }
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
