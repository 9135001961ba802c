//! Who has to go, or is somebody else by now, though the log does not say so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use sayso_access::{Ctx, Role};
use sayso_db::{Effect, Stream};
use sayso_realtime::Inbound;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Person, REVOKED, SOON, Stage, channel};

const CHANGED: &str = "access.changed";
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3600);

async fn connect(sockets: &Sockets, id: &str, person: &Person, transport: &str) {
    let transports = &[transport];
    sockets
        .connect_and_wait(&Connect { id, person: &person.client, transports, resume: None })
        .await;
}

async fn until_count(sockets: &Sockets, id: &str, event: &str, count: usize) {
    let what = format!("{event} at {id}, {count} times");
    until(&what, SOON, async || (sockets.count(id, event) == count).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_ahead_of_the_log_closes_what_the_log_does_not_and_the_log_closes_it_no_more() {
    let stage = Stage::new().await;
    stage.trust_for(FOR_EVER).await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    for (id, transport) in [("ann", "websocket"), ("ann too", "polling")] {
        connect(&sockets, id, &ann, transport).await;
    }
    connect(&sockets, "bob", &bob, "websocket").await;
    let renewed = Effect::Reconnect { user: ann.actor.user_id, code: CHANGED.to_owned() };
    let ended = Effect::EndSession { session: bob.actor.session_id, code: REVOKED.name.to_owned() };

    stage.say_ahead(vec![renewed.clone(), ended]);

    let closed = sockets.until_heard("bob", "session.closed").await.payload;
    assert_eq!((&closed["code"], &closed["reconnect"]), (&json!(REVOKED.name), &json!(false)));
    for id in ["ann", "ann too"] {
        let closed = sockets.until_heard(id, "session.closed").await.payload;
        assert_eq!((&closed["code"], &closed["reconnect"]), (&json!(CHANGED), &json!(true)));
        until_count(&sockets, id, "ready", 2).await;
    }
    // The log says it at last: they have come back since.
    stage.happen(&Stream::Company, std::slice::from_ref(&renewed)).await;
    stage.happen(&Stream::Company, &[]).await;
    for id in ["ann", "ann too"] {
        until("both", SOON, async || (sockets.event_count(id) == 2).then_some(())).await;
        assert_eq!(sockets.count(id, "session.closed"), 1, "{id} was sent away twice");
    }
    // What no word spoke of is heard from the log.
    stage.stand.change(&ann, |standing| standing.as_mut().unwrap().role = Role::Manager);
    stage.happen(&Stream::Company, &[renewed]).await;
    for id in ["ann", "ann too"] {
        until_count(&sockets, id, "session.closed", 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_no_longer_be_there_goes_though_nothing_is_heard_and_nobody_while_none_can_say() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let people = [("ann", stage.person()), ("bob", stage.person()), ("carl", stage.person())];
    for (id, person) in &people {
        connect(&sockets, id, person, "websocket").await;
    }
    let [(_, ann), (_, bob), (_, carl)] = &people;
    stage.trust_for(Duration::ZERO).await;

    stage.is_gate_away.store(true, Ordering::SeqCst);
    stage.stand.change(ann, |standing| standing.as_mut().unwrap().role = Role::Manager);
    stage.stand.change(bob, |standing| *standing = Err(&REVOKED));
    let asked = || stage.stand.asked.load(Ordering::SeqCst);
    let before = asked();
    until("two looks in vain", SOON, async || (asked() > before + 2).then_some(())).await;
    let closed = |id| sockets.count(id, "session.closed");
    assert_eq!(people.each_ref().map(|(id, _)| closed(id)), [0, 0, 0]);
    stage.is_gate_away.store(false, Ordering::SeqCst);

    let back = sockets.until_heard("ann", "session.closed").await.payload;
    let away = sockets.until_heard("bob", "session.closed").await.payload;
    assert_eq!((&back["code"], &back["reconnect"]), (&json!(CHANGED), &json!(true)));
    assert_eq!((&away["code"], &away["reconnect"]), (&json!(REVOKED.name), &json!(false)));
    // One question for all of them, and carl may stay.
    until_count(&sockets, "ann", "ready", 2).await;
    let before = asked();
    until("two more looks", SOON, async || (asked() > before + 1).then_some(())).await;
    assert_eq!(people.each_ref().map(|(id, _)| closed(id)), [1, 1, 0]);
    assert!(stage.stand.known.lock()[&carl.actor.session_id].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_typing_while_nothing_is_heard_is_seen_to_have_stopped_afterwards() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    stage.happen(&channel(), &[ann.follow(&channel()), bob.follow(&channel())]).await;
    stage.settle().await;
    for (id, person) in [("ann", &ann), ("bob", &bob)] {
        connect(&sockets, id, person, "websocket").await;
    }
    let there = json!({ "channelId": Uuid::from_u128(77) });
    stage.trust_for(FOR_EVER).await;
    sockets.emit("ann", "typing.start", &there).await;
    sockets.until_heard("bob", "typing.started").await;

    stage.trust_for(Duration::ZERO).await;
    sockets.emit("ann", "typing.stop", &there).await;
    // What is said after it is heard: the end was not told.
    sockets.emit("ann", "presence.set", &json!({ "status": "busy" })).await;
    let is_busy = |heard: &Value| heard["status"] == "busy";
    until("ann is busy", SOON, async || {
        sockets.heard("bob").iter().any(|it| is_busy(&it.payload)).then_some(())
    })
    .await;
    assert_eq!(sockets.count("bob", "typing.stopped"), 0);
    stage.trust_for(FOR_EVER).await;

    let stopped = sockets.until_heard("bob", "typing.stopped").await.payload;
    assert_eq!(stopped["userId"], json!(ann.actor.user_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_is_done_as_who_they_are_by_then_or_not_at_all() {
    let mut inbound = Inbound::default();
    let role = |ctx: Ctx, _: Value| {
        async move { Ok(json!({ "as": ctx.actor.map(|actor| actor.role.as_str()) })) }.boxed()
    };
    inbound.on.insert("message.send", std::sync::Arc::new(role));
    let stage = Stage::with(inbound, |_| ()).await;
    stage.trust_for(FOR_EVER).await;
    let sockets = Sockets::start();
    let ann = stage.person();
    connect(&sockets, "ann", &ann, "websocket").await;
    let send = async || sockets.emit("ann", "message.send", &json!({})).await;
    let first = send().await;

    stage.stand.change(&ann, |standing| standing.as_mut().unwrap().role = Role::Manager);
    let second = send().await;
    stage.is_gate_away.store(true, Ordering::SeqCst);
    let unknown = send().await;
    stage.is_gate_away.store(false, Ordering::SeqCst);
    stage.stand.change(&ann, |standing| *standing = Err(&REVOKED));
    let refused = send().await;
    let past = json!({ "epoch": "any", "position": 0 });
    let unread = sockets.emit("ann", "events.replay", &past).await;

    assert_eq!((&first["data"]["as"], &second["data"]["as"]), (&json!("staff"), &json!("manager")));
    assert_eq!((&unknown["ok"], &unknown["temporary"]), (&json!(false), &json!(true)));
    for refused in [refused, unread] {
        assert_eq!(refused["error"]["code"], REVOKED.name, "{refused}");
        assert_eq!(refused["temporary"], false);
    }
    // What the handler answers is no message, and that is seen.
    assert_eq!(sockets.take_unfit().len(), 2);
}
