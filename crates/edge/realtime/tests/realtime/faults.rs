//! Races that are lost once in many times: coming back at the instant of a
//! commit, and being removed while messages flow.
//!
//! The short forms take seconds; `SAYSO_FAULTS=full` goes a thousand rounds.

use sayso_db::Stream;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::json;

use crate::bad_readers::resumed;
use crate::stage::{SOON, Stage, assert_no_hole, channel, is_full};

/// Comes back again and again after the last place, while things happen all the
/// time. Answers how many events came as the past, and how many live.
async fn come_back_again_and_again(stage: &Stage, rounds: usize) -> (usize, usize) {
    let (person, mut last) = (stage.person(), 0);
    let (mut replayed, mut live) = (0, 0);
    for round in 0..rounds {
        let mut heard = resumed(stage, &person.token, last).await;
        let until = last + 3;
        while last < until {
            let (name, mut body) = heard.next().await;
            let past = body["events"].take();
            let mut events = past.as_array().cloned().unwrap_or_else(|| vec![body]);
            // News of who is there have no place.
            events.retain(|event| event["position"].is_i64());
            *(if name == "replay" { &mut replayed } else { &mut live }) += events.len();
            for event in events {
                assert_eq!(event["position"], last + 1, "round {round}");
                last += 1;
            }
        }
    }
    (replayed, live)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_at_the_instant_of_a_commit_hears_it_once() {
    let stage = Stage::new().await;
    let rounds = if is_full() { 1_000 } else { 15 };

    let coming = (0..10).map(|_| come_back_again_and_again(&stage, rounds));
    let heard = tokio::select! {
        heard = futures_util::future::join_all(coming) => heard,
        () = async { loop { stage.happen(&Stream::Company, &[]).await } } => unreachable!(),
    };

    let replayed: usize = heard.iter().map(|(replayed, _)| replayed).sum();
    let live: usize = heard.iter().map(|(_, live)| live).sum();
    assert!(replayed > 0 && live > 0, "{replayed} replayed, {live} live: there was no race");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_while_messages_flow_hears_none_after_the_removal() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let connect =
        Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    let ready = sockets.connect_and_wait(&connect).await;

    let rounds = if is_full() { 1_000 } else { 200 };
    for _ in 0..rounds {
        stage.happen(&ann.stream(), &[ann.follow(&channel())]).await;
        let (everybody, hers, out) = (channel(), ann.stream(), [ann.unfollow(&channel())]);
        tokio::join!(
            stage.happen_often(&everybody, &[], 2, ""),
            stage.happen(&hers, &out),
            stage.happen_often(&everybody, &[], 2, ""),
        );
    }
    stage.settle().await;
    stage.happen(&ann.stream(), &[]).await;
    until("the end is heard", SOON, async || {
        (sockets.last_position("a") == stage.facts()).then_some(())
    })
    .await;

    // Her own events are by turns a beginning and an end.
    let (mut own, mut is_in, mut leaked, mut inside) = (0, false, 0, 0);
    for event in sockets.events("a") {
        if event["stream"] == channel().to_string() {
            leaked += usize::from(!is_in);
            inside += usize::from(is_in);
        } else {
            is_in = own % 2 == 0;
            own += 1;
        }
    }
    assert_eq!((own, leaked), (2 * rounds + 1, 0));
    assert!(inside > 0, "no message came before a removal: there was no race");
    assert_no_hole(&sockets, "a");
    // Nor does the past hold any of them.
    let body = json!({ "epoch": ready["epoch"], "position": 0, "limit": 200 });
    let past = sockets.emit("a", "events.replay", &body).await["data"]["items"].clone();
    let past = past.as_array().unwrap().iter();
    assert_eq!(past.filter(|item| item["stream"] == channel().to_string()).count(), 0);
}
