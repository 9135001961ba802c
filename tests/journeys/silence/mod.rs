//! While nobody writes the log, and no node hears of another: whoever may no
//! longer be there is gone all the same, and what they send is not done.

mod keys;
mod rooms;
mod scene;

use std::time::Instant;

use sayso_testkit::{ProcessSetup, until};
use serde_json::{Value, json};

pub use scene::Silence;
use scene::{Closing, SOON, Scene, until_behind, until_lag};

use crate::cluster::Cluster;
use crate::company::Company;
use crate::faults::mutant_bin;

const REVOKED: Closing = ("auth.session_revoked", false);
const CHANGED: Closing = ("access.changed", true);
const FORBIDDEN: &str = "access.forbidden";

impl Scene {
    /// What they sent after they might was not done.
    async fn nothing_was_done(&self) {
        let ceo = &self.cluster.company.ceo;
        let said = ceo.get(&format!("/api/channels/{}/messages", self.board)).await.expect(200);
        assert_eq!(said["items"].as_array().unwrap().len(), 4, "{said}");
        let task = ceo.get(&format!("/api/tasks/{}", self.task.as_str().unwrap())).await;
        assert_eq!(task.expect(200)["title"], "kim there");
    }

    /// Kim comes back as who she is now, and the log sends her away no more.
    async fn kim_is_back(&self, silence: Silence, edit: (&str, &Value)) {
        let Self { cluster, sockets, .. } = self;
        let ids = ["kim here", "kim there"];
        for id in ids {
            let is_back = async || (sockets.count(id, "ready") == 2).then_some(());
            until("her to be back", SOON, is_back).await;
            let answer = sockets.emit(id, edit.0, edit.1).await;
            assert_eq!(answer["error"]["code"], FORBIDDEN, "{id}: {answer}");
        }
        self.end(silence).await;
        let name = json!({ "name": "after all", "kind": "public" });
        let last = cluster.company.ceo.post("/api/channels", name).await.expect(201)["id"].clone();
        for id in ids {
            until("the last event", SOON, async || {
                sockets.events(id).iter().any(|event| event["data"]["id"] == last).then_some(())
            })
            .await;
            assert_eq!(sockets.count(id, "session.closed"), 1, "{id} was sent away twice");
        }
    }
}

async fn are_gone(cluster: Cluster) -> Result<(), String> {
    let scene = Scene::set(cluster).await;
    until_lag(&scene.cluster, |seconds| seconds < 1.0).await;
    let silence = Silence::begin(&scene.cluster.database).await;
    let Company { ceo, ann, bob, .. } = &scene.cluster.company;
    let say = json!({ "channelId": scene.board, "content": "still here" });
    let say = ("message.send", &say);
    let edit = json!({ "taskId": scene.task, "version": 3, "title": "Mine" });
    let edit = ("task.update", &edit);

    // The first, who sends nothing: no node knows yet that the log has more to
    // say. It may be three quarters of a second before it does.
    scene.dan.post("/api/auth/logout", json!({})).await.expect(204);
    scene.gone_since(Instant::now(), "dan", REVOKED).await?;
    let name = json!({ "name": "what waits for the log", "kind": "public" });
    ceo.post("/api/channels", name).await.expect(201);
    until_behind(&scene.cluster).await;

    ann.post("/api/auth/logout", json!({})).await.expect(204);
    scene.gone("ann", say, REVOKED.0, REVOKED).await?;
    let path = format!("/api/users/{}/deactivate", bob.user_id());
    scene.cluster.there(ceo).post(&path, json!({})).await.expect(200);
    scene.gone("bob", say, REVOKED.0, REVOKED).await?;
    let path = format!("/api/users/{}", scene.kim.user_id());
    let version = ceo.get(&path).await.expect(200)["version"].clone();
    ceo.put(&path, json!({ "role": "staff", "version": version })).await.expect(200);
    scene.gone("kim", edit, FORBIDDEN, CHANGED).await?;

    scene.nothing_was_done().await;
    // Nobody leads: how long facts wait is told by those who try to.
    until_lag(&scene.cluster, |seconds| seconds > 1.0).await;
    scene.kim_is_back(silence, edit).await;
    until_lag(&scene.cluster, |seconds| seconds < 1.0).await;
    Ok(())
}

/// Two nodes that share a database, and hear nothing of each other.
pub async fn strangers() -> Cluster {
    Cluster::with(
        |setup| setup,
        |setup, redis| setup.env("REDIS_URL", redis.url()).env("SAYSO_REDIS__PREFIX", "alone"),
    )
    .await
}

/// The journey holds, whether the nodes hear of each other or not.
async fn holds(journey: impl AsyncFn(Cluster) -> Result<(), String>) {
    assert_eq!(journey(Cluster::found().await).await, Ok(()));
    assert_eq!(journey(strangers().await).await, Ok(()));
}

/// What the journey finds where the second node is a broken one.
async fn of_a_broken_one(journey: impl AsyncFn(Cluster) -> Result<(), String>) -> String {
    let cluster = Cluster::with(|setup| setup, |setup, _| broken(setup)).await;
    journey(cluster).await.expect_err("it is to be convicted")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_be_there_is_gone_from_every_node_while_nobody_writes_the_log() {
    assert_eq!(are_gone(Cluster::found().await).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_be_there_is_gone_though_no_node_hears_of_another_either() {
    assert_eq!(are_gone(strangers().await).await, Ok(()));
}

/// A build that heeds no word beside the log, and takes what it knows of the
/// log for all there is.
fn broken(setup: ProcessSetup) -> ProcessSetup {
    setup.bin(mutant_bin()).env("SAYSO_MUTANT", "log-alone")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_believes_the_log_alone_is_convicted_wherever_it_is() {
    let both = Cluster::with(broken, |setup, _| setup).await;
    assert_eq!(are_gone(both).await, Err("dan here is still there".to_owned()));

    assert_eq!(of_a_broken_one(are_gone).await, "dan there is still there");
}
