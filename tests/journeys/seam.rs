//! A client comes back while people write: where what it missed ends and what is
//! new begins, nothing is missing and nothing is there twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use sayso_testkit::{Client, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::company::{Company, connect, open_channel};
use crate::faults::mutant_bin;
use crate::nodes::{heard_messages, say};
use crate::truth::Truth;

const SOON: Duration = Duration::from_secs(30);
/// How often it comes back, and what it misses each time.
const ROUNDS: usize = 3;
const MISSED: usize = 30;
/// So many of them are said at once.
const AT_ONCE: usize = 10;

/// Somebody who writes until told to stop.
struct Writer {
    is_done: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Writer {
    fn start(person: &Client, channel: &str, round: usize) -> Self {
        let (person, channel) = (person.clone(), channel.to_owned());
        let is_done = Arc::<AtomicBool>::default();
        let until_done = Arc::clone(&is_done);
        let task = tokio::spawn(async move {
            let mut number = 0;
            while !until_done.load(Ordering::SeqCst) {
                number += 1;
                say(&person, &channel, &format!("{round}: meanwhile {number}")).await;
            }
        });
        Self { is_done, task }
    }

    async fn stop(self) {
        self.is_done.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
    }
}

/// How often this socket has come to the end of what it missed.
fn caught_up(sockets: &Sockets) -> usize {
    let heard = sockets.heard("ann").into_iter();
    heard.filter(|heard| heard.event == "replay" && heard.payload["more"] == false).count()
}

fn place(event: &Value) -> (i64, String) {
    let content = event["data"]["content"].as_str().unwrap().to_owned();
    (event["position"].as_i64().unwrap(), content)
}

/// The journey; what is wrong, if something is.
async fn comes_back(setup: impl FnOnce(ProcessSetup) -> ProcessSetup) -> Result<(), String> {
    let database = TestDatabase::new().await;
    // Each event of the past in a packet of its own: it takes so long that there
    // is something new by its end.
    let whole = ProcessSetup::on(&database).env("SAYSO_REALTIME__REPLAY_BATCH", "1");
    let company = Company::found(setup(whole)).await;
    let Company { ceo, ann, bob, .. } = &company;
    let channel = open_channel(ceo, "board", &[ann, bob]).await;
    let truth = Truth::of(&database.app_config()).await;
    truth.settle().await;
    let sockets = Sockets::start();
    connect(&sockets, "ann", ann).await;

    for round in 1..=ROUNDS {
        sockets.leave("ann");
        until("her to be away", SOON, async || {
            (sockets.count("ann", "disconnect") == round).then_some(())
        })
        .await;
        let missed: Vec<String> = (0..MISSED).map(|n| format!("{round}: missed {n}")).collect();
        for some in missed.chunks(AT_ONCE) {
            join_all(some.iter().map(|content| say(ceo, &channel, content))).await;
        }
        let writer = Writer::start(bob, &channel, round);
        sockets.come_back("ann");
        until("her to be live", SOON, async || (caught_up(&sockets) >= round).then_some(())).await;
        writer.stop().await;
    }
    say(ceo, &channel, "the last").await;

    truth.settle().await;
    let due = truth.contents_by_position(&channel).await;
    let last = due.last().unwrap().0;
    until("the last", SOON, async || (sockets.last_position("ann") >= last).then_some(())).await;
    let heard: Vec<_> = heard_messages(&sockets, "ann").iter().map(place).collect();
    assert!(due.len() > ROUNDS * (MISSED + 1), "nobody wrote meanwhile: {}", due.len());
    let lost = due.iter().filter(|one| !heard.contains(one)).count();
    match heard == due {
        true => Ok(()),
        false if lost > 0 => Err(format!("{lost} of {} are lost", due.len())),
        false => Err(format!("{} were heard, {} were said", heard.len(), due.len())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_while_people_write_hears_all_of_it_once() {
    assert_eq!(comes_back(|setup| setup).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_keeps_nothing_until_the_past_is_told_is_convicted() {
    let broken = |setup: ProcessSetup| setup.bin(mutant_bin()).env("SAYSO_MUTANT", "open-seam");

    let found = comes_back(broken).await;

    assert!(found.as_ref().is_err_and(|wrong| wrong.ends_with("are lost")), "{found:?}");
}
