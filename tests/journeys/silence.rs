//! While nobody writes the log, and no node hears of another: whoever may no
//! longer be there is gone all the same, and what they send is not done.

use std::time::{Duration, Instant};

use sayso_db::tokio_postgres::Client as Connection;
use sayso_testkit::{Client, Connect, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::company::{Company, hire, open_channel, program_of};

const SOON: Duration = Duration::from_secs(30);

/// The lock of whoever writes the log, and how whoever holds it loses it.
const LOCK: &str = "SELECT pg_advisory_lock(7240115313)";
const END_LEADER: &str =
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
       AND ((l.classid::bigint << 32) | l.objid::bigint) = 7240115313 AND l.pid <> $1";

/// As long as this lives, nothing that is committed comes into the log.
struct Silence(
    #[expect(dead_code, reason = "the lock lives as long as its connection")] Connection,
);

impl Silence {
    async fn begin(database: &TestDatabase) -> Self {
        let (keeper, other) = (database.superuser().await, database.superuser().await);
        let pid: i32 = keeper.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        // Whoever waits for a lock gets it before whoever tries again later.
        let kept = tokio::spawn(async move {
            keeper.query_one(LOCK, &[]).await.unwrap();
            keeper
        });
        until("the lock", SOON, async || {
            other.query(END_LEADER, &[&pid]).await.unwrap();
            kept.is_finished().then_some(())
        })
        .await;
        Self(kept.await.unwrap())
    }
}

async fn connect(sockets: &Sockets, id: &str, person: &Client) {
    let connect = Connect { id, person, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;
}

/// Waits until both nodes know that the log may have more to say than they
/// have heard.
async fn until_behind(cluster: &Cluster) {
    let ceo = &cluster.company.ceo;
    let name = json!({ "name": "what waits for the log", "kind": "public" });
    ceo.post("/api/channels", name).await.expect(201);
    for node in [ceo, &cluster.there(ceo)] {
        until("a node to know that it is behind", SOON, async || {
            let stats = node.get("/api/cache/stats").await.expect(200);
            (stats["state"] == "behind").then_some(())
        })
        .await;
    }
}

/// What is answered to whoever may not send this; nothing, if their socket is
/// gone before.
async fn refused(sockets: &Sockets, id: &str, (event, data): (&str, &Value), code: &str) {
    tokio::select! {
        answer = sockets.emit(id, event, data) => {
            assert_eq!(answer["error"]["code"], code, "{id}: {answer}");
        }
        _ = sockets.until_heard(id, "session.closed") => {}
    }
}

/// Closed for this reason, so long after it had to be.
async fn closed(
    sockets: &Sockets,
    id: &str,
    since: Instant,
    (code, reconnect): (&str, bool),
) -> Duration {
    let closed = sockets.until_heard(id, "session.closed").await.payload;
    let took = since.elapsed();
    assert_eq!((&closed["code"], &closed["reconnect"]), (&json!(code), &json!(reconnect)), "{id}");
    took
}

const REVOKED: (&str, bool) = ("auth.session_revoked", false);
const CHANGED: (&str, bool) = ("access.changed", true);
const FORBIDDEN: &str = "access.forbidden";

/// A company at two nodes whose log falls silent, with people at both of them
/// who have just done what they may.
struct Scene {
    cluster: Cluster,
    sockets: Sockets,
    dan: Client,
    kim: Client,
    board: String,
    task: Value,
    /// In which time whoever has to go is gone, by what the nodes promise also
    /// in silence: a second, and what this machine needs.
    within: Duration,
    silence: Silence,
}

impl Scene {
    async fn set(cluster: Cluster) -> Self {
        let company = &cluster.company;
        let (ceo, ann, bob) = (&company.ceo, &company.ann, &company.bob);
        let (dan, kim) = (hire(ceo, "Dan", "staff").await, hire(ceo, "Kim", "ceo").await);
        let board = open_channel(ceo, "board", &[ann, bob]).await;
        let hall = ceo.post("/api/channels", json!({ "name": "hall", "kind": "public" })).await;
        let task = json!({ "title": "Choose a venue", "channelId": hall.expect(201)["id"] });
        let task = ceo.post("/api/tasks", task).await.expect(201)["id"].clone();
        // For bob a program is there as well; whatever is his ends with him.
        let program = program_of(bob, &["read", "write", "socket"]).await;
        cluster.settle().await;
        let sockets = Sockets::start();
        let everybody =
            [("ann", ann, ann), ("bob", bob, &program), ("dan", &dan, &dan), ("kim", &kim, &kim)];
        for (name, here, there) in everybody {
            connect(&sockets, &format!("{name} here"), here).await;
            connect(&sockets, &format!("{name} there"), &cluster.there(there)).await;
        }
        // What each node remembers of them from now on is that they may.
        let say = json!({ "channelId": board, "content": "still here" });
        for id in ["ann here", "ann there", "bob here", "bob there"] {
            assert_eq!(sockets.emit(id, "message.send", &say).await["ok"], true, "{id}");
        }
        for (version, id) in [(1, "kim here"), (2, "kim there")] {
            let edit = json!({ "taskId": task, "version": version, "title": id });
            assert_eq!(sockets.emit(id, "task.update", &edit).await["ok"], true, "{id}");
        }
        cluster.settle().await;
        // By one node: the other may hear of nothing but by looking now and then.
        let within = cluster.gone_within(&sockets, ["ann here", "kim here"]).await;
        let silence = Silence::begin(&cluster.database).await;
        Self { cluster, sockets, dan, kim, board, task, within, silence }
    }

    /// From now on the person may not send this any more; their sockets are
    /// gone in time, and nothing of it is done until then.
    async fn gone(&self, name: &str, sent: (&str, &Value), code: &str, closing: (&str, bool)) {
        let done = Instant::now();
        let ids = [format!("{name} here"), format!("{name} there")];
        for id in &ids {
            refused(&self.sockets, id, sent, code).await;
        }
        self.gone_since(done, name, closing).await;
    }

    /// Their sockets are gone in time, at both nodes.
    async fn gone_since(&self, done: Instant, name: &str, closing: (&str, bool)) {
        for id in &[format!("{name} here"), format!("{name} there")] {
            let took = closed(&self.sockets, id, done, closing).await;
            eprintln!("{id}: closed after {took:?} of {:?}", self.within);
            assert!(took < self.within, "{id}: {took:?} of {:?}", self.within);
        }
    }

    /// What they sent after they might was not done.
    async fn nothing_was_done(&self) {
        let ceo = &self.cluster.company.ceo;
        let said = ceo.get(&format!("/api/channels/{}/messages", self.board)).await.expect(200);
        assert_eq!(said["items"].as_array().unwrap().len(), 4, "{said}");
        let task = ceo.get(&format!("/api/tasks/{}", self.task.as_str().unwrap())).await;
        assert_eq!(task.expect(200)["title"], "kim there");
    }

    /// Kim comes back as who she is now, and the log sends her away no more.
    async fn kim_is_back(self, edit: (&str, &Value)) {
        let Self { cluster, sockets, silence, .. } = self;
        let ids = ["kim here", "kim there"];
        for id in ids {
            let is_back = async || (sockets.count(id, "ready") == 2).then_some(());
            until("her to be back", SOON, is_back).await;
            let answer = sockets.emit(id, edit.0, edit.1).await;
            assert_eq!(answer["error"]["code"], FORBIDDEN, "{id}: {answer}");
        }
        drop(silence);
        cluster.settle().await;
        let name = json!({ "name": "after all", "kind": "public" });
        let last = cluster.company.ceo.post("/api/channels", name).await.expect(201)["id"].clone();
        for id in ids {
            until("the last event", SOON, async || {
                sockets.events(id).iter().any(|event| event["data"]["id"] == last).then_some(())
            })
            .await;
            assert_eq!(sockets.count(id, "session.closed"), 1, "{id} was sent away twice");
        }
    }
}

async fn are_gone(cluster: Cluster) {
    let scene = Scene::set(cluster).await;
    let Company { ceo, ann, bob, .. } = &scene.cluster.company;
    let say = json!({ "channelId": scene.board, "content": "still here" });
    let say = ("message.send", &say);
    let edit = json!({ "taskId": scene.task, "version": 3, "title": "Mine" });
    let edit = ("task.update", &edit);

    // The first, who sends nothing: no node knows yet that the log has more to
    // say. It may be three quarters of a second before it does.
    scene.dan.post("/api/auth/logout", json!({})).await.expect(204);
    scene.gone_since(Instant::now(), "dan", REVOKED).await;
    until_behind(&scene.cluster).await;

    ann.post("/api/auth/logout", json!({})).await.expect(204);
    scene.gone("ann", say, REVOKED.0, REVOKED).await;
    let path = format!("/api/users/{}/deactivate", bob.user_id());
    scene.cluster.there(ceo).post(&path, json!({})).await.expect(200);
    scene.gone("bob", say, REVOKED.0, REVOKED).await;
    let path = format!("/api/users/{}", scene.kim.user_id());
    let version = ceo.get(&path).await.expect(200)["version"].clone();
    ceo.put(&path, json!({ "role": "staff", "version": version })).await.expect(200);
    scene.gone("kim", edit, FORBIDDEN, CHANGED).await;

    scene.nothing_was_done().await;
    scene.kim_is_back(edit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_be_there_is_gone_from_every_node_while_nobody_writes_the_log() {
    are_gone(Cluster::found().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_no_longer_be_there_is_gone_though_no_node_hears_of_another_either() {
    let cluster = Cluster::with(
        |setup| setup,
        |setup, redis| setup.env("REDIS_URL", redis.url()).env("SAYSO_REDIS__PREFIX", "alone"),
    );
    are_gone(cluster.await).await;
}
