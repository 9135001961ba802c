//! Conformance: every operation of the document that the server serves is
//! called, in every way in which a client could, and its answers, the log and
//! the audit are held against the same rules for all. A route that lacks
//! anything is refused; so is one that nobody has said how to call.

mod broken;
mod costs;
mod document;
mod examples;
mod exceptions;
mod fixtures;
mod judge;
mod many;
mod mirror;
mod relations;
mod stage;
mod walk;

use std::collections::BTreeSet;

use document::Document;
use exceptions::EXCEPTIONS;
use mirror::Mirror;
use stage::Stage;
use walk::Walk;

use crate::golden;

/// Characters of a finding that are shown.
const SHOWN_MAX: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_keeps_the_rules_of_all() {
    let stage = Stage::open().await;
    let document = Document::of(stage.ceo()).await;
    let walk = Walk { stage: &stage, document: &document };
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    let (mut costs, mut examples) = (costs::Costs::default(), examples::Examples::default());
    let mut mirrors = [
        Mirror::of("ceo", stage.ceo(), &stage, &document).await,
        Mirror::of("ann", stage.ann(), &stage, &document).await,
        Mirror::of("bob", &stage.company.bob, &stage, &document).await,
    ];
    for operation in document.operations() {
        let name = format!("{} {} ({})", operation.method, operation.path, operation.id);
        let Some(walked) = walk.of(&operation).await else {
            wrong.push(format!("{name}: nobody has said how to call it"));
            continue;
        };
        let mut findings = walked.findings;
        if !operation.reads() {
            stage.truth.settle().await;
            for mirror in &mut mirrors {
                let told = mirror.check().await;
                findings.extend(told.into_iter().map(judge::untold));
            }
        }
        for finding in findings {
            let exception = EXCEPTIONS
                .iter()
                .position(|(id, rule, _)| *id == operation.id && *rule == finding.rule);
            match exception {
                Some(place) => _ = needed.insert(place),
                None => {
                    let text: String = finding.text.chars().take(SHOWN_MAX).collect();
                    wrong.push(format!("{name}: {}: {text}", finding.rule));
                    eprintln!("{}", wrong.last().expect("it was pushed"));
                }
            }
        }
        costs.remember(&operation, walked.requests);
        examples.remember(&operation, &walked.call, &walked.reply);
    }
    for (place, (id, rule, _)) in EXCEPTIONS.iter().enumerate() {
        if !needed.contains(&place) {
            wrong.push(format!("{id}: the exception from \u{201c}{rule}\u{201d} is not needed"));
        }
    }
    for mirror in &mut mirrors {
        let told = mirror.check_all().await;
        wrong.extend(told.into_iter().map(|text| format!("in the end: {text}")));
    }
    wrong.extend(never_heard(&mirrors));
    costs.many = many::call_all(&stage).await;
    // Whoever opens a conversation that there is gets it.
    let direct = serde_json::json!({ "kind": "direct", "members": [stage.ann().user_id()] });
    for status in [201, 200] {
        let reply = stage.ceo().post("/api/channels", direct.clone()).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        examples.also("create_channel", &reply);
    }
    wrong.extend(wrong_logs(&stage).await);
    if golden::is_written() {
        examples.compare(&document);
        costs.compare(&[&stage.company.server, &stage.empty]);
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    examples.compare(&document);
    costs.compare(&[&stage.company.server, &stage.empty]);
}

/// What is wrong with the logs that are left: nobody hears all that is in them.
async fn wrong_logs(stage: &Stage) -> Vec<String> {
    let mut wrong = Vec::new();
    for database in &stage.databases {
        sayso_testkit::judge::settle(database.db()).await;
        let told = sayso_testkit::judge::log(database.db()).await;
        wrong.extend(told.expect("the log can be read"));
    }
    wrong
}

/// Events that nobody was told, though every operation was called: what is
/// applied to them was not tried.
fn never_heard(mirrors: &[Mirror]) -> Vec<String> {
    let kinds = std::fs::read_to_string(crate::golden::root().join("golden/events.txt"));
    let kinds = kinds.expect("the kinds of facts are committed");
    let heard = |kind: &str| mirrors.iter().any(|mirror| mirror.heard.contains(kind));
    let told =
        |line: &&str| line.split_whitespace().nth(1).is_some_and(|it| it.starts_with("event"));
    let lines = kinds.lines().filter(|line| !line.starts_with([' ', '#'])).filter(told);
    lines
        .filter_map(|line| line.split_whitespace().next())
        .filter(|kind| !heard(kind) && !NOT_OVER_HTTP.contains(kind))
        .map(|kind| format!("{kind}: nobody was told one"))
        .collect()
}

/// Events that no operation leaves.
/// The deletion of a channel is told on its own stream, which nobody follows
/// after it: over HTTP it is seen by the stream that is missing.
const NOT_OVER_HTTP: [&str; 2] = ["channel.deleted", "user.erased"];
