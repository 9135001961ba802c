//! A company at two nodes whose log falls silent, and what is asked of both.

use std::time::{Duration, Instant};

use sayso_db::tokio_postgres::Client as Connection;
use sayso_testkit::{Client, Heard, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::clients::metric;
use crate::cluster::Cluster;
use crate::company::{connect, hire, open_channel, program_of};

pub const SOON: Duration = Duration::from_secs(30);

/// The lock of whoever writes the log, and how whoever holds it loses it.
const LOCK: &str = "SELECT pg_advisory_lock(7240115313)";
const END_LEADER: &str =
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
       AND ((l.classid::bigint << 32) | l.objid::bigint) = 7240115313 AND l.pid <> $1";

/// As long as this lives, nothing that is committed comes into the log.
pub struct Silence(
    #[expect(dead_code, reason = "the lock lives as long as its connection")] Connection,
);

impl Silence {
    pub async fn begin(database: &TestDatabase) -> Self {
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

/// Waits until both nodes know that the log may have more to say than they
/// have heard: something that was committed waits for its place.
pub async fn until_behind(cluster: &Cluster) {
    let ceo = &cluster.company.ceo;
    for node in [ceo, &cluster.there(ceo)] {
        until("a node to know that it is behind", SOON, async || {
            let stats = node.get("/api/cache/stats").await.expect(200);
            (stats["state"] == "behind").then_some(())
        })
        .await;
    }
}

/// Waits until both nodes tell whoever watches them that what was committed
/// waits for its place for so long.
pub async fn until_lag(cluster: &Cluster, is_so: impl Fn(f64) -> bool) {
    let ceo = &cluster.company.ceo;
    for node in [ceo, &cluster.there(ceo)] {
        until("a node to tell how long facts wait", SOON, async || {
            is_so(metric(node, "sayso_sequencer_lag_seconds ").await).then_some(())
        })
        .await;
    }
}

/// A code by which a socket is closed, and whether it is to come back.
pub type Closing = (&'static str, bool);

/// A company at two nodes, with people at both of them who have just done what
/// they may.
pub struct Scene {
    pub cluster: Cluster,
    pub sockets: Sockets,
    pub dan: Client,
    pub kim: Client,
    pub board: String,
    pub task: Value,
    /// In which time whoever has to go is gone, by what the nodes promise also
    /// in silence: a second, and what this machine needs.
    pub within: Duration,
}

impl Scene {
    pub async fn set(cluster: Cluster) -> Self {
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
        Self { cluster, sockets, dan, kim, board, task, within }
    }

    /// From now on the person may not send this any more; their sockets are
    /// gone in time, and nothing of it is done until then.
    pub async fn gone(
        &self,
        name: &str,
        sent: (&str, &Value),
        code: &str,
        closing: Closing,
    ) -> Result<(), String> {
        let done = Instant::now();
        for id in [format!("{name} here"), format!("{name} there")] {
            self.refused(&id, sent, code).await?;
        }
        self.gone_since(done, name, closing).await
    }

    /// Their sockets are gone in time, at both nodes.
    pub async fn gone_since(
        &self,
        done: Instant,
        name: &str,
        closing: Closing,
    ) -> Result<(), String> {
        for id in [format!("{name} here"), format!("{name} there")] {
            self.closed(&id, done, closing).await?;
            eprintln!("{id}: closed after {:?} of {:?}", done.elapsed(), self.within);
        }
        Ok(())
    }

    /// This socket is told that it has to go, in time after `done`; when it was.
    pub async fn closed(
        &self,
        id: &str,
        done: Instant,
        (code, reconnect): Closing,
    ) -> Result<i64, String> {
        let heard = self.sockets.until_heard(id, "session.closed");
        let left = self.within.saturating_sub(done.elapsed());
        let heard = tokio::time::timeout(left, heard).await;
        let Heard { payload, at, .. } = heard.map_err(|_| format!("{id} is still there"))?;
        if (&payload["code"], &payload["reconnect"]) != (&json!(code), &json!(reconnect)) {
            return Err(format!("{id} was told {payload}"));
        }
        Ok(at)
    }

    /// What is answered to whoever may not send this; nothing, if their socket
    /// is gone before.
    pub async fn refused(
        &self,
        id: &str,
        (event, data): (&str, &Value),
        code: &str,
    ) -> Result<(), String> {
        tokio::select! {
            answer = self.sockets.emit(id, event, data) => {
                if answer["error"]["code"] == code {
                    Ok(())
                } else {
                    Err(format!("{id} was answered {answer}"))
                }
            }
            _ = self.sockets.until_heard(id, "session.closed") => Ok(()),
        }
    }

    /// The log goes on, and both nodes have caught up with it.
    pub async fn end(&self, silence: Silence) {
        drop(silence);
        self.cluster.settle().await;
    }
}
