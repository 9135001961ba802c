//! What stands in `deploy/` is checked by what would read it, as far as that is
//! on this machine, and its metrics are those that a server has.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use sayso_testkit::{Client, TestFolder, until};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::company::open_channel;
use crate::golden::root;

/// Some things are measured every few seconds only.
const MEASURED_WITHIN: Duration = Duration::from_secs(30);

/// Counted only when something goes wrong: a server that is well has no line
/// for them yet.
const RARE: [&str; 15] = [
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
    "sayso_realtime_offered_total",
    "sayso_realtime_refused_total",
    "sayso_realtime_sockets",
    "sayso_sequencer_quarantined_total",
];

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
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
    let channel = open_channel(ceo, "all hands", &[]).await;
    let path = format!("/api/channels/{channel}/messages");
    ceo.post(&path, json!({ "content": "measured" })).await.expect(201);
    let mut measured = BTreeSet::new();
    until("both nodes to measure", MEASURED_WITHIN, async || {
        for url in [cluster.company.server.url(), cluster.second.url()] {
            measured.extend(names(&Client::anonymous(&url).get("/metrics").await.text));
        }
        let led = ["sayso_consumer_lag_events", "sayso_db_oldest_snapshot_seconds"];
        led.iter().all(|name| measured.contains(*name)).then_some(())
    })
    .await;

    let code = code(&root().join("crates"));
    for file in ["deploy/alerts.yml", "deploy/grafana-dashboard.json"] {
        let asked = names(&text(file));
        assert!(asked.len() > 10, "{file}: {asked:?}");
        for name in asked.iter().filter(|name| !measured.contains(*name)) {
            assert!(RARE.contains(&name.as_str()), "{file}: nobody measures {name}");
            assert!(code.contains(&format!("\"{name}\"")), "{file}: no code counts {name}");
        }
    }
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana-dashboard.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
}

/// All code below a folder.
fn code(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &code(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all += &std::fs::read_to_string(path).unwrap();
        }
    }
    all
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

/// `docker compose config` is not asked: it is on few machines. What it would
/// find first is looked for here.
#[test]
fn what_compose_mounts_is_there() {
    let compose = text("compose.yaml");
    let mounted = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./"));
    let mounted: Vec<&str> = mounted.filter_map(|line| line.split(':').next()).collect();
    assert!(mounted.len() >= 4, "{mounted:?}");
    for file in mounted {
        assert!(root().join(file).is_file(), "{file} is not there");
    }
}

/// Nor is `docker build`. Cargo refuses a workspace of which a folder is missing,
/// so the image is given every one that it names.
#[test]
fn the_image_is_built_from_every_folder_that_cargo_reads() {
    let (ignored, manifest) = (text(".dockerignore"), text("Cargo.toml"));
    let given: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let naming = manifest.lines();
    let naming = naming.filter(|line| line.starts_with("members") || line.contains("path = "));
    let paths = naming.flat_map(|line| line.split('"').skip(1).step_by(2));
    let folders: BTreeSet<&str> = paths.filter_map(|path| path.split('/').next()).collect();

    assert!(folders.contains("crates") && folders.contains("vendor"), "{folders:?}");
    assert!(folders.is_subset(&given), "{folders:?} are not all in {given:?}");
}

/// The number that stands behind a key.
fn number(text: &str, key: &str) -> u64 {
    let rest = text.split_once(key).unwrap_or_else(|| panic!("{key} is not there")).1;
    let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap_or_else(|error| panic!("{key} {digits:?}: {error}"))
}

/// Each of these kept the containers from starting, or failed in them later.
#[test]
fn compose_gives_what_the_configurations_ask_for() {
    let (compose, haproxy) = (text("compose.yaml"), text("deploy/haproxy.cfg"));
    let (_, balancer) = compose.split_once("\n  balancer:").unwrap();
    let descriptors = number(balancer, "hard:");
    assert!(descriptors > 2 * number(&haproxy, "\n    maxconn"), "{descriptors}");

    let maintenance = number(&text("deploy/postgresql.conf"), "maintenance_work_mem = '");
    assert!(number(&compose, "shm_size:") > maintenance);

    let trusted = compose.split_once("TRUSTED_PROXIES: ").unwrap().1.lines().next().unwrap();
    let (_, networks) = compose.split_once("\nnetworks:").unwrap();
    let inside = networks.split_once("subnet: ").unwrap().1.split(' ').next().unwrap();
    let gateway = networks.split_once("gateway: ").unwrap().1.split(' ').next().unwrap();
    assert_eq!(trusted, format!("{inside},{gateway}"));

    // One that names its syntax is built only where Docker's registry is reached.
    assert!(!text("Dockerfile").starts_with("# syntax"));
}

#[test]
fn a_name_of_a_histogram_is_found_without_its_ending() {
    let found = names("rate(sayso_x_seconds_bucket[5m]) / sayso_y_total{a=\"b\"}");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["sayso_x_seconds", "sayso_y_total"]);
}
