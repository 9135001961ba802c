//! What each operation costs the database: `golden/costs.txt`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sayso_testkit::Process;
use serde_json::Value;

use super::document::Operation;
use super::many::{COUNTS, Case};
use crate::golden;

/// Statements of a list, at the most.
const LIST_MAX: u64 = 1;
/// The same of a list that belongs to something.
const LIST_OF_MAX: u64 = 2;
/// Lists that need more than one statement, and why.
const LISTS: &[(&str, &str)] = &[
    ("list_tasks", "a page that is not full asks where the walk is to go on"),
    ("list_audit", "whoever reads the audit stands in it"),
    ("list_events", "which streams are followed from where is asked first"),
    ("list_channel_members", "whether the channel is seen is asked first"),
    ("list_task_comments", "whether the task is seen is asked first"),
    ("list_task_history", "whether the task is seen is asked first"),
    ("list_grants", "whether the person is there is asked first"),
    ("list_reports", "whether the person is seen is asked first"),
    ("list_user_sessions", "whether the person is there is asked first"),
    ("list_user_tokens", "whether the person is there is asked first"),
];

/// What a request costs: statements, and trips to the database.
type Told = BTreeMap<String, (u64, u64)>;

#[derive(Default)]
pub struct Costs {
    operations: Vec<(Operation, Vec<String>)>,
    /// What is called with few and with many entries.
    pub many: Vec<Case>,
}

impl Costs {
    /// Keeps which requests did the work of an operation.
    pub fn remember(&mut self, operation: &Operation, requests: Vec<String>) {
        self.operations.push((operation.clone(), requests));
    }

    /// Reads from the logs of the servers what the requests cost, and holds it
    /// against what is committed.
    pub fn compare(&self, servers: &[&Process]) {
        let told: Told = servers.iter().flat_map(|server| lines(&server.log())).collect();
        let mut text = String::from(
            "# path, method, operation, statements, times the database is waited for; not whose token it \
             is, which is known from memory\n",
        );
        let mut dear = Vec::new();
        for (operation, requests) in &self.operations {
            // The least of several: a session may have had to be looked up, a
            // transaction may have met another.
            let (statements, trips) = least(&told, &operation.id, requests);
            let is_list = operation.reads() && operation.id.starts_with("list_");
            let may_more = LISTS.iter().any(|(id, _)| *id == operation.id);
            let most = if may_more { LIST_OF_MAX } else { LIST_MAX };
            if is_list && statements > most {
                dear.push(format!("{}: {statements} statements", operation.id));
            }
            let _ = writeln!(
                text,
                "{:<36} {:<7} {:<32} {statements:>2} {trips:>3}",
                operation.path, operation.method, operation.id
            );
        }
        text.push_str(&with_many(&told, &self.many, &mut dear));
        golden::compare("costs.txt", &text);
        assert!(dear.is_empty(), "it costs more than it may:\n{}", dear.join("\n"));
    }
}

fn least(told: &Told, name: &str, requests: &[String]) -> (u64, u64) {
    let cost = requests.iter().filter_map(|id| told.get(id)).min();
    *cost.unwrap_or_else(|| panic!("{name}: the log does not tell what it cost"))
}

/// What many entries cost beside few. Who has no reason for it costs no more.
fn with_many(told: &Told, cases: &[Case], dear: &mut Vec<String>) -> String {
    let [few, many] = COUNTS;
    let mut text = format!(
        "# requests with {few} and with {many} entries: statements of each, why they grow\n"
    );
    for case in cases {
        let [few, many] = case.requests.each_ref().map(|ids| least(told, case.name, ids).0);
        let reason = case.grows.unwrap_or("-");
        let _ = writeln!(text, "{:<40} {few:>3} {many:>3}  {reason}", case.name);
        if (few != many) != case.grows.is_some() {
            dear.push(format!("{}: {few} statements, then {many}: {reason}", case.name));
        }
    }
    text
}

/// The lines of the access log: request, statements, trips.
fn lines(log: &str) -> Vec<(String, (u64, u64))> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter_map(|line| {
            let id = line["request_id"].as_str()?.to_owned();
            Some((id, (line["statements"].as_u64()?, line["trips"].as_u64()?)))
        })
        .collect()
}
