//! Joining, leaving, and never losing or doubling an event.

use std::time::Duration;

use sayso_db::{Effect, Stream};
use sayso_testkit::{Connect, Sockets, until};
use serde_json::json;

use crate::stage::{SOON, Stage, assert_no_hole, channel};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_heard_from_joining_to_leaving() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let connect =
        Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    stage.happen_often(&channel(), &[], 5, "").await;
    stage.happen(&ann.stream(), &[ann.follow(&channel())]).await;
    let joined = sockets.until_heard("a", "stream.joined").await.payload;
    stage.happen_often(&channel(), &[], 3, "").await;
    stage.happen(&ann.stream(), &[ann.unfollow(&channel())]).await;
    stage.happen_often(&channel(), &[], 3, "").await;
    stage.happen(&ann.stream(), &[]).await;
    until("the end is heard", SOON, async || (sockets.event_count("a") == 6).then_some(())).await;

    let expected = json!({ "stream": channel().to_string(), "seq": 5, "volatile": true });
    assert_eq!(joined, expected);
    assert_eq!(sockets.count("a", "stream.left"), 1);
    assert_no_hole(&sockets, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_closes_ends_for_everybody() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    stage.happen(&channel(), &[ann.follow(&channel()), bob.follow(&channel())]).await;
    // Else a socket may begin before it, and hears it too.
    stage.settle().await;
    for (id, person) in [("ann", &ann), ("bob", &bob)] {
        let connect =
            Connect { id, person: &person.client, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    stage.happen(&channel(), &[Effect::Close { stream: channel().to_string() }]).await;
    stage.happen(&channel(), &[]).await;
    stage.happen(&Stream::Company, &[]).await;

    for id in ["ann", "bob"] {
        until("the end is heard", SOON, async || (sockets.event_count(id) >= 2).then_some(()))
            .await;
        assert_eq!(sockets.events(id).len(), 2, "{id} heard {:?}", sockets.events(id));
        assert_eq!(sockets.count(id, "stream.left"), 1);
        assert_no_hole(&sockets, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_are_cut_again_and_again_under_load_miss_nothing() {
    let stage = Stage::with(Default::default(), |settings| {
        // Small, so that the seam is overtaken and begun again.
        settings.replay_buffer = 4;
        settings.replay_batch = 20;
    })
    .await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let transports: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];
    let ids = ["a", "b", "c"];
    for (id, transports) in ids.into_iter().zip(transports) {
        let connect = Connect { id, person: &ann.client, transports, resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    for round in 0..40 {
        let follow = if round % 4 == 0 { ann.follow(&channel()) } else { ann.unfollow(&channel()) };
        stage.happen(&ann.stream(), &[follow]).await;
        stage.happen_often(&channel(), &[], 7, "").await;
        stage.happen_often(&Stream::Company, &[], 25, "x").await;
        if round % 5 == 0 {
            sockets.leave(ids[round / 5 % 3]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if round % 5 == 0 {
            sockets.come_back(ids[round / 5 % 3]);
        }
    }
    stage.happen(&Stream::Company, &[]).await;
    let last = 40 * 25 + 1;

    for id in ids {
        let company = || {
            let events = sockets.events(id).into_iter();
            events.filter(|event| event["stream"] == "company")
        };
        // The last fact of the log is the company's.
        until("the end is heard", SOON, async || {
            (sockets.last_position(id) == stage.facts()).then_some(())
        })
        .await;
        assert_no_hole(&sockets, id);
        assert_eq!(company().count(), last, "{id}");
        assert!(sockets.count(id, "ready") > 1, "{id} was never cut");
        assert_eq!(sockets.count(id, "session.closed"), 0, "{id}");
        let has_recovered = |heard: &sayso_testkit::Heard| heard.payload["recovered"] == true;
        let ready = sockets.heard(id).into_iter().filter(|heard| heard.event == "ready");
        assert!(ready.skip(1).all(|heard| has_recovered(&heard)), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_fact_could_not_be_stored_everybody_begins_anew() {
    let stage = Stage::new().await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                  AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
                  CREATE TRIGGER refuse BEFORE INSERT ON event_log FOR EACH ROW
                  WHEN (NEW.data ->> 'padding' = 'broken') EXECUTE FUNCTION refuse()";
    stage.database.change(refuse).await;
    let (sockets, ann) = (Sockets::start(), stage.person());
    let connect =
        Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    // What nobody hears: that she is let out.
    stage.happen(&ann.stream(), &[ann.follow(&channel())]).await;
    stage.happen_often(&ann.stream(), &[ann.unfollow(&channel())], 1, "broken").await;

    until("she comes back", SOON, async || (sockets.count("a", "ready") == 2).then_some(())).await;
    let closed = sockets.heard("a").into_iter().find(|heard| heard.event == "session.closed");
    let closed = closed.expect("she was told why").payload;
    assert_eq!((&closed["code"], &closed["reconnect"]), (&json!("session.resync"), &json!(true)));
}
