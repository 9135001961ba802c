//! The judge is judged: on builds that are broken on purpose it must convict.

use std::path::PathBuf;
use std::time::Duration;

use sayso_config::process_environment;
use sayso_testkit::{ProcessSetup, TestDatabase};

use super::judge::{Verdict, judge};
use super::storm::{Keys, Storm, Target};

/// Storms after the first that a build may get through by luck.
const STORMS_MORE: usize = 4;

/// The binary with the broken branches.
pub fn mutant_bin() -> PathBuf {
    let named = process_environment().find(|(name, _)| name == "SAYSO_TEST_MUTANT_BIN");
    let bin = match named {
        Some((_, bin)) => bin.into(),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/mutants/sayso")),
    };
    assert!(
        bin.exists(),
        "{} is missing: run `make test`, or build it with `scripts/build-mutants`",
        bin.display()
    );
    bin
}

/// The build that is broken on purpose, as one that sends nobody what they missed.
pub fn without_replay(setup: ProcessSetup) -> ProcessSetup {
    setup.bin(mutant_bin()).env("SAYSO_MUTANT", "no-replay")
}

/// The crash journey on a build that is broken in the way `mutant`.
async fn verdict_on(mutant: &'static str) -> Verdict {
    let database = TestDatabase::new().await;
    let kills = [800, 2200, 3600].map(|at| (Duration::from_millis(at), Target::Server));
    let storm = Storm {
        setup: ProcessSetup::on(&database).bin(mutant_bin()),
        mutant: Some(mutant),
        database: Some(database.app_config()),
        kills: kills.to_vec(),
        length: Duration::from_millis(5000),
        writers: 6,
        // What is broken here is the way of writes that have one.
        keys: Keys::All,
        sockets: 4,
        seed: 11,
    };
    let verdict = judge(&storm.rage().await.evidence);
    assert_eq!(verdict.invalid, None, "{verdict:?}");
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_answers_before_it_commits_is_convicted_of_lost_writes() {
    // On a busy machine nothing may be between its answer and its commit when the
    // server dies: then once more.
    let mut verdict = verdict_on("ack-before-commit").await;
    for _ in 0..STORMS_MORE {
        if verdict.lost_writes == 0 {
            verdict = verdict_on("ack-before-commit").await;
        }
    }

    assert!(verdict.lost_writes > 0, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_does_not_replay_is_convicted_of_lost_events() {
    let verdict = verdict_on("no-replay").await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_ignores_keys_is_convicted_of_doubled_writes() {
    let verdict = verdict_on("ignore-key").await;

    assert!(verdict.doubled_writes > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_build_with_nothing_broken_is_acquitted() {
    let verdict = verdict_on("none").await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}
