//! Being let in, being refused, coming back, being sent away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sayso_db::{Effect, Stream};
use sayso_realtime::Inbound;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::json;

use crate::stage::{SOON, Stage, assert_no_hole};

const TRANSPORTS: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_says_why_and_leaves_nothing_behind() {
    // The Socket.IO server lets go of a refused socket after this time.
    let stage =
        Stage::with(Inbound::default(), |settings| settings.connect_timeout_ms = 1_000).await;
    let sockets = Sockets::start();
    let refused = [
        ("", "auth.token_missing"),
        ("nonsense", "auth.token_invalid"),
        ("expired", "auth.token_expired"),
        ("revoked", "auth.session_revoked"),
    ];

    for (token, code) in refused {
        for transports in TRANSPORTS {
            let id = format!("{code} {transports:?}");
            let person = stage.client_with(token);
            sockets.connect(&Connect { id: &id, person: &person, transports, resume: None });

            assert_eq!(sockets.until_heard(&id, "connect_error").await.payload, code);
        }
    }

    stage.until_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_ready_first_and_then_hears_what_happens() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();

    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = n.to_string();
        let connect = Connect { id: &id, person: &ann.client, transports, resume: None };
        let ready = sockets.connect_and_wait(&connect).await;

        assert_eq!(ready["userId"], json!(ann.actor.user_id));
        assert_eq!(ready["sessionId"], json!(ann.actor.session_id));
        assert_eq!(ready["recovered"], false);
        assert_eq!(ready["reason"], json!(null));
        assert_eq!(ready["streams"].as_array().unwrap().len(), 2);
    }
    assert!(stage.presence.is_online(ann.actor.user_id));
    stage.happen_often(&Stream::Company, &[], 30, "").await;
    stage.happen_often(&ann.stream(), &[], 30, "").await;
    for id in ["0", "1", "2"] {
        until("all is heard", SOON, async || (sockets.event_count(id) == 60).then_some(())).await;
        assert_no_hole(&sockets, id);
        assert_eq!(sockets.count(id, "replay"), 0);
        sockets.disconnect(id);
    }

    stage.until_empty().await;
    assert!(!stage.presence.is_online(ann.actor.user_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_hears_what_was_missed_in_packets_and_then_goes_on() {
    for transports in TRANSPORTS {
        come_back(transports, 450).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_node_no_longer_remembers_comes_from_the_log() {
    for transports in TRANSPORTS {
        come_back(transports, 6_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_python_comes_through_a_long_replay_over_polling() {
    let stage = Stage::new().await;
    let sockets = Sockets::python();
    let people = [stage.person(), stage.person(), stage.person()];
    let epoch = {
        let connect = Connect {
            id: "first",
            person: &people[0].client,
            transports: &["polling"],
            resume: None,
        };
        sockets.connect_and_wait(&connect).await["epoch"].clone()
    };
    for _ in 0..4 {
        stage.happen_often(&Stream::Company, &[], 150, "x").await;
    }
    stage.settle().await;

    for (n, person) in people.iter().enumerate() {
        let id = n.to_string();
        let resume = Some(json!({ "epoch": epoch, "position": 0 }));
        let connect = Connect { id: &id, person: &person.client, transports: &["polling"], resume };
        sockets.connect_and_wait(&connect).await;
    }
    for id in ["0", "1", "2", "first"] {
        until("all is heard", SOON, async || (sockets.event_count(id) >= 600).then_some(())).await;
        assert_eq!(sockets.event_count(id), 600, "{id}");
        assert_no_hole(&sockets, id);
        assert_eq!(sockets.count(id, "disconnect"), 0, "{id} did not get on");
    }
}

/// Misses so many events and hears them all.
async fn come_back(transports: &[&str], missed: usize) {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let connect = Connect { id: "a", person: &ann.client, transports, resume: None };
    let ready = sockets.connect_and_wait(&connect).await;
    sockets.disconnect("a");
    stage.until_empty().await;
    for _ in 0..missed / 150 {
        stage.happen_often(&Stream::Company, &[], 150, "").await;
    }
    stage.settle().await;

    let resume = Some(json!({ "epoch": ready["epoch"], "position": ready["position"] }));
    let again = Connect { id: "b", resume, ..connect };
    let ready = sockets.connect_and_wait(&again).await;
    let heard = async |count| (sockets.event_count("b") >= count).then_some(());
    until("all is heard", SOON, async || heard(missed).await).await;
    stage.happen(&Stream::Company, &[]).await;
    until("live", SOON, async || heard(missed + 1).await).await;

    assert_eq!(ready["recovered"], true);
    assert_eq!(sockets.events("b").len(), missed + 1);
    assert_no_hole(&sockets, "b");
    let packets: Vec<_> =
        sockets.heard("b").into_iter().filter(|heard| heard.event == "replay").collect();
    let more: Vec<bool> = packets.iter().map(|packet| packet.payload["more"] == true).collect();
    assert!(more.len() >= 3, "{more:?}");
    assert!(more.split_last().is_some_and(|(last, rest)| !last && rest.iter().all(|more| *more)));
    let sizes = packets.iter().map(|p| p.payload["events"].as_array().map_or(0, Vec::len));
    assert!(sizes.max() <= Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_go_on_is_told_why_and_begins_at_the_head() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let first = Connect { id: "a", person: &ann.client, transports: &["websocket"], resume: None };
    let ready = sockets.connect_and_wait(&first).await;
    stage.happen_often(&Stream::Company, &[], 5, "").await;
    stage.settle().await;
    // The log forgets what is old.
    let forget = "DELETE FROM event_streams WHERE position <= 3;
                  DELETE FROM event_log WHERE position <= 3";
    stage.database.superuser().await.batch_execute(forget).await.unwrap();
    let cursors = [
        ("too_old", json!({ "epoch": ready["epoch"], "position": 2 })),
        ("epoch", json!({ "epoch": "another", "position": 0 })),
        ("ahead", json!({ "epoch": ready["epoch"], "position": 1_000_000 })),
    ];

    for (reason, resume) in cursors {
        let again = Connect { id: reason, resume: Some(resume), ..first.clone() };
        let ready = sockets.connect_and_wait(&again).await;

        assert_eq!(ready["recovered"], false);
        assert_eq!(ready["reason"], reason);
        assert_eq!(sockets.count(reason, "replay"), 0);
        assert_eq!(sockets.event_count(reason), 0);
    }
    let last = Some(json!({ "epoch": ready["epoch"], "position": 3 }));
    let ready = sockets.connect_and_wait(&Connect { id: "last", resume: last, ..first }).await;
    assert_eq!(ready["recovered"], true, "the place just before the oldest leads on");
    until("the rest", SOON, async || (sockets.event_count("last") == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_sends_its_sockets_away_and_only_these() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = format!("ann {n}");
        let connect = Connect { id: &id, person: &ann.client, transports, resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    let other = Connect { id: "bob", person: &bob.client, transports: &["polling"], resume: None };
    sockets.connect_and_wait(&other).await;

    let code = "auth.session_revoked".to_owned();
    let end = Effect::EndSession { session: ann.actor.session_id, code };
    stage.happen(&ann.stream(), &[end]).await;

    for n in 0..TRANSPORTS.len() {
        let id = format!("ann {n}");
        let closed = sockets.until_heard(&id, "session.closed").await.payload;
        assert_eq!(closed, json!({ "code": "auth.session_revoked", "reconnect": false }));
        assert_eq!(sockets.until_heard(&id, "disconnect").await.payload, "io server disconnect");
    }
    until("one is left", SOON, async || (stage.gateway.sockets() == 1).then_some(())).await;
    assert_eq!(sockets.count("bob", "disconnect"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_rights_sends_the_sockets_of_the_person_back_in_and_only_these() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = format!("ann {n}");
        let connect = Connect { id: &id, person: &ann.client, transports, resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    let other = Connect { id: "bob", person: &bob.client, transports: &["polling"], resume: None };
    sockets.connect_and_wait(&other).await;

    let user = ann.actor.user_id;
    let renew = Effect::Reconnect { user, code: "access.changed".to_owned() };
    stage.happen(&ann.stream(), &[renew]).await;

    for n in 0..TRANSPORTS.len() {
        let id = format!("ann {n}");
        let closed = sockets.until_heard(&id, "session.closed").await.payload;
        assert_eq!(closed["code"], "access.changed");
        assert_eq!(closed["reconnect"], true);
        assert_ne!(sockets.until_heard(&id, "disconnect").await.payload, "io server disconnect");
    }
    assert_eq!(sockets.count("bob", "disconnect"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_let_in_while_a_signing_key_is_revoked_does_not_stay_and_comes_back() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let (ann, id, gateway) = (stage.person(), format!("ann {n}"), stage.gateway.clone());
        let revoke = move || gateway.disbelieve("auth.token_invalid");
        *stage.stand.meanwhile.lock() = Some(Box::new(revoke));
        sockets.connect(&Connect { id: &id, person: &ann.client, transports, resume: None });

        let closed = sockets.until_heard(&id, "session.closed").await.payload;
        assert_eq!(closed["code"], "auth.token_invalid", "{id}");
        assert_eq!(closed["reconnect"], true, "{id}");
        // Whoever shows who they are after it stays: they hear what happens then.
        sockets.until_heard(&id, "ready").await;
        stage.happen(&ann.stream(), &[]).await;
        until("the event", SOON, async || (sockets.event_count(&id) == 1).then_some(())).await;
        let heard: Vec<_> = sockets.heard(&id).into_iter().map(|heard| heard.event).collect();
        let told = heard.iter().filter(|event| ["ready", "session.closed"].contains(&&***event));
        assert_eq!(told.collect::<Vec<_>>(), ["session.closed", "ready"], "{heard:?}");
        sockets.disconnect(&id);
        stage.until_empty().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_cuts_the_transport_so_that_stock_clients_come_back() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = n.to_string();
        let connect = Connect { id: &id, person: &ann.client, transports, resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    stage.ctx.advance(Duration::from_secs(961));

    for id in ["0", "1", "2"] {
        let closed = sockets.until_heard(id, "session.closed").await.payload;
        assert_eq!(closed["code"], "auth.token_expired");
        assert_eq!(closed["reconnect"], true);
        until("it is back", SOON, async || (sockets.count(id, "ready") == 2).then_some(())).await;
        assert_ne!(sockets.until_heard(id, "disconnect").await.payload, "io server disconnect");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_tokens_cannot_be_checked_clients_are_not_refused_but_come_back() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    stage.is_gate_away.store(true, Ordering::SeqCst);

    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = n.to_string();
        sockets.connect(&Connect { id: &id, person: &ann.client, transports, resume: None });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.is_gate_away.store(false, Ordering::SeqCst);

    for id in ["0", "1", "2"] {
        sockets.until_heard(id, "ready").await;
        assert_eq!(
            sockets.heard(id).iter().filter(|heard| heard.payload == "server.unavailable").count(),
            0
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_and_lets_nobody_in() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    for (n, transports) in TRANSPORTS.into_iter().enumerate() {
        let id = n.to_string();
        let connect = Connect { id: &id, person: &ann.client, transports, resume: None };
        sockets.connect_and_wait(&connect).await;
    }

    stage.gateway.drain(Duration::from_secs(5)).await;

    assert_eq!(stage.gateway.sockets(), 0);
    for id in ["0", "1", "2"] {
        let closed = sockets.until_heard(id, "session.closed").await.payload;
        assert_eq!(closed["code"], "server.restarting");
        assert!(closed["retryAfterMs"].as_i64().unwrap() < 5_000);
        assert_ne!(sockets.until_heard(id, "disconnect").await.payload, "io server disconnect");
    }
    sockets.until_heard("0", "connect_error").await;
    assert_eq!(stage.gateway.sockets(), 0);
}
