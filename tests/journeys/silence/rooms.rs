//! Somebody is removed from a channel while nobody writes the log: nothing they
//! send gets there, nobody hears them type, and they hear nobody.

use std::time::Instant;

use sayso_testkit::{Client, Sockets, until};
use serde_json::{Value, json};

use super::scene::{SOON, Scene, Silence};
use super::{holds, of_a_broken_one};
use crate::cluster::Cluster;
use crate::company::{Company, connect};

const NOT_FOUND: &str = "resource.not_found";
/// Who is in a channel may not be known at the moment.
const UNKNOWN: &str = "server.unavailable";
const ANN: [&str; 2] = ["ann here", "ann there"];
const BOB: [&str; 2] = ["bob here", "bob there"];
const CEO: [&str; 2] = ["ceo here", "ceo there"];

/// How often a socket heard that this person types.
fn typed(sockets: &Sockets, id: &str, person: &Client) -> usize {
    let heard = sockets.heard(id).into_iter().filter(|heard| heard.event == "typing.started");
    heard.filter(|heard| heard.payload["userId"] == person.user_id()).count()
}

impl Scene {
    async fn type_at(&self, id: &str) -> Value {
        self.sockets.emit(id, "typing.start", &json!({ "channelId": self.board })).await
    }

    /// Types for a moment, and is heard by this one. Again and again: a node that
    /// is not sure for a moment to know all lets nobody type.
    async fn is_heard(&self, id: &str, person: &Client, hearer: &str) {
        let before = typed(&self.sockets, hearer, person);
        until(&format!("{hearer} to hear {id}"), SOON, async || {
            self.type_at(id).await;
            (typed(&self.sockets, hearer, person) > before).then_some(())
        })
        .await;
        // Whoever goes on typing is not told of again at once.
        let place = json!({ "channelId": self.board });
        let answer = self.sockets.emit(id, "typing.stop", &place).await;
        assert_eq!(answer["ok"], true, "{id}: {answer}");
    }

    /// What the removed person reads and says is refused, at both nodes.
    async fn is_outside(&self, bob: &Client) -> Result<(), String> {
        let say = json!({ "channelId": self.board, "content": "still here" });
        let path = format!("/api/channels/{}/messages", self.board);
        for (id, node) in BOB.into_iter().zip([bob, &self.cluster.there(bob)]) {
            self.refused(id, ("message.send", &say), NOT_FOUND).await?;
            // At the other node a page may be remembered for as long as it
            // takes that to notice.
            until("what is remembered to grow old", SOON, async || {
                let read = node.get(&path).await;
                (read.code() == NOT_FOUND).then_some(())
            })
            .await;
        }
        Ok(())
    }

    /// The removed person types until they may not any more, at both nodes and
    /// in time; how often they might.
    async fn types_no_more(&self, removed: Instant) -> Result<usize, String> {
        let mut accepted = 0;
        for id in BOB {
            loop {
                let answer = self.type_at(id).await;
                match answer["error"]["code"].as_str() {
                    Some(UNKNOWN | NOT_FOUND) => break,
                    None => accepted += 1,
                    // Too often: that tells nothing.
                    Some(_) => {}
                }
                if removed.elapsed() > self.within {
                    return Err(format!("{id} still types"));
                }
            }
            eprintln!("{id}: types no more after {:?} of {:?}", removed.elapsed(), self.within);
        }
        Ok(accepted)
    }
}

async fn stays_outside(cluster: Cluster) -> Result<(), String> {
    let scene = Scene::set(cluster).await;
    let Scene { cluster, sockets, board, .. } = &scene;
    let Company { ceo, ann, bob, .. } = &cluster.company;
    connect(sockets, CEO[0], ceo).await;
    connect(sockets, CEO[1], &cluster.there(ceo)).await;
    // Each hears the other, at least where they are, as long as both may.
    scene.is_heard(ANN[0], ann, BOB[0]).await;
    scene.is_heard(ANN[1], ann, BOB[1]).await;
    scene.is_heard(BOB[0], bob, CEO[0]).await;
    scene.is_heard(BOB[1], bob, CEO[1]).await;
    cluster.settle().await;
    let silence = Silence::begin(&cluster.database).await;

    let remove = json!({ "remove": [bob.user_id()] });
    ceo.post(&format!("/api/channels/{board}/members"), remove).await.expect(200);
    let removed = Instant::now();
    let before = CEO.map(|id| typed(sockets, id, bob));
    let accepted = scene.types_no_more(removed).await?;
    scene.is_outside(bob).await?;
    // Neither does anybody else, whom they might hear.
    let heard = BOB.map(|id| typed(sockets, id, ann));
    for id in ANN {
        let answer = scene.type_at(id).await;
        assert_eq!((&answer["ok"], &answer["temporary"]), (&json!(false), &json!(true)), "{id}");
    }
    let say = json!({ "channelId": board, "content": "among us" });
    let said = sockets.emit(ANN[0], "message.send", &say).await;
    assert_eq!(said["ok"], true, "{said}");

    // The log says it at last. What was said since is for those who stayed.
    scene.end(silence).await;
    scene.is_heard(ANN[0], ann, CEO[0]).await;
    scene.is_heard(ANN[1], ann, CEO[1]).await;
    for id in BOB {
        // What they were sent before comes before this answer.
        let answer = scene.type_at(id).await;
        assert_eq!(answer["error"]["code"], NOT_FOUND, "{id}: {answer}");
    }
    let said = &said["data"]["id"];
    let is_said = |id: &str| sockets.events(id).iter().any(|event| event["data"]["id"] == *said);
    assert_eq!(BOB.map(|id| typed(sockets, id, ann)), heard, "they are heard by whoever left");
    assert!(CEO.into_iter().all(is_said) && !BOB.into_iter().any(is_said));
    for (id, before) in CEO.into_iter().zip(before) {
        let heard = typed(sockets, id, bob) - before;
        assert!(heard <= accepted, "{id} heard {heard} of {accepted}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_from_a_channel_while_nobody_writes_the_log_is_outside_at_every_node() {
    holds(stays_outside).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lets_who_was_removed_type_on_is_convicted() {
    assert_eq!(of_a_broken_one(stays_outside).await, "bob there still types");
}
