//! Somebody is removed from a channel at one of two nodes, while people go on
//! talking there at both: at neither do they hear any of it.

use std::time::{Duration, Instant};

use sayso_testkit::{Sockets, until};
use serde_json::json;

use crate::cluster::Cluster;
use crate::company::{connect, open_channel};
use crate::faults::mutant_bin;
use crate::nodes::{heard_messages, say};

const SOON: Duration = Duration::from_secs(30);
/// The sockets of the person, one at each node.
const BOTH: [&str; 2] = ["here", "there"];

/// The journey; what is wrong, if something is. A build that goes on telling them
/// does not tell them that it ends either.
async fn hears_nothing_more(cluster: Cluster, is_whole: bool) -> Result<(), String> {
    let (ceo, ann) = (&cluster.company.ceo, &cluster.company.ann);
    let channel = open_channel(ceo, "board", &[ann]).await;
    let sockets = Sockets::start();
    connect(&sockets, "here", ann).await;
    connect(&sockets, "there", &cluster.there(ann)).await;
    say(ceo, &channel, "for you").await;

    let members = format!("/api/channels/{channel}/members");
    let remove = json!({ "remove": [ann.user_id()] });
    let within = cluster.gone_within(&sockets, BOTH).await;
    cluster.there(ceo).post(&members, remove).await.expect(200);
    let done = Instant::now();
    let told = async {
        for id in BOTH.into_iter().filter(|_| is_whole) {
            sockets.until_heard(id, "stream.left").await;
            let took = done.elapsed();
            eprintln!("removed: {id} was told after {took:?}");
            assert!(took < within, "{id}: {took:?} of {within:?}");
        }
    };
    let said = async {
        for n in 0..20 {
            let speaker = if n % 2 == 0 { ceo.clone() } else { cluster.there(ceo) };
            say(&speaker, &channel, "not").await;
        }
    };
    tokio::join!(told, said);
    // Something later on another stream: once it is heard, what was to come has
    // come.
    let after = json!({ "name": "after", "kind": "public" });
    let after = ceo.post("/api/channels", after).await.expect(201)["id"].clone();
    for id in BOTH {
        until("a later event", SOON, async || {
            sockets.events(id).iter().any(|event| event["data"]["id"] == after).then_some(())
        })
        .await;
        let heard = heard_messages(&sockets, id);
        if heard.len() > 1 {
            return Err(format!("{id} heard {} that were said after it", heard.len() - 1));
        }
        assert_eq!(heard[0]["data"]["content"], "for you", "{id}");
        assert_eq!(sockets.count(id, "stream.left"), 1, "{id}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_removed_is_told_in_time_and_hears_nothing_after_it_at_any_node() {
    assert_eq!(hears_nothing_more(Cluster::found().await, true).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_on_telling_whoever_was_removed_is_convicted() {
    let broken = Cluster::with(
        |setup| setup,
        |setup, _| setup.bin(mutant_bin()).env("SAYSO_MUTANT", "leaks"),
    )
    .await;

    let found = hears_nothing_more(broken, false).await;

    assert_eq!(found, Err("there heard 20 that were said after it".to_owned()));
}
