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
/// How often a client of Python is refused at the most before it stays away. As
/// its driver sets it up it may wait for no time at all before its second and its
/// third try, and then it does not notice that it was told to stop.
const REFUSED_MAX: usize = 3;

/// The official clients, by their library.
pub type Libraries = [(&'static str, Sockets); 2];

/// Starts both.
pub fn libraries() -> Libraries {
    [("js", Sockets::start()), ("python", Sockets::python())]
}

/// Every kind of client: its driver, its name and its transport.
pub fn of_every_kind(
    libraries: &Libraries,
) -> impl Iterator<Item = (&Sockets, String, &'static str)> {
    libraries.iter().flat_map(|(library, sockets)| {
        TRANSPORTS.map(|transport| (sockets, format!("{library} {transport}"), transport))
    })
}

/// A company, a channel, and Ann's sockets of every kind, each in a session of
/// its own.
struct Scene {
    company: Company,
    channel: String,
    clients: Libraries,
    _database: TestDatabase,
}

impl Scene {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database);
        let setup = settings.iter().fold(setup, |setup, (name, value)| setup.env(name, *value));
        let company = Company::found(setup).await;
        let channel = open_channel(&company.ceo, "live", &[&company.ann]).await;
        Self { company, channel, clients: libraries(), _database: database }
    }

    /// With clients that are as patient as their libraries make them.
    async fn of_stock_clients() -> Self {
        let scene = Self::new(&[]).await;
        let clients = scene.clients.map(|(library, sockets)| (library, sockets.stock()));
        Self { clients, ..scene }
    }

    /// Every socket: its driver and its name.
    fn all(&self) -> impl Iterator<Item = (&Sockets, String, &'static str)> {
        of_every_kind(&self.clients)
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

    /// Connects a socket of Bob's by each library, to see others come back.
    async fn connect_bob(&self) {
        for (library, sockets) in &self.clients {
            let (person, transports) = (&self.company.bob, &["websocket"][..]);
            let id = format!("{library} bob");
            sockets.connect_and_wait(&Connect { id: &id, person, transports, resume: None }).await;
        }
    }

    /// Waits until Bob's sockets are ready for the so manieth time.
    async fn until_bob_is_back(&self, times: usize) {
        for (library, sockets) in &self.clients {
            let id = format!("{library} bob");
            until("bob is back", SOON, async || {
                (sockets.count(&id, "ready") >= times).then_some(())
            })
            .await;
        }
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

/// How often a socket was refused with this code.
pub fn refused(sockets: &Sockets, id: &str, code: &str) -> usize {
    let heard = sockets.heard(id).into_iter();
    heard.filter(|heard| heard.event == "connect_error" && heard.payload == code).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_a_kill_and_a_key_that_is_revoked_are_survived() {
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

    // None of their tokens has expired, so none is refreshed before it is refused.
    scene.company.server.run(&["keys", "rotate", "--revoke-old"], "").await;
    for (sockets, id, _) in scene.all() {
        until(&format!("{id} to be refused"), SOON, async || {
            (refused(sockets, &id, "auth.token_invalid") > 0).then_some(())
        })
        .await;
    }
    let ceo = Client::login(scene.company.ceo.base(), "ceo@example.com", PASSWORD).await;
    scene.write(&ceo, numbered(5)).await;
    scene.all_have_heard(20).await;
    for (sockets, id, _) in scene.all() {
        let closed = sockets.heard(&id).into_iter().rfind(|it| it.event == "session.closed");
        let closed = closed.expect("it was told why").payload;
        assert_eq!(closed["code"], "auth.token_invalid", "{id}");
    }
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

/// Nobody is waited for who does not answer.
const IMPATIENT: [(&str, &str); 2] =
    [("SAYSO_REALTIME__PING_INTERVAL_MS", "1000"), ("SAYSO_REALTIME__PING_TIMEOUT_MS", "1000")];

/// Waits until the server has given up everybody who sleeps; `ceo` may ask it.
async fn until_given_up(ceo: &Client) {
    until("the sleepers are given up", SOON, async || {
        (metric(ceo, "sayso_realtime_sockets ").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sleeps_until_the_token_has_expired_comes_back_with_another() {
    let settings = [&IMPATIENT[..], &[("SAYSO_AUTH__ACCESS_TTL_SECS", "5")]].concat();
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
    until_given_up(&ceo).await;
    let ceo = Client::login(scene.company.ceo.base(), "ceo@example.com", PASSWORD).await;
    scene.write(&ceo, numbered(5)).await;
    scene.clients.iter().for_each(|(_, sockets)| sockets.wake());

    scene.all_have_heard(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_logged_out_stays_away_though_others_come_back() {
    let mut scene = Scene::new(&[]).await;
    let sessions = scene.connect(&scene.company.server.url()).await;
    scene.connect_bob().await;

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
        scene.until_bob_is_back(round).await;
    }
    for (sockets, id, _) in scene.all() {
        let tries = sockets.count(&id, "connect") + sockets.count(&id, "connect_error");
        assert_eq!(tries, 1, "{id} tried to come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_while_its_client_was_away_gets_nothing_for_its_cursor() {
    let mut scene = Scene::new(&IMPATIENT).await;
    let sessions = scene.connect(&scene.company.server.url()).await;
    scene.connect_bob().await;
    let ready = scene.clients[0].1.until_heard("js websocket", "ready").await.payload;

    scene.clients.iter().for_each(|(_, sockets)| sockets.sleep());
    until_given_up(&scene.company.ceo).await;
    let so_far =
        |sockets: &Sockets, id: &str| (sockets.event_count(id), sockets.count(id, "ready"));
    let before: Vec<_> = scene.all().map(|(sockets, id, _)| so_far(sockets, &id)).collect();
    for session in &sessions {
        session.post("/api/auth/logout", json!({})).await.expect(204);
    }
    scene.write(&scene.company.ceo, numbered(3)).await;
    scene.clients.iter().for_each(|(_, sockets)| sockets.wake());
    // Nor does a cursor help that was written down.
    for ((sockets, id, transport), session) in scene.all().zip(&sessions) {
        let resume = Some(json!({ "epoch": ready["epoch"], "position": ready["position"] }));
        let (id, transports) = (format!("{id} again"), &[transport]);
        sockets.connect(&Connect { id: &id, person: session, transports, resume });
    }

    let revoked = "auth.session_revoked";
    for (sockets, id, _) in scene.all() {
        for id in [format!("{id} again"), id] {
            until(&format!("{id} to be refused"), SOON, async || {
                (refused(sockets, &id, revoked) > 0).then_some(())
            })
            .await;
        }
    }
    // Longer than any client waits: Bob comes back twice.
    scene.until_bob_is_back(2).await;
    scene.company.server.kill9();
    scene.company.server.restart().await;
    scene.until_bob_is_back(3).await;
    for ((sockets, id, _), before) in scene.all().zip(before) {
        let (again, is_python) = (format!("{id} again"), id.starts_with("python"));
        let most = if is_python { REFUSED_MAX } else { 1 };
        let times = refused(sockets, &id, revoked);
        assert!((1..=most).contains(&times), "{id} was refused {times} times");
        assert_eq!(refused(sockets, &again, revoked), 1, "{again}");
        assert_eq!((so_far(sockets, &id), so_far(sockets, &again)), (before, (0, 0)), "{id}");
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
