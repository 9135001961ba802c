//! Clients that want too much: each limit has its code, and others go on.

use std::time::Duration;

use futures_util::{SinkExt, Stream as Incoming, StreamExt};
use sayso_db::Stream;
use sayso_realtime::Inbound;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::bad_readers::{bare, websocket};
use crate::stage::{SOON, Stage};

/// What comes until the connection ends.
async fn rest<S, E>(mut socket: S) -> Vec<String>
where
    S: Incoming<Item = Result<Message, E>> + Unpin,
{
    let all = async {
        let mut texts = Vec::new();
        while let Some(Ok(message)) = socket.next().await {
            texts.extend(message.to_text().ok().map(str::to_owned));
        }
        texts
    };
    tokio::time::timeout(SOON, all).await.expect("the connection still stands")
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_allowed_are_refused_and_a_flood_is_cut_and_others_go_on() {
    let stage = Stage::with(Inbound::default(), |settings| {
        settings.events_in_burst = 20;
        settings.events_in_per_second = 10;
    })
    .await;
    let sockets = Sockets::start();
    let (ann, bob, cid) = (stage.person(), stage.person(), stage.person());
    for (id, person) in [("bob", &bob), ("cid", &cid)] {
        let connect =
            Connect { id, person: &person.client, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    // A little too much is answered, each time.
    let nothing = json!({});
    let answers = (0..40).map(|_| sockets.emit("cid", "no.such", &nothing));
    let answers = futures_util::future::join_all(answers).await;
    let refused = answers.iter().filter(|it| it["error"]["code"] == "limits.too_many");
    assert!(refused.clone().all(|it| it["temporary"] == true && it["error"]["status"] == 429));
    assert!((1..=20).contains(&refused.count()));
    assert_eq!(sockets.count("cid", "disconnect"), 0);
    // A flood is cut.
    let (mut sink, stream) = websocket(&stage, &ann.token).await.split();
    let reading = tokio::spawn(rest(stream));

    for n in 0..10_000 {
        let packet = format!("42{n}[\"no.such\",{{}}]");
        if sink.send(Message::text(packet)).await.is_err() {
            break;
        }
    }

    let heard = tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    let count = |part: &str| heard.iter().filter(|text| text.contains(part)).count();
    assert!(count("socket.unknown_event") <= 25, "{}", count("socket.unknown_event"));
    // It is told why if that can still be told: what it does not read stands in
    // the way.
    if let Some(closed) = heard.iter().find(|text| text.contains("session.closed")) {
        assert!(closed.contains("limits.too_many"), "{closed}");
    }
    until("it is gone", SOON, async || (stage.gateway.sockets() == 2).then_some(())).await;
    let answer = sockets.emit("bob", "no.such", &json!({})).await;
    assert_eq!(answer["error"]["code"], "socket.unknown_event");
    stage.happen(&Stream::Company, &[]).await;
    until("bob hears", SOON, async || (sockets.event_count("bob") == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_so_many_sockets_and_a_node_too() {
    let stage = Stage::with(Inbound::default(), |settings| {
        settings.sockets_per_person_max = 2;
        settings.sockets_max = 4;
    })
    .await;
    let (ann, bob) = (stage.person(), stage.person());
    let _one = websocket(&stage, &ann.token).await;
    let _two = websocket(&stage, &ann.token).await;

    let third = rest(bare(&stage, &ann.token).await).await;
    let closed = third.iter().find(|text| text.contains("session.closed")).expect("it is told");
    let closed: Value = serde_json::from_str(&closed[2..]).unwrap();
    assert_eq!(closed[1]["code"], "limits.sockets_per_person");
    assert_eq!(closed[1]["reconnect"], true);
    assert!(closed[1]["retryAfterMs"].as_u64() >= Some(10_000));
    assert!(!third.iter().any(|text| text.contains("\"ready\"")));

    until("two are left", SOON, async || (stage.gateway.sockets() == 2).then_some(())).await;
    let _bob = [websocket(&stage, &bob.token).await, websocket(&stage, &bob.token).await];
    let url = format!("{}/socket.io/?EIO=4&transport=polling", stage.url());
    let full =
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    assert_eq!(full.status().as_u16(), 503);
    assert!(full.headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_too_deep_or_never_complete_ends_the_connection_and_nothing_else() {
    // What never completes ends when a ping is not answered.
    let stage = Stage::with(Inbound::default(), |settings| {
        settings.payload_max_bytes = 100_000;
        (settings.ping_interval_ms, settings.ping_timeout_ms) = (2_000, 2_000);
    })
    .await;
    let ann = stage.person();
    let deep = format!("42[\"no.such\",{}{}]", "[".repeat(40_000), "]".repeat(40_000));
    let bad = [
        ("large", format!("42[\"no.such\",\"{}\"]", "x".repeat(100_001))),
        ("deep", deep),
        ("binary", "451-[\"no.such\",{\"_placeholder\":true,\"num\":0}]".to_owned()),
        ("much binary", "45100-[\"no.such\"]".to_owned()),
        ("ack id", "4299999999999999999999999[\"no.such\"]".to_owned()),
        ("no packet", "4x".to_owned()),
    ];

    for (what, packet) in bad {
        let mut socket = websocket(&stage, &ann.token).await;
        // It may be cut before it has sent everything.
        let _cut = socket.send(Message::text(packet)).await;
        let closed = tokio::time::timeout(SOON, rest(socket)).await;
        assert!(closed.is_ok(), "{what}");
        stage.until_empty().await;
    }
    let mut socket = websocket(&stage, &ann.token).await;
    socket.send(Message::text("421[\"no.such\"]")).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().unwrap().starts_with("431") {
            return;
        }
    }
    panic!("the server no longer answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_transport_and_does_not_say_who_it_is_is_cut() {
    let stage = Stage::with(Inbound::default(), |settings| settings.connect_timeout_ms = 500).await;

    let silent = crate::bad_readers::silent(&stage).await;
    let heard = tokio::time::timeout(SOON, rest(silent)).await;

    assert!(heard.is_ok());
    stage.until_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_lives_on_while_its_session_is_refreshed_and_while_nobody_can_be_asked() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob) = (stage.person(), stage.person());
    for (id, person) in [("ann", &ann), ("bob", &bob)] {
        let connect =
            Connect { id, person: &person.client, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    let until_s = |seconds: u64| stage.ctx.clock.now() + Duration::from_secs(seconds);

    // Nobody can be asked: nobody is closed.
    let known = stage.renewed.lock().take();
    stage.ctx.advance(Duration::from_secs(1_000));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(sockets.count("ann", "session.closed") + sockets.count("bob", "session.closed"), 0);
    // Ann has refreshed in time, Bob has not.
    let mut known = known.unwrap();
    known.insert(ann.actor.session_id, until_s(500));
    *stage.renewed.lock() = Some(known);

    let closed = sockets.until_heard("bob", "session.closed").await.payload;
    assert_eq!(
        (&closed["code"], &closed["reconnect"]),
        (&json!("auth.token_expired"), &json!(true))
    );
    stage.happen(&Stream::Company, &[]).await;
    until("ann hears", SOON, async || (sockets.event_count("ann") == 1).then_some(())).await;
    assert_eq!(sockets.count("ann", "disconnect"), 0);
    stage.ctx.advance(Duration::from_secs(561));
    let closed = sockets.until_heard("ann", "session.closed").await.payload;
    assert_eq!(closed["code"], "auth.token_expired");
}
