//! Who is there and who is typing: told to those who share a channel, and to
//! nobody else.

use std::time::Duration;

use sayso_db::Stream;
use sayso_realtime::Inbound;
use sayso_testkit::{Connect, Sockets, until};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Person, SOON, Stage, channel};

async fn connect(sockets: &Sockets, id: &str, person: &Person) -> Value {
    let connect = Connect { id, person: &person.client, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await
}

/// What a socket heard of one kind, of one person.
fn heard_of(sockets: &Sockets, id: &str, kind: &str, person: &Person) -> Vec<Value> {
    let heard = sockets.heard(id).into_iter().filter(|heard| heard.event == kind);
    let mine = heard.map(|heard| heard.payload);
    mine.filter(|body| body["userId"] == json!(person.actor.user_id)).collect()
}

fn statuses(sockets: &Sockets, id: &str, person: &Person) -> Vec<String> {
    let heard = heard_of(sockets, id, "presence.changed", person).into_iter();
    heard.map(|body| body["status"].as_str().expect("a status").to_owned()).collect()
}

async fn until_status(sockets: &Sockets, id: &str, person: &Person, status: &str) {
    until(status, SOON, async || {
        (statuses(sockets, id, person).last().map(String::as_str) == Some(status)).then_some(())
    })
    .await;
}

/// Ann and Bob share a channel; Cid shares nothing with them.
async fn company(stage: &Stage) -> (Person, Person, Person) {
    let (ann, bob, cid) = (stage.person(), stage.person(), stage.person());
    stage.happen(&channel(), &[ann.follow(&channel()), bob.follow(&channel())]).await;
    stage.settle().await;
    (ann, bob, cid)
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_is_told_to_those_who_share_a_channel_and_is_right_with_several_devices() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob, cid) = company(&stage).await;
    connect(&sockets, "ann", &ann).await;
    connect(&sockets, "cid", &cid).await;

    connect(&sockets, "phone", &bob).await;
    until_status(&sockets, "ann", &bob, "online").await;
    connect(&sockets, "desk", &bob).await;
    let said = sockets.emit("desk", "presence.set", &json!({ "status": "busy" })).await;
    until_status(&sockets, "ann", &bob, "busy").await;
    sockets.disconnect("phone");
    sockets.emit("desk", "presence.set", &json!({ "status": "online" })).await;
    until_status(&sockets, "ann", &bob, "online").await;
    sockets.disconnect("desk");
    until_status(&sockets, "ann", &bob, "offline").await;

    assert_eq!(said["data"]["status"], "busy");
    assert_eq!(statuses(&sockets, "ann", &bob), ["online", "busy", "online", "offline"]);
    for kind in ["user.connected", "user.disconnected"] {
        let heard = heard_of(&sockets, "ann", kind, &bob);
        assert_eq!(heard.len(), 1, "{kind}: {heard:?}");
        assert_eq!(heard[0]["volatile"], true);
        assert!(heard[0]["lastActiveAt"].is_string() && heard[0].get("position").is_none());
        assert_eq!(heard_of(&sockets, "cid", kind, &bob), [Value::Null; 0]);
    }
    assert_eq!(statuses(&sockets, "cid", &bob), [""; 0]);
    assert!(!stage.presence.is_online(bob.actor.user_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_sign_of_life_is_away_until_the_next() {
    let stage = Stage::with(Inbound::default(), |settings| settings.away_after_ms = 60_000).await;
    let sockets = Sockets::start();
    let (ann, bob, _) = company(&stage).await;
    connect(&sockets, "ann", &ann).await;
    connect(&sockets, "bob", &bob).await;
    until_status(&sockets, "ann", &bob, "online").await;

    stage.ctx.advance(Duration::from_secs(61));
    until_status(&sockets, "ann", &bob, "away").await;
    // What a program does by itself is none.
    let ack = sockets.emit("bob", "events.ack", &json!({ "position": 0 })).await;
    sockets.emit("bob", "typing.start", &json!({ "channelId": Uuid::from_u128(77) })).await;
    until_status(&sockets, "ann", &bob, "online").await;

    assert_eq!(ack["ok"], true);
    assert_eq!(statuses(&sockets, "ann", &bob), ["online", "away", "online"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_told_to_followers_alone_and_ends_by_word_or_by_silence() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let (ann, bob, cid) = company(&stage).await;
    for (id, person) in [("ann", &ann), ("bob", &bob), ("cid", &cid)] {
        connect(&sockets, id, person).await;
    }
    let there = json!({ "channelId": Uuid::from_u128(77) });

    for _ in 0..5 {
        assert_eq!(
            sockets.emit("ann", "typing.start", &there).await,
            json!({"ok": true, "data": {}})
        );
    }
    let started = sockets.until_heard("bob", "typing.started").await.payload;
    sockets.emit("ann", "typing.stop", &there).await;
    sockets.until_heard("bob", "typing.stopped").await;
    let hidden = sockets.emit("cid", "typing.start", &there).await;
    let absent =
        sockets.emit("cid", "typing.start", &json!({ "channelId": Uuid::from_u128(9) })).await;
    sockets.emit("ann", "typing.start", &there).await;
    until("silence", SOON, async || (sockets.count("bob", "typing.stopped") == 2).then_some(()))
        .await;

    let expected =
        json!({ "channelId": Uuid::from_u128(77), "userId": ann.actor.user_id, "volatile": true });
    assert_eq!(started, expected);
    assert_eq!(sockets.count("bob", "typing.started"), 2);
    assert_eq!(hidden["error"]["code"], "resource.not_found");
    assert_eq!(hidden["error"]["detail"], absent["error"]["detail"]);
    for id in ["ann", "cid"] {
        assert_eq!(sockets.count(id, "typing.started") + sockets.count(id, "typing.stopped"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_types_in_too_many_channels_at_once_is_told_so() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let ann = stage.person();
    let rooms: Vec<Uuid> = (1..=21).map(Uuid::from_u128).collect();
    let follows: Vec<_> = rooms.iter().map(|room| ann.follow(&Stream::Channel(*room))).collect();
    stage.happen(&ann.stream(), &follows).await;
    stage.settle().await;
    connect(&sockets, "ann", &ann).await;
    let begin = |room: &Uuid| {
        let there = json!({ "channelId": room });
        let sockets = &sockets;
        async move { sockets.emit("ann", "typing.start", &there).await }
    };

    let answers = futures_util::future::join_all(rooms.iter().map(begin)).await;
    let (refused, told) = answers.split_last().expect("there are some");

    assert!(told.iter().all(|answer| answer["ok"] == true), "{told:?}");
    let code = (&refused["error"]["code"], &refused["temporary"]);
    assert_eq!(code, (&json!("limits.too_many"), &json!(true)), "{refused}");
    sockets.emit("ann", "typing.stop", &json!({ "channelId": rooms[0] })).await;
    assert_eq!(begin(&rooms[20]).await["ok"], true, "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_at_once_are_told_of_in_few_packets() {
    let stage = Stage::new().await;
    let sockets = Sockets::start();
    let people: Vec<Person> = (0..60).map(|_| stage.person()).collect();
    let joins: Vec<_> = people.iter().map(|person| person.follow(&channel())).collect();
    stage.happen(&channel(), &joins).await;
    stage.settle().await;
    connect(&sockets, "0", &people[0]).await;

    let names: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for (id, person) in names.iter().zip(&people).skip(1) {
        let person = &person.client;
        sockets.connect(&Connect { id, person, transports: &["websocket"], resume: None });
    }
    let known = || {
        let mut known = std::collections::HashSet::new();
        for heard in sockets.heard("0") {
            let one = (heard.event == "presence.changed").then(|| vec![heard.payload.clone()]);
            let many = (heard.event == "presence.listed")
                .then(|| heard.payload["people"].as_array().cloned().unwrap_or_default());
            let all = one.or(many).unwrap_or_default().into_iter();
            known.extend(
                all.filter(|it| it["status"] == "online").map(|it| it["userId"].to_string()),
            );
        }
        known.len()
    };
    until("everybody is known", SOON, async || (known() == 60).then_some(())).await;

    assert!(sockets.count("0", "presence.changed") <= 60, "somebody was told of twice");
    stage.happen(&Stream::Company, &[]).await;
    until("the log goes on", SOON, async || (sockets.event_count("0") == 1).then_some(())).await;
}

/// How many packets a socket was sent of people who are away, and of how many
/// people they told.
fn told_away(sockets: &Sockets, id: &str) -> (usize, usize) {
    let heard = sockets.heard(id).into_iter();
    let people = heard.filter_map(|heard| match heard.event.as_str() {
        "presence.changed" => Some(vec![heard.payload]),
        "presence.listed" => heard.payload["people"].as_array().cloned(),
        _ => None,
    });
    let away = people.map(|all| all.iter().filter(|it| it["status"] == "away").count());
    away.filter(|count| *count > 0)
        .fold((0, 0), |(packets, people), count| (packets + 1, people + count))
}

/// Everybody in a channel of so many falls silent at once, then one of them is
/// back. Answers how many packets all of them together were sent for the one
/// change, and for the other.
async fn packets_in_a_channel_of(count: usize) -> (usize, usize) {
    let stage = Stage::with(Inbound::default(), |settings| settings.away_after_ms = 60_000).await;
    let sockets = Sockets::start();
    let people: Vec<Person> = (0..count).map(|_| stage.person()).collect();
    let joins: Vec<_> = people.iter().map(|person| person.follow(&channel())).collect();
    stage.happen(&channel(), &joins).await;
    stage.settle().await;
    let names: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    for (id, person) in names.iter().zip(&people) {
        connect(&sockets, id, person).await;
    }

    stage.ctx.advance(Duration::from_secs(61));
    for id in &names {
        until("news of everybody", SOON, async || {
            (told_away(&sockets, id).1 >= count).then_some(())
        })
        .await;
    }
    let sent = |of: &dyn Fn(&str) -> usize| names.iter().map(|id| of(id)).sum::<usize>();
    let for_all = sent(&|id| {
        let (packets, told) = told_away(&sockets, id);
        assert_eq!(told, count, "somebody was told of twice");
        packets
    });
    sockets.emit("0", "presence.set", &json!({ "status": "busy" })).await;
    for id in &names {
        until_status(&sockets, id, &people[0], "busy").await;
    }
    let busy = |id: &str| {
        let heard = heard_of(&sockets, id, "presence.changed", &people[0]);
        heard.iter().filter(|body| body["status"] == "busy").count()
    };
    (for_all, sent(&busy))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_presence_costs_in_a_channel_grows_as_the_people_in_it_and_not_as_their_pairs() {
    // Of so few each is told by itself: here the pairs are seen.
    assert_eq!(packets_in_a_channel_of(20).await, (20 * 20, 20));

    assert_eq!(packets_in_a_channel_of(50).await, (50, 50));
    assert_eq!(packets_in_a_channel_of(100).await, (100, 100));
}
