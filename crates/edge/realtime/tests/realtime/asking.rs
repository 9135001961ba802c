//! How far a client has come, and asking for the past.

use sayso_db::Stream;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::json;

use crate::stage::{SOON, Stage, assert_no_hole, channel};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_keeps_nothing_goes_on_after_what_it_acknowledged_last() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let connect =
        Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;
    stage.happen_often(&Stream::Company, &[], 5, "").await;
    until("all is heard", SOON, async || (sockets.event_count("a") == 5).then_some(())).await;

    let acked = sockets.emit("a", "events.ack", &json!({ "position": 3 })).await;
    let older = sockets.emit("a", "events.ack", &json!({ "position": 2 })).await;
    let ahead = sockets.emit("a", "events.ack", &json!({ "position": 999 })).await;
    let wrong = sockets.emit("a", "events.ack", &json!({ "position": -1 })).await;
    sockets.disconnect("a");
    stage.until_empty().await;
    // Written when the socket went, for whichever node it comes back to.
    let kept = "SELECT position FROM socket_positions WHERE session_id = $1";
    let client = stage.database.app().await;
    until("it is written", SOON, async || {
        let row = client.query_opt(kept, &[&ann.actor.session_id.0]).await.unwrap();
        (row?.get::<_, i64>(0) == 3).then_some(())
    })
    .await;
    let again = Connect { id: "b", resume: Some(json!("acked")), ..connect };
    let ready = sockets.connect_and_wait(&again).await;
    until("the rest is heard", SOON, async || (sockets.event_count("b") >= 2).then_some(())).await;

    assert_eq!(acked["data"]["position"], 3);
    assert_eq!(older["ok"], true);
    assert_eq!(ahead["error"]["errors"][0]["code"], "position.ahead");
    assert_eq!(wrong["error"]["errors"][0]["pointer"], "#/position");
    assert_eq!((&ready["recovered"], &ready["position"]), (&json!(true), &json!(3)));
    assert_eq!(sockets.events("b").len(), 2);
    assert_no_hole(&sockets, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acknowledged_nothing_is_told_to_begin_anew() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let resume = Some(json!("acked"));
    let connect = Connect { id: "a", person: &ann.client, transports: &["polling"], resume };

    let ready = sockets.connect_and_wait(&connect).await;

    assert_eq!((&ready["recovered"], &ready["reason"]), (&json!(false), &json!("epoch")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_can_be_asked_for_in_parts_and_holds_only_what_is_followed_now() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    stage.happen_often(&channel(), &[], 3, "").await;
    stage.happen(&ann.stream(), &[ann.follow(&channel())]).await;
    stage.happen_often(&channel(), &[], 3, "").await;
    stage.happen_often(&Stream::Company, &[], 2, "").await;
    stage.settle().await;
    let connect =
        Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    let ready = sockets.connect_and_wait(&connect).await;
    let ask = async |position: i64, limit: i64| {
        let body = json!({ "epoch": ready["epoch"], "position": position, "limit": limit });
        sockets.emit("a", "events.replay", &body).await
    };

    let first = ask(0, 4).await["data"].clone();
    let rest = ask(first["position"].as_i64().unwrap(), 200).await["data"].clone();
    let ahead = ask(1_000, 200).await;
    let other = json!({ "epoch": "another", "position": 0 });
    let other = sockets.emit("a", "events.replay", &other).await;
    let much = ask(0, 201).await;

    let positions = |part: &serde_json::Value| -> Vec<i64> {
        let items = part["items"].as_array().unwrap().iter();
        items.map(|item| item["position"].as_i64().unwrap()).collect()
    };
    assert_eq!(positions(&first), [4, 5, 6, 7]);
    assert_eq!((&first["position"], &first["head"]), (&json!(7), &json!(9)));
    assert_eq!(positions(&rest), [8, 9]);
    assert_eq!((&rest["position"], &rest["epoch"]), (&json!(9), &ready["epoch"]));
    for (answer, reason) in [(&ahead, "ahead"), (&other, "epoch")] {
        assert_eq!(answer["error"]["code"], "events.resync_required");
        assert_eq!(answer["error"]["reason"], reason);
        assert_eq!(answer["error"]["status"], 410);
        assert_eq!(answer["error"]["current"]["head"], 9);
    }
    assert_eq!(much["error"]["errors"][0]["pointer"], "#/limit");
}
