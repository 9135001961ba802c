//! Nothing acknowledged is lost, nothing heard twice, whatever is killed.
//!
//! The short form takes a few seconds. `SAYSO_FAULTS=full` (`make faults`)
//! takes ten minutes: fifty sockets, a kill every two to five seconds.

use std::time::Duration;

use sayso_config::process_environment;
use sayso_kernel::Random;
use sayso_testkit::{ProcessSetup, TestDatabase};

use super::judge::{Verdict, judge};
use super::report::Row;
use super::storm::{Aftermath, Keys, Storm, Target};

/// The next 2xx after a kill of the server comes within this.
const RECOVERED_WITHIN: Duration = Duration::from_secs(2);
/// Every client is back within this, the outage itself included.
const BACK_WITHIN: Duration = Duration::from_secs(5);

pub fn is_full() -> bool {
    process_environment().any(|(name, value)| name == "SAYSO_FAULTS" && value == "full")
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A kill of the server every two to five seconds, and one of the database a
/// minute.
fn kills_for(length: Duration, random: &Random) -> Vec<(Duration, Target)> {
    let mut kills = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += millis(2000 + u64::from(random.below(3000)));
        if at + millis(3000) > length {
            return kills;
        }
        let is_database = kills.len() % 17 == 8;
        kills.push((at, if is_database { Target::Database } else { Target::Server }));
    }
}

/// Judges a run and writes down what it counted: `make faults` collects the
/// rows of the full forms in `docs/testing.md`.
pub fn report(name: &str, length: Duration, aftermath: &Aftermath) -> Verdict {
    let verdict = judge(&aftermath.evidence);
    let row = Row {
        unanswered: Some(aftermath.evidence.unanswered.len()),
        slowest_restart: aftermath.recoveries.iter().max().copied(),
        longest_absence: Some(aftermath.slowest_return),
        ..Row::of(&verdict, length)
    };
    row.write(name);
    verdict
}

fn assert_quick(aftermath: &Aftermath) {
    let slowest = aftermath.recoveries.iter().max().unwrap();
    assert!(*slowest < RECOVERED_WITHIN, "a restart took {slowest:?}");
    let away = aftermath.slowest_return;
    assert!(away < BACK_WITHIN, "a client was away for {away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_the_server_and_its_database_and_lose_nothing() {
    let full = is_full();
    let random = Random::seeded(9);
    let length = if full { Duration::from_secs(600) } else { millis(7000) };
    let short = vec![
        (millis(1000), Target::Server),
        (millis(2500), Target::Database),
        (millis(5000), Target::Server),
    ];
    let storm = Storm {
        setup: ProcessSetup::managed(),
        mutant: None,
        database: None,
        kills: if full { kills_for(length, &random) } else { short },
        length,
        writers: 4,
        keys: Keys::EverySecond,
        sockets: if full { 50 } else { 8 },
        seed: 9,
    };

    let aftermath = storm.rage().await;

    let verdict = report("server and database", length, &aftermath);
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_quick(&aftermath);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_a_server_on_a_database_that_lives_and_lose_nothing() {
    let full = is_full();
    let database = TestDatabase::new().await;
    let random = Random::seeded(10);
    let length = if full { Duration::from_secs(120) } else { millis(5000) };
    let short = vec![(millis(800), Target::Server), (millis(2200), Target::Server)];
    let all = kills_for(length, &random);
    let only_server = all.into_iter().map(|(at, _)| (at, Target::Server)).collect();
    let storm = Storm {
        setup: ProcessSetup::on(&database),
        mutant: None,
        database: Some(database.app_config()),
        kills: if full { only_server } else { short },
        length,
        writers: 4,
        keys: Keys::EverySecond,
        sockets: if full { 50 } else { 8 },
        seed: 10,
    };

    let aftermath = storm.rage().await;

    let verdict = report("server", length, &aftermath);
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_quick(&aftermath);
}
