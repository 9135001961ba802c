//! The official clients of JavaScript and Python, unmodified, with the lines of
//! docs/events.md and nothing else: whatever happens, they come back and have
//! missed nothing, or stay away where they are not wanted.

use std::time::Duration;

use sayso_testkit::{
    Client, Connect, ProcessSetup, Proxy, Sockets, TestDatabase, Way, Weather, assert_unbroken,
    until,
};
use serde_json::json;

use crate::company::{Company, PASSWORD, open_channel};

const SOON: Duration = Duration::from_secs(60);
const TRANSPORTS: [&str; 2] = ["websocket", "polling"];

/// A company, a channel, and Ann's sockets of every kind, each in a session of
/// its own.
struct Scene {
    company: Company,
    channel: String,
    clients: [(&'static str, Sockets); 2],
    _database: TestDatabase,
}

impl Scene {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database);
        let setup = settings.iter().fold(setup, |setup, (name, value)| setup.env(name, *value));
        let company = Company::found(setup).await;
        let channel = open_channel(&company.ceo, "live", &[&company.ann]).await;
        let clients = [("js", Sockets::start()), ("python", Sockets::python())];
        Self { company, channel, clients, _database: database }
    }

    /// With clients that are as patient as their libraries make them.
    async fn of_stock_clients() -> Self {
        let scene = Self::new(&[]).await;
        let clients = scene.clients.map(|(library, sockets)| (library, sockets.stock()));
        Self { clients, ..scene }
    }

    /// Every socket: its driver and its name.
    fn all(&self) -> impl Iterator<Item = (&Sockets, String, &'static str)> {
        self.clients.iter().flat_map(|(library, sockets)| {
            TRANSPORTS.map(|transport| (sockets, format!("{library} {transport}"), transport))
        })
    }

    /// Connects every socket, at `url`; answers the sessions.
    async fn connect(&self, url: &str) -> Vec<Client> {
        let mut sessions = Vec::new();
        for (sockets, id, transport) in self.all() {
            let person = Client::login(self.company.ann.base(), "ann@example.com", PASSWORD).await;
            let person = person.through(url);
            let connect =
                Connect { id: &id, person: &person, transports: &[transport], resume: None };
            sockets.connect_and_wait(&connect).await;
            sessions.push(person);
        }
        sessions
    }

    async fn write(&self, who: &Client, contents: impl Iterator<Item = String>) {
        let path = format!("/api/channels/{}/messages", self.channel);
        for content in contents {
            who.post(&path, json!({ "content": content })).await.expect(201);
        }
    }

    /// Waits until every socket has heard so many messages; each heard them
    /// once, in order, and came back where it had stopped.
    async fn all_have_heard(&self, count: usize) {
        for (sockets, id, _) in self.all() {
            until(&format!("{count} messages at {id}"), SOON, async || {
                (sockets.count(&id, "message.sent") >= count).then_some(())
            })
            .await;
            assert_unbroken(sockets, &id);
            assert_eq!(sockets.count(&id, "message.sent"), count, "{id}");
            let readies = sockets.heard(&id).into_iter().filter(|heard| heard.event == "ready");
            let readies: Vec<_> = readies.skip(1).collect();
            assert!(!readies.is_empty(), "{id} did not have to come back");
            assert!(readies.iter().all(|ready| ready.payload["recovered"] == true), "{id}");
        }
    }
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| n.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_and_a_kill_are_survived() {
    let mut scene = Scene::new(&[]).await;
    scene.connect(&scene.company.server.url()).await;
    scene.write(&scene.company.ceo, numbered(5)).await;

    scene.company.server.stop().await;
    scene.company.server.restart().await;
    scene.write(&scene.company.ceo, numbered(5)).await;
    scene.all_have_heard(10).await;
    for (sockets, id, _) in scene.all() {
        let closed = sockets.until_heard(&id, "session.closed").await.payload;
        assert_eq!(closed["code"], "server.restarting", "{id}");
    }
    scene.company.server.kill9();
    scene.company.server.restart().await;
    scene.write(&scene.company.ceo, numbered(5)).await;

    scene.all_have_heard(15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_sent_away_and_comes_back_and_others_notice_nothing() {
    let scene = Scene::of_stock_clients().await;
    let proxy = Proxy::before(&scene.company.server.url()).await;
    scene.connect(&proxy.url()).await;
    let (_, js) = &scene.clients[0];
    let (person, transports) = (&scene.company.ceo, &["websocket"][..]);
    js.connect_and_wait(&Connect { id: "quick", person, transports, resume: None }).await;

    proxy.set(Weather::Stalled(Way::Down));
    // More than the buffers of both ends hold.
    let long = "🙂".repeat(9_000);
    scene.write(&scene.company.ceo, (0..250).map(|n| format!("{n} {long}"))).await;
    let slow = r#"sayso_realtime_closed_total{code="session.slow_reader"}"#;
    until("all are sent away", SOON, async || {
        (metric(&scene.company.ceo, slow).await >= 4.0).then_some(())
    })
    .await;
    assert!(proxy.fired() > 0);
    proxy.set(Weather::Fair);

    scene.all_have_heard(250).await;
    until("the quick one has all", SOON, async || {
        (js.count("quick", "message.sent") == 250).then_some(())
    })
    .await;
    assert_eq!(js.count("quick", "disconnect"), 0);
    assert_unbroken(js, "quick");
}

/// What the server says of itself.
pub async fn metric(who: &Client, name: &str) -> f64 {
    let text = who.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sleeps_until_the_token_has_expired_comes_back_with_another() {
    let settings = [
        ("SAYSO_AUTH__ACCESS_TTL_SECS", "5"),
        ("SAYSO_REALTIME__PING_INTERVAL_MS", "1000"),
        ("SAYSO_REALTIME__PING_TIMEOUT_MS", "1000"),
    ];
    let scene = Scene::new(&settings).await;
    let sessions = scene.connect(&scene.company.server.url()).await;

    scene.clients.iter().for_each(|(_, sockets)| sockets.sleep());
    for session in &sessions {
        until("the token to expire", SOON, async || {
            let reply = session.get("/api/auth/me").await;
            (reply.code() == "auth.token_expired").then_some(())
        })
        .await;
    }
    let ceo = Client::login(scene.company.ceo.base(), "ceo@example.com", PASSWORD).await;
    until("the sleepers are given up", SOON, async || {
        (metric(&ceo, "sayso_realtime_sockets ").await == 0.0).then_some(())
    })
    .await;
    let ceo = Client::login(scene.company.ceo.base(), "ceo@example.com", PASSWORD).await;
    scene.write(&ceo, numbered(5)).await;
    scene.clients.iter().for_each(|(_, sockets)| sockets.wake());

    scene.all_have_heard(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_logged_out_stays_away_though_others_come_back() {
    let mut scene = Scene::new(&[]).await;
    let sessions = scene.connect(&scene.company.server.url()).await;
    for (library, sockets) in &scene.clients {
        let (person, transports) = (&scene.company.bob, &["websocket"][..]);
        let id = format!("{library} bob");
        sockets.connect_and_wait(&Connect { id: &id, person, transports, resume: None }).await;
    }

    for session in &sessions {
        session.post("/api/auth/logout", json!({})).await.expect(204);
    }
    for (sockets, id, _) in scene.all() {
        let closed = sockets.until_heard(&id, "session.closed").await.payload;
        assert_eq!(closed, json!({ "code": "auth.session_revoked", "reconnect": false }), "{id}");
        let reason = sockets.until_heard(&id, "disconnect").await.payload;
        assert!(reason.as_str().unwrap().contains("server disconnect"), "{id}: {reason}");
    }
    // Longer than any client waits: two restarts from which Bob comes back.
    for round in 2..4 {
        scene.company.server.kill9();
        scene.company.server.restart().await;
        for (library, sockets) in &scene.clients {
            let id = format!("{library} bob");
            until("bob is back", SOON, async || {
                (sockets.count(&id, "ready") == round).then_some(())
            })
            .await;
        }
    }
    for (sockets, id, _) in scene.all() {
        let tries = sockets.count(&id, "connect") + sockets.count(&id, "connect_error");
        assert_eq!(tries, 1, "{id} tried to come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_while_its_client_was_away_gets_nothing_for_its_cursor() {
    let scene = Scene::new(&[]).await;
    let (_, js) = &scene.clients[0];
    let ann = Client::login(scene.company.ann.base(), "ann@example.com", PASSWORD).await;
    let connect = Connect { id: "ann", person: &ann, transports: &["websocket"], resume: None };
    let ready = js.connect_and_wait(&connect).await;

    js.leave("ann");
    js.until_heard("ann", "disconnect").await;
    // What was on its way when she came in.
    let heard = js.event_count("ann");
    ann.post("/api/auth/logout", json!({})).await.expect(204);
    scene.write(&scene.company.ceo, numbered(3)).await;
    js.come_back("ann");
    // Nor does a cursor help that was written down.
    let resume = Some(json!({ "epoch": ready["epoch"], "position": ready["position"] }));
    js.connect(&Connect { id: "again", resume, ..connect });

    for (id, heard) in [("ann", heard), ("again", 0)] {
        let refused = js.until_heard(id, "connect_error").await.payload;
        assert_eq!(refused, "auth.session_revoked", "{id}");
        assert_eq!(js.event_count(id), heard, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_python_whose_frames_are_cut_in_the_middle_loses_nothing() {
    let scene = Scene::new(&[]).await;
    let proxy = Proxy::before(&scene.company.server.url()).await;
    let (_, python) = &scene.clients[1];
    let person = scene.company.ann.through(&proxy.url());
    let connect = Connect { id: "ann", person: &person, transports: &["websocket"], resume: None };
    python.connect_and_wait(&connect).await;

    for cut in 1..=5 {
        proxy.set(Weather::CutAfter(1_000 + 300 * cut));
        scene
            .write(&scene.company.ceo, (0..10).map(|n| format!("{cut}-{n} {}", "x".repeat(400))))
            .await;
        until("the cut", SOON, async || (proxy.fired() >= cut).then_some(())).await;
        // A client of Python whose handshake is cut may never try again.
        proxy.set(Weather::Fair);
        let back = usize::try_from(cut).unwrap() + 1;
        until("her return", SOON, async || (python.count("ann", "ready") >= back).then_some(()))
            .await;
    }

    until("all is heard", SOON, async || (python.count("ann", "message.sent") >= 50).then_some(()))
        .await;
    assert_eq!(python.count("ann", "message.sent"), 50);
    assert!(python.count("ann", "ready") > 3, "{}", python.count("ann", "ready"));
    assert_unbroken(python, "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_other_namespace() {
    let scene = Scene::new(&[]).await;
    let url = scene.company.server.url();
    let nobody = Client::anonymous(&url);
    let path = "/socket.io/?EIO=4&transport=polling";
    let opened = nobody.get(path).await;
    let opened: serde_json::Value = serde_json::from_str(&opened.text[1..]).unwrap();
    let path = format!("{path}&sid={}", opened["sid"].as_str().unwrap());

    let said = nobody.request(reqwest::Method::POST, &path).body("40/custom,");
    assert_eq!(sayso_testkit::read(said).await.unwrap().text, "ok");

    let told = nobody.get(&path).await.text;
    let refusal = r#"44/custom,{"message":"Invalid namespace"}"#;
    assert!(told.split('\u{1e}').any(|packet| packet == refusal), "{told}");
}
