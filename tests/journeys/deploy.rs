//! What stands in `deploy/` is checked by what would read it, as far as that is
//! on this machine, and its metrics are those that a server has.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use sayso_telemetry::METRICS;
use sayso_testkit::{Client, Sockets, TestFolder, until};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::company::{connect, open_channel};
use crate::golden::root;
use crate::{promql, yaml};

/// Some things are measured every few seconds only.
const MEASURED_WITHIN: Duration = Duration::from_secs(30);
/// What is measured last: by whoever leads, by a consumer, of a socket.
const LATE: [&str; 4] = [
    "sayso_consumer_lag_events",
    "sayso_db_oldest_snapshot_seconds",
    "sayso_realtime_offered_total",
    "sayso_realtime_sockets",
];

/// Counted only when something goes wrong: a server that is well has no line
/// for them yet.
const RARE: [&str; 13] = [
    "sayso_access_refusals_total",
    "sayso_access_refusals_unwritten_total",
    "sayso_auth_hash_refused_total",
    "sayso_db_pool_refusals_total",
    "sayso_db_pool_timeouts_total",
    "sayso_db_read_refusals_total",
    "sayso_db_statement_errors_total",
    "sayso_db_transaction_retries_total",
    "sayso_limits_refused_total",
    "sayso_log_consumers_given_up_total",
    "sayso_realtime_closed_total",
    "sayso_realtime_refused_total",
    "sayso_sequencer_quarantined_total",
];

/// A file of the repository.
#[track_caller]
pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What a panel or an alert asks Prometheus, and which labels of the answer it
/// shows.
struct Question {
    expr: String,
    shown: Vec<String>,
}

impl Question {
    fn new(expr: &Value, told: &[&Value]) -> Self {
        let told = told.iter().map(|text| text.as_str().expect("it is a text"));
        let expr = expr.as_str().expect("an expression is a text").to_owned();
        Self { expr, shown: told.flat_map(shown).collect() }
    }
}

/// The labels that a text puts in: `{{code}}` in a legend, `{{ $labels.code }}` in
/// an alert.
fn shown(text: &str) -> Vec<String> {
    let inside = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    let labels = inside.map(str::trim).filter(|name| *name != "$value");
    labels.map(|name| name.trim_start_matches("$labels.").to_owned()).collect()
}

fn dashboard() -> Vec<Question> {
    let file: Value = serde_json::from_str(&text("deploy/grafana-dashboard.json")).unwrap();
    let panels = file["panels"].as_array().unwrap();
    assert!(panels.len() > 10, "{} panels", panels.len());
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| Question::new(&target["expr"], &[&target["legendFormat"]])).collect()
}

/// The rules of all groups.
fn rules() -> Vec<Value> {
    let file = yaml::file("deploy/alerts.yml");
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).cloned().collect()
}

fn alerts() -> Vec<Question> {
    let question = |rule: &Value| {
        let told = &rule["annotations"];
        Question::new(&rule["expr"], &[&told["summary"], &told["do"]])
    };
    rules().iter().map(question).collect()
}

/// Every name of ours in a text, without what Prometheus adds to histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("sayso_"));
    ours.map(|name| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    })
    .collect()
}

/// The lines of `/metrics` that measure something.
fn measurements(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| !line.starts_with('#'))
}

/// A program's verdict; `None` where it is not installed.
fn verdict(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("{program} is not here: not asked");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

#[track_caller]
fn assert_well(output: &Output) {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_ask_only_for_what_a_server_measures() {
    let cluster = Cluster::found().await;
    let ceo = &cluster.company.ceo;
    let sockets = Sockets::start();
    connect(&sockets, "ceo", ceo).await;
    let channel = open_channel(ceo, "all hands", &[]).await;
    let path = format!("/api/channels/{channel}/messages");
    ceo.post(&path, json!({ "content": "measured" })).await.expect(201);
    let urls = [cluster.company.server.url(), cluster.second.url()];
    let mut pages = [String::new(), String::new()];
    let mut measured: BTreeSet<String> = BTreeSet::new();
    until("both nodes to measure", MEASURED_WITHIN, async || {
        for (page, url) in pages.iter_mut().zip(&urls) {
            *page = Client::anonymous(url).get("/metrics").await.text;
            measured.extend(measurements(page).flat_map(names));
        }
        LATE.iter().all(|name| measured.contains(*name)).then_some(())
    })
    .await;

    for page in &pages {
        assert_described(page);
    }
    let files = [("deploy/alerts.yml", alerts()), ("deploy/grafana-dashboard.json", dashboard())];
    let mut all: BTreeSet<String> = BTreeSet::new();
    for (file, questions) in files {
        let asked: BTreeSet<String> =
            questions.iter().flat_map(|question| names(&question.expr)).collect();
        assert!(asked.len() > 10, "{file}: {asked:?}");
        for name in asked.difference(&measured) {
            assert!(RARE.contains(&name.as_str()), "{file}: nobody measures {name}");
        }
        all.extend(asked);
    }
    let idle: Vec<_> = RARE.iter().filter(|name| !all.contains(**name)).collect();
    assert!(idle.is_empty(), "nobody asks for {idle:?}");
}

/// Whatever a node measures stands in the table of metrics, with its labels, and
/// the node says what it means.
#[track_caller]
fn assert_described(page: &str) {
    for line in measurements(page) {
        assert_eq!(promql::faults(line), [""; 0], "{line}");
    }
    let measured: BTreeSet<String> = measurements(page).flat_map(names).collect();
    assert!(measured.len() > 15, "{measured:?}");
    for metric in METRICS.iter().filter(|metric| measured.contains(metric.name)) {
        let (name, kind) = (metric.name, metric.kind.name());
        let told = format!("# HELP {name} {}\n# TYPE {name} {kind}\n", metric.doc);
        assert!(page.contains(&told), "{told}");
    }
}

#[test]
fn dashboard_and_alerts_name_only_labels_that_there_are() {
    for Question { expr, shown } in alerts().into_iter().chain(dashboard()) {
        assert_eq!(promql::faults(&expr), [""; 0], "{expr}");
        let kept = promql::kept(&expr);
        let lost: Vec<_> = shown.iter().filter(|label| !kept.contains(&label.as_str())).collect();
        assert!(lost.is_empty(), "{lost:?} are shown of {expr}");
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let rules = rules();
    assert!(rules.len() > 10, "{rules:?}");
    for rule in &rules {
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{rule}");
        let told = [&rule["alert"], &rule["annotations"]["summary"], &rule["annotations"]["do"]];
        assert!(told.iter().all(|text| text.as_str().is_some_and(|it| !it.is_empty())), "{rule}");
    }
    let file = root().join("deploy/alerts.yml");
    if let Some(output) = verdict("promtool", &["check", "rules", file.to_str().unwrap()]) {
        assert_well(&output);
    }
}

/// It is a comment there, since it is one of many that whoever runs Prometheus has.
#[test]
fn the_configuration_in_the_head_of_the_alerts_fetches_what_they_ask_for() {
    let text = text("deploy/alerts.yml");
    let head = text.lines().map_while(|line| line.strip_prefix('#'));
    let config: Vec<&str> = head.filter_map(|line| line.strip_prefix("   ")).collect();

    let config = yaml::read(&config.join("\n")).unwrap();

    assert_eq!(config["rule_files"].as_array().unwrap().len(), 1);
    let fetch = &config["scrape_configs"][0];
    let targets = fetch["static_configs"][0]["targets"].as_array().unwrap();
    assert!(targets.iter().all(|target| target.as_str().unwrap().ends_with(":8080")), "{fetch}");
    let up = format!("up{{job=\"{}\"}}", fetch["job_name"].as_str().unwrap());
    assert!(alerts().iter().any(|alert| alert.expr.contains(&up)), "nobody asks for {up}");
}

#[test]
fn the_balancer_reads_its_configuration() {
    let file = root().join("deploy/haproxy.cfg");
    // The names of the nodes are not known here: it starts without them, too.
    if let Some(output) = verdict("haproxy", &["-c", "-f", file.to_str().unwrap()]) {
        assert_well(&output);
    }
}

#[test]
fn the_unit_is_one_and_its_settings_are_settings() {
    let unit = text("deploy/sayso.service");
    let known: BTreeSet<String> =
        sayso_config::reference().into_iter().map(|doc| doc.env).collect();
    let given = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let given: Vec<&str> = given.filter_map(|line| line.split_once('=')).map(|(a, _)| a).collect();
    assert!(given.len() > 2 && given.iter().all(|name| known.contains(*name)), "{given:?}");
    // What it would start is not installed here.
    let folder = TestFolder::new();
    let path = folder.path().join("sayso.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/sayso", "/bin/true")).unwrap();
    if let Some(output) = verdict("systemd-analyze", &["verify", path.to_str().unwrap()]) {
        assert_well(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_name_of_a_histogram_is_found_without_its_ending() {
    let found = names("rate(sayso_x_seconds_bucket[5m]) / sayso_y_total{a=\"b\"}");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["sayso_x_seconds", "sayso_y_total"]);
}

#[test]
fn the_labels_that_a_text_puts_in_are_found() {
    assert_eq!(shown("{{method}} at {{ $labels.route }}: {{ $value }} s"), ["method", "route"]);
}
