//! Each limit of a socket, at the real server: what is beyond it is counted
//! under its code.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, read, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::clients::metric;
use crate::company::{Company, open_channel};
use crate::held_up::HeldUp;

const SOON: Duration = Duration::from_secs(30);

async fn until_counted(who: &Client, name: &str, code: &str) {
    let name = format!("sayso_realtime_{name}_total{{{code}}}");
    until(&name, SOON, async || (metric(who, &name).await >= 1.0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_a_limit_is_counted_under_its_code() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_REALTIME__PAYLOAD_MAX_BYTES", "16384")
        .env("SAYSO_REALTIME__CONNECT_TIMEOUT_MS", "1000")
        .env("SAYSO_REALTIME__PING_INTERVAL_MS", "500")
        .env("SAYSO_REALTIME__PING_TIMEOUT_MS", "500")
        .env("SAYSO_REALTIME__SOCKETS_PER_PERSON_MAX", "2")
        .env("SAYSO_REALTIME__SOCKETS_MAX", "4")
        .env("SAYSO_REALTIME__EVENTS_IN_PER_SECOND", "10")
        .env("SAYSO_REALTIME__EVENTS_IN_BURST", "30");
    let company = Company::found(setup).await;
    let (ceo, ann) = (&company.ceo, &company.ann);
    let sockets = Sockets::start();
    let connect = |id, person, transports| Connect { id, person, transports, resume: None };

    // A packet that is too large.
    sockets.connect_and_wait(&connect("large", ceo, &["websocket"])).await;
    let large = json!({ "position": 0, "more": "x".repeat(20_000) });
    let emitted = sockets.emit("large", "events.ack", &large);
    tokio::select! {
        _ = emitted => panic!("it was answered"),
        _ = sockets.until_heard("large", "disconnect") => {}
    }
    until_counted(ceo, "gone", "code=\"socket.cut\"").await;
    sockets.disconnect("large");
    sends_too_much(ceo, &sockets).await;
    // One socket too many.
    for id in ["one", "two"] {
        sockets.connect_and_wait(&connect(id, ann, &["websocket"])).await;
    }
    sockets.connect(&connect("three", ann, &["websocket"]));
    until_counted(ceo, "closed", "code=\"limits.sockets_per_person\"").await;
    sockets.disconnect("three");
    // Transports on which nobody says anything, until there is no room. Those that
    // were sent away before may still take some.
    let open = "/socket.io/?EIO=4&transport=polling";
    let silent = std::cell::Cell::new(0);
    until("the node is full", SOON, async || match ceo.get(open).await.status.as_u16() {
        503 => (silent.get() > 0).then_some(()),
        _ => {
            silent.set(silent.get() + 1);
            None
        }
    })
    .await;
    until_counted(ceo, "refused", "code=\"limits.sockets_per_node\"").await;
    until_counted(ceo, "refused", "code=\"socket.no_hello\"").await;
    // One that does not answer.
    sockets.sleep();
    until_counted(ceo, "gone", "code=\"socket.silent\"").await;
    sockets.wake();
}

/// Channels one types in at the most.
const TYPING_MAX: usize = 20;

/// One socket that types in too many channels, sends more events than it may, a
/// flood of them, and what nests too deep.
async fn sends_too_much(ceo: &Client, sockets: &Sockets) {
    let mut rooms = Vec::new();
    for n in 0..=TYPING_MAX {
        rooms.push(open_channel(ceo, &format!("room {n}"), &[]).await);
    }
    let connect = Connect { id: "many", person: ceo, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;
    let typing: Vec<_> = rooms.iter().map(|room| json!({ "channelId": room })).collect();
    let told = join_all(typing.iter().map(|it| sockets.emit("many", "typing.start", it))).await;
    let (refused, told) = told.split_last().unwrap();
    assert!(told.iter().all(|answer| answer["ok"] == true), "{told:?}");
    assert_eq!(refused["error"]["code"], "limits.too_many", "{refused}");
    until_counted(ceo, "in_refused", "as=\"typing\"").await;

    let nothing = json!({});
    join_all((0..40).map(|_| sockets.emit("many", "no.such", &nothing))).await;
    until_counted(ceo, "in_refused", "as=\"answer\"").await;
    let flood = join_all((0..200).map(|_| sockets.emit("many", "no.such", &nothing)));
    tokio::select! {
        _ = flood => panic!("all of a flood was answered"),
        () = until_counted(ceo, "closed", "code=\"limits.too_many\"") => {}
    }
    until_counted(ceo, "in_refused", "as=\"flood\"").await;
    sockets.disconnect("many");

    let deep = (0..1_000).fold(json!(null), |inner, _| json!([inner]));
    sockets.connect_and_wait(&Connect { id: "deep", ..connect }).await;
    tokio::select! {
        _ = sockets.emit("deep", "no.such", &deep) => panic!("what nests so deep was answered"),
        closed = sockets.until_heard("deep", "session.closed") => {
            let closed = closed.payload;
            assert_eq!(closed["code"], "socket.unreadable", "{closed}");
            assert_eq!(closed["reconnect"], true, "{closed}");
        }
    }
    until_counted(ceo, "closed", "code=\"socket.unreadable\"").await;
    sockets.disconnect("deep");
}

/// Events that may wait for the one that is worked on.
const WAITING: usize = 64;
/// So many more are sent.
const TOO_MANY: usize = 10;

/// A company whose socket `ann` may send as much as it likes, and to whose
/// database a write may wait for a turn for longer than any event may take.
async fn patient() -> (TestDatabase, Company, String, Sockets) {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_REALTIME__EVENTS_IN_BURST", "1000")
        .env("SAYSO_DATABASE__LOCK_TIMEOUT_MS", "60000")
        .env("SAYSO_DATABASE__STATEMENT_TIMEOUT_MS", "60000");
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "board", &[&company.ann]).await;
    let sockets = Sockets::start();
    let (person, transports) = (&company.ann, &["websocket"][..]);
    sockets.connect_and_wait(&Connect { id: "ann", person, transports, resume: None }).await;
    (database, company, channel, sockets)
}

fn message(channel: &str, n: usize) -> Value {
    json!({ "channelId": channel, "content": n.to_string(), "clientId": format!("message {n}") })
}

/// What stands in a channel, the oldest first.
async fn contents(who: &Client, channel: &str) -> Vec<String> {
    let page = who.get(&format!("/api/channels/{channel}/messages?limit=100")).await.expect(200);
    let items = page["items"].as_array().unwrap().iter().rev();
    items.map(|item| item["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_for_which_there_is_no_room_are_refused_and_those_that_wait_are_done_in_order() {
    let (database, company, channel, sockets) = patient().await;
    let hold = HeldUp::begin(&database).await;
    let body = |n| message(&channel, n);
    let bodies: Vec<_> = (0..=WAITING + TOO_MANY).map(body).collect();

    let first = async { sockets.emit("ann", "message.send", &bodies[0]).await };
    let others = async {
        // The first is no longer among those that wait.
        hold.until_somebody_waits().await;
        let all = bodies[1..].iter().map(|body| sockets.emit("ann", "message.send", body));
        join_all(all).await
    };
    let release = async {
        let refused = "sayso_realtime_in_refused_total{as=\"answer\"}";
        until("all but one are there", SOON, async || {
            (metric(&company.ceo, refused).await >= TOO_MANY as f64).then_some(())
        })
        .await;
        hold.end().await;
    };
    let (first, others, ()) = tokio::join!(first, others, release);

    assert_eq!(first["ok"], true, "{first}");
    let (done, refused) = others.split_at(WAITING);
    assert!(done.iter().all(|answer| answer["ok"] == true), "{done:?}");
    for answer in refused {
        let told = (&answer["error"]["code"], &answer["error"]["status"], &answer["temporary"]);
        assert_eq!(told, (&json!("limits.too_many"), &json!(429), &json!(true)), "{answer}");
    }
    let in_order: Vec<String> = (0..=WAITING).map(|n| n.to_string()).collect();
    assert_eq!(contents(&company.ceo, &channel).await, in_order);
    // Nobody was sent away for it, and there is room again.
    let again = sockets.emit("ann", "message.send", &bodies[WAITING + 1]).await;
    assert_eq!(again["ok"], true, "{again}");
    assert_eq!(sockets.count("ann", "disconnect"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_takes_too_long_is_told_so_holds_up_no_other_and_happens_once() {
    let (database, company, channel, sockets) = patient().await;
    let hold = HeldUp::begin(&database).await;

    let late = sockets.emit("ann", "message.send", &message(&channel, 1)).await;
    let told = (&late["error"]["code"], &late["error"]["status"], &late["temporary"]);
    assert_eq!(told, (&json!("server.unavailable"), &json!(503), &json!(true)), "{late}");
    until_counted(&company.ceo, "in_refused", "as=\"late\"").await;
    let typing = json!({ "channelId": channel });
    assert_eq!(sockets.emit("ann", "typing.start", &typing).await["ok"], true);
    hold.end().await;
    let again = sockets.emit("ann", "message.send", &message(&channel, 1)).await;

    assert_eq!(again["ok"], true, "{again}");
    assert_eq!(contents(&company.ceo, &channel).await, ["1"]);
    assert_eq!(sockets.count("ann", "disconnect"), 0);
}

/// A WebSocket that a session is carried over to, by hand: short texts, masked
/// with nothing.
struct ByHand(reqwest::Upgraded);

impl ByHand {
    async fn say(&mut self, text: &str) {
        let len = u8::try_from(text.len()).unwrap();
        let frame = [&[0x81, 0x80 | len, 0, 0, 0, 0], text.as_bytes()].concat();
        self.0.write_all(&frame).await.unwrap();
    }

    async fn until_heard(&mut self, wanted: &str) {
        let mut heard = Vec::new();
        let all = async {
            while !String::from_utf8_lossy(&heard).contains(wanted) {
                assert!(self.0.read_buf(&mut heard).await.unwrap() > 0, "it ended: {heard:?}");
            }
        };
        tokio::time::timeout(SOON, all).await.unwrap();
    }
}

/// A session by hand that polls, and is ready: its id, and where it polls.
async fn polling(who: &Client) -> (String, String) {
    let polling = "/socket.io/?EIO=4&transport=polling";
    let opened = who.get(polling).await.text;
    let opened: Value = serde_json::from_str(&opened[1..]).unwrap();
    let sid = opened["sid"].as_str().unwrap().to_owned();
    let polling = format!("{polling}&sid={sid}");
    let hello = json!({ "token": who.login["accessToken"] });
    let said = who.request(Method::POST, &polling).body(format!("40{hello}"));
    assert_eq!(read(said).await.unwrap().text, "ok");
    until("it is ready", SOON, async || {
        who.get(&polling).await.text.contains("42[\"ready\"").then_some(())
    })
    .await;
    (sid, polling)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_websockets_for_one_session_the_first_goes_on_and_of_several_polls_none() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ann, channel) = (&company.ann, open_channel(&company.ceo, "board", &[&company.ann]).await);
    let (sid, _) = polling(ann).await;
    let upgrade = || {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
        let request = ann.request(Method::GET, &path).header("connection", "upgrade");
        let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
        request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send()
    };

    let all = join_all((0..3).map(|_| upgrade())).await.into_iter().map(Result::unwrap);
    let (mut taken, refused): (Vec<_>, Vec<_>) = all.partition(|it| it.status().as_u16() == 101);
    assert_eq!((taken.len(), refused.len()), (1, 2));
    for answer in refused {
        assert_eq!(answer.status().as_u16(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    let refused = "sayso_realtime_refused_total{code=\"socket.two_upgrades\"}";
    assert_eq!(metric(&company.ceo, refused).await, 2.0);

    let mut websocket = ByHand(taken.remove(0).upgrade().await.unwrap());
    websocket.say("2probe").await;
    websocket.until_heard("3probe").await;
    websocket.say("5").await;
    // Nor is one of use to whoever has changed over already.
    assert_eq!(upgrade().await.unwrap().status().as_u16(), 503);
    let path = format!("/api/channels/{channel}/messages");
    company.ceo.post(&path, json!({ "content": "over the new one" })).await.expect(201);
    websocket.until_heard("over the new one").await;

    let (_, polls) = polling(&company.bob).await;
    // As many as are sure to meet: each may take what has just come.
    let answers = join_all((0..4).map(|_| company.bob.get(&polls))).await;
    assert!(answers.iter().any(|it| it.status.as_u16() == 400), "{answers:?}");
    until_counted(&company.ceo, "gone", "code=\"socket.two_polls\"").await;
    assert_eq!(company.bob.get(&polls).await.status.as_u16(), 400, "the session is over");
}

/// Bytes of a packet at the most.
const PACKET_MAX: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_of_a_mebibyte_is_read_and_one_of_a_byte_more_ends_the_transport() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let sockets = Sockets::start();
    for transport in ["websocket", "polling"] {
        let person = &company.ann;
        let connect = Connect { id: transport, person, transports: &[transport], resume: None };
        sockets.connect_and_wait(&connect).await;
        // The acknowledgement of the first has the number 0, the second's 1.
        let around = "420[\"no.such\",\"\"]".len();
        let fits = json!("x".repeat(PACKET_MAX - around));
        let answer = sockets.emit(transport, "no.such", &fits).await;
        assert_eq!(answer["error"]["code"], "socket.unknown_event", "{transport}");
        assert_eq!(sockets.count(transport, "disconnect"), 0, "{transport}");

        let large = json!("x".repeat(PACKET_MAX - around + 1));
        tokio::select! {
            _ = sockets.emit(transport, "no.such", &large) => panic!("{transport}: answered"),
            _ = sockets.until_heard(transport, "disconnect") => {}
        }
        // A stock client comes back by itself, and goes on.
        let is_back = async || (sockets.count(transport, "ready") == 2).then_some(());
        until("it is back", SOON, is_back).await;
        let answer = sockets.emit(transport, "no.such", &json!({})).await;
        assert_eq!(answer["error"]["code"], "socket.unknown_event", "{transport}");
    }
    for code in ["socket.cut", "socket.bad_packet"] {
        until_counted(&company.ceo, "gone", &format!("code=\"{code}\"")).await;
        let name = format!("sayso_realtime_gone_total{{code=\"{code}\"}}");
        assert_eq!(metric(&company.ceo, &name).await, 1.0, "{code}");
    }
}
