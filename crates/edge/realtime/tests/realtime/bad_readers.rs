//! Clients that do not read.

use futures_util::{SinkExt, StreamExt};
use sayso_db::Stream;
use sayso_testkit::until;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::stage::{SOON, Stage};

/// A bare connection that has not said who it is.
pub(crate) async fn silent(stage: &Stage) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(stage.address).await.expect("it listens");
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", stage.address);
    client_async(url, stream).await.expect("it speaks WebSocket").0
}

/// One that has, and has heard nothing yet.
pub(crate) async fn bare(stage: &Stage, token: &str) -> WebSocketStream<TcpStream> {
    let mut socket = silent(stage).await;
    let hello = format!("40{}", json!({ "token": token }));
    socket.send(Message::text(hello)).await.expect("it listens");
    socket
}

/// One that is ready.
pub(crate) async fn websocket(stage: &Stage, token: &str) -> WebSocketStream<TcpStream> {
    let mut socket = bare(stage, token).await;
    loop {
        let message = socket.next().await.expect("it is open").expect("it is open");
        if message.to_text().is_ok_and(|text| text.starts_with("42[\"ready\"")) {
            return socket;
        }
    }
}

/// One that goes on after a place, and what it hears.
pub(crate) struct Resumed(WebSocketStream<TcpStream>);

pub(crate) async fn resumed(stage: &Stage, token: &str, position: i64) -> Resumed {
    let epoch = stage.epoch();
    let mut socket = silent(stage).await;
    let resume = json!({ "epoch": epoch, "position": position });
    let hello = format!("40{}", json!({ "token": token, "resume": resume }));
    socket.send(Message::text(hello)).await.expect("it listens");
    Resumed(socket)
}

impl Resumed {
    /// The next event but `ready`, as it came.
    pub(crate) async fn next(&mut self) -> (String, serde_json::Value) {
        loop {
            let message = self.0.next().await.expect("it is open").expect("it is open");
            let Some(text) = message.to_text().ok().and_then(|text| text.strip_prefix("42")) else {
                continue;
            };
            let mut event: serde_json::Value = serde_json::from_str(text).expect("JSON");
            if event[0] != "ready" {
                return (event[0].as_str().expect("a name").to_owned(), event[1].take());
            }
        }
    }
}

/// A client that polls by hand.
struct Polling {
    http: reqwest::Client,
    url: String,
}

impl Polling {
    /// Connects, and polls until it is ready.
    async fn new(stage: &Stage, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}/socket.io/?EIO=4&transport=polling", stage.url());
        let mut polling = Self { http, url };
        let opened = polling.poll().await.concat();
        let opened: serde_json::Value = serde_json::from_str(&opened[1..]).expect("JSON");
        polling.url = format!("{}&sid={}", polling.url, opened["sid"].as_str().expect("an id"));
        let hello = format!("40{}", json!({ "token": token }));
        polling.http.post(&polling.url).body(hello).send().await.expect("it listens");
        while !polling.poll().await.concat().contains("42[\"ready\"") {}
        polling
    }

    async fn get(&self) -> reqwest::Response {
        self.http.get(&self.url).send().await.expect("it listens")
    }

    /// The packets of one poll.
    async fn poll(&self) -> Vec<String> {
        let answer = self.get().await.error_for_status().expect("a session");
        let text = answer.text().await.expect("text");
        text.split('\u{1e}').map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_does_not_read_is_cut_and_others_are_not_held_up() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.person(), stage.person());
    let mut slow = websocket(&stage, &ann.token).await;
    let mut quick = websocket(&stage, &bob.token).await;
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while let Some(Ok(message)) = quick.next().await {
            count += usize::from(message.to_text().unwrap().starts_with("42[\"it.happened\""));
            if count == 1_000 {
                return (count, quick);
            }
        }
        (count, quick)
    });

    let padding = "x".repeat(20_000);
    for _ in 0..20 {
        stage.happen_often(&Stream::Company, &[], 50, &padding).await;
    }

    let (count, _quick) = tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    assert_eq!(count, 1_000);
    until("the slow one is gone", SOON, async || (stage.gateway.sockets() == 1).then_some(()))
        .await;
    assert!(!stage.presence.is_online(ann.actor.user_id));
    let rest = tokio::time::timeout(SOON, async { while let Some(Ok(_)) = slow.next().await {} });
    assert!(rest.await.is_ok(), "its connection still stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polling_client_that_does_not_poll_is_cut_and_its_next_poll_finds_no_session() {
    let stage = Stage::new().await;
    let ann = stage.person();
    let polling = Polling::new(&stage, &ann.token).await;

    stage.happen_often(&Stream::Company, &[], 200, "").await;

    stage.until_empty().await;
    assert!(!stage.presence.is_online(ann.actor.user_id));
    let late = polling.get().await;
    assert_eq!(late.status().as_u16(), 400);
    assert!(late.text().await.unwrap().contains("Session ID unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polling_client_never_gets_more_than_sixteen_packets_in_one_answer() {
    let stage = Stage::new().await;
    let ann = stage.person();
    let polling = Polling::new(&stage, &ann.token).await;
    stage.happen_often(&Stream::Company, &[], 100, "").await;

    let mut heard = 0;
    let all = tokio::time::timeout(SOON, async {
        while heard < 100 {
            let packets = polling.poll().await;
            assert!(packets.len() <= 16, "{}", packets.len());
            heard += packets.iter().filter(|packet| packet.contains("it.happened")).count();
        }
    });

    assert!(all.await.is_ok(), "only {heard} came");
}
