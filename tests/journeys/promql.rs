//! PromQL as far as a judge needs it: which series an expression asks for, by which
//! of their labels, and which labels its answer has. What those are is said in the
//! table of metrics.

use sayso_telemetry::{METRICS, MetricKind};

/// What Prometheus itself says of whatever it fetches.
const TARGET: [&str; 2] = ["instance", "job"];
/// Whether a target answers: the one series that is asked for and is not ours.
const UP: &str = "up";
/// What makes one of many: its answer has the labels that stand behind `by`.
const SUMS: [&str; 8] = ["avg", "count", "group", "max", "min", "stddev", "stdvar", "sum"];

/// What is wrong with an expression, or with a line of `/metrics`: series that
/// there are not, and labels that a series has not.
pub fn faults(expr: &str) -> Vec<String> {
    let tokens = tokens(expr);
    let ours = tokens.iter().filter(|token| token.starts_with("sayso_"));
    let unknown = ours.filter(|name| labels_of(name).is_none());
    let mut faults: Vec<String> = unknown.map(|name| format!("there is no {name}")).collect();
    for (label, series) in named(&tokens) {
        let has = |name: &str| labels_of(name).is_some_and(|labels| labels.contains(&label));
        let without = series.into_iter().filter(|name| !has(name));
        faults.extend(without.map(|name| format!("{name} has no {label}")));
    }
    faults
}

/// The labels of an expression's answer: what a legend can show.
pub fn kept(expr: &str) -> Vec<&str> {
    let tokens = tokens(expr);
    let lists = (0..tokens.len()).filter(|at| tokens[*at] == "by" && opens(&tokens, at + 1));
    let grouped: Vec<&str> = lists.flat_map(|at| listed(&tokens, at + 1)).collect();
    let is_summed = tokens.iter().any(|token| SUMS.contains(token));
    if is_summed {
        return grouped;
    }
    tokens.iter().filter_map(|token| labels_of(token)).flatten().collect()
}

/// The labels of a series, by its name as Prometheus has it; `None` where there is
/// no such series.
fn labels_of(series: &str) -> Option<Vec<&'static str>> {
    if series == UP {
        return Some(TARGET.to_vec());
    }
    METRICS.iter().find_map(|metric| {
        let own = match (metric.kind, series.strip_prefix(metric.name)?) {
            (MetricKind::Counter | MetricKind::Gauge, "") => None,
            (MetricKind::Histogram | MetricKind::Summary, "_sum" | "_count") => None,
            (MetricKind::Histogram, "_bucket") => Some("le"),
            (MetricKind::Summary, "") => Some("quantile"),
            _ => return None,
        };
        Some(metric.labels.iter().copied().chain(own).chain(TARGET).collect())
    })
}

/// Every label that is named, and the series that should have it: in braces the
/// one before them, behind `by` those that are summed, and behind `on` all.
fn named<'a>(tokens: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let (labels, scope) = match *token {
            "{" if at > 0 => (matched(&tokens[at..closing(tokens, at)]), at - 1..at),
            "by" | "without" if opens(tokens, at + 1) => {
                let summed = match at.checked_sub(1).filter(|before| tokens[*before] == ")") {
                    Some(before) => opening(tokens, before)..before,
                    None => {
                        let open = closing(tokens, at + 1) + 1;
                        open..closing(tokens, open)
                    }
                };
                (listed(tokens, at + 1), summed)
            }
            "on" | "ignoring" if opens(tokens, at + 1) => (listed(tokens, at + 1), 0..tokens.len()),
            _ => continue,
        };
        let scope = tokens.get(scope).unwrap_or_default().iter().copied();
        let series: Vec<&str> = scope.filter(|token| labels_of(token).is_some()).collect();
        found.extend(labels.into_iter().map(|label| (label, series.clone())));
    }
    found
}

/// The labels that are compared between braces.
fn matched<'a>(inside: &[&'a str]) -> Vec<&'a str> {
    let pairs = inside.windows(2).filter(|pair| matches!(pair[1], "=" | "!"));
    pairs.map(|pair| pair[0]).filter(|token| token.starts_with(is_word)).collect()
}

/// The labels of the list whose bracket stands at `open`.
fn listed<'a>(tokens: &[&'a str], open: usize) -> Vec<&'a str> {
    let inside = tokens[open..closing(tokens, open)].iter().copied();
    inside.filter(|token| token.starts_with(is_word)).collect()
}

fn opens(tokens: &[&str], at: usize) -> bool {
    tokens.get(at) == Some(&"(")
}

/// Where the bracket closes that stands at `open`.
fn closing(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Where the bracket was opened that closes at `close`.
fn opening(tokens: &[&str], close: usize) -> usize {
    let mut before = (0..close).rev();
    before.find(|open| opens(tokens, *open) && closing(tokens, *open) == close).unwrap_or(0)
}

/// Words, quoted texts, and every other character by itself.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => quoted(rest),
            c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The length of the text that begins with a quote, up to the quote that ends it.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn what_there_is_may_be_asked_for_in_every_form() {
    for expr in [
        "sum(rate(sayso_http_request_micros_count{status=~\"5..\"}[5m])) by (route, instance)",
        "sum by (code) (rate(sayso_realtime_refused_total{code!=\"by (class)\"}[$__interval]))",
        "max(sayso_http_request_micros{quantile=\"0.99\",method=\"GET\"}) by (route) > 500000",
        "histogram_quantile(0.9, sum(rate(sayso_db_pool_wait_seconds_bucket[5m])) by (le, lane))",
        "sum(sayso_db_rows_total) by (statement) / sum(sayso_limits_refused_total) by (class)",
        "sayso_redis_up * on (instance) sayso_sequencer_leading == 1",
        "up{job=\"sayso\"} == 0",
        "sayso_http_request_micros_sum{method=\"GET\",route=\"/a/{id}\",status=\"200\"} 3.5",
    ] {
        assert_eq!(faults(expr), [""; 0], "{expr}");
    }
}

#[test]
fn a_metric_that_there_is_not_and_a_label_that_it_has_not_are_convicted() {
    let no_class = "sayso_realtime_refused_total has no class";
    for (expr, fault) in [
        ("rate(sayso_realtime_refuse_total[5m])", "there is no sayso_realtime_refuse_total"),
        ("sayso_db_statement_seconds > 1", "there is no sayso_db_statement_seconds"),
        ("sayso_redis_up_count", "there is no sayso_redis_up_count"),
        ("sum(rate(sayso_realtime_refused_total[5m])) by (class)", no_class),
        ("sum by (class) (rate(sayso_realtime_refused_total[5m]))", no_class),
        ("sum(sayso_realtime_refused_total) without (code, class)", no_class),
        ("sayso_realtime_refused_total{code=\"a\",class!~\"b\"} > 0", no_class),
        ("sayso_realtime_refused_total / on (code, class) sayso_limits_refused_total", no_class),
        ("sum(sayso_db_pool_wait_seconds_sum) by (le)", "sayso_db_pool_wait_seconds_sum has no le"),
        ("up{instance=\"a\",code=\"b\"}", "up has no code"),
    ] {
        let found = faults(expr);
        assert!(found.iter().any(|one| one == fault), "{expr}: {found:?}");
    }
    // Each sum answers for its own.
    let expr = "sum(sayso_db_rows_total) by (lane) / sum(sayso_db_pool_timeouts_total) by (lane)";
    assert_eq!(faults(expr), ["sayso_db_rows_total has no lane"]);
}

#[test]
fn an_answer_has_the_labels_that_its_sum_leaves() {
    assert_eq!(kept("topk(5, max(sayso_db_rows_total) by (statement))"), ["statement"]);
    assert_eq!(kept("sum(rate(sayso_db_rows_total[5m]))"), [""; 0]);
    assert_eq!(kept("sayso_consumer_lag_events"), ["consumer", "instance", "job"]);
}
