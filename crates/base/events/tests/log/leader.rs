//! Who numbers: one at a time, and another when that one is gone or hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sayso_access::Role;
use sayso_db::tokio_postgres::Client;
use sayso_events::{Log, Resume};
use sayso_testkit::{Candidate, Node, TestCtx, TestDatabase, judge, until};
use tokio::task::JoinHandle;

use crate::things::{Ear, bump, database, head, logged_versions};

/// The design's promise, and what the test itself may need.
const HANDED_OVER_WITHIN: Duration = Duration::from_millis(3000);

/// Backends that hold the lock of the leader.
async fn leaders(client: &Client) -> Vec<i32> {
    let sql = "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
               WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
                 AND ((l.classid::bigint << 32) | l.objid::bigint) = 7240115313";
    let rows = client.query(sql, &[]).await.expect("locks can be read");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn leader(client: &Client) -> i32 {
    until("a leader", Duration::from_secs(5), async || leaders(client).await.first().copied()).await
}

fn candidate(database: &TestDatabase, seed: u64) -> Candidate {
    let limits = sayso_db::DbLimits::from(&Default::default());
    Candidate::seeded(&database.another_db(&limits), seed)
}

/// Somebody who writes all the time.
struct Writer {
    written: Arc<AtomicI32>,
    done: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Writer {
    fn start(database: &TestDatabase) -> Self {
        let (db, ctx) = (database.db().clone(), TestCtx::new().acting(Role::Staff));
        let (written, done) = (Arc::<AtomicI32>::default(), Arc::<AtomicBool>::default());
        let (count, until_done) = (Arc::clone(&written), Arc::clone(&done));
        let task = tokio::spawn(async move {
            while !until_done.load(Ordering::SeqCst) {
                bump(&db, &ctx, 1).await.expect("writing does not depend on the leader");
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { written, done, task }
    }

    async fn stop(self) -> i32 {
        self.done.store(true, Ordering::SeqCst);
        self.task.await.expect("the writer does not panic");
        self.written.load(Ordering::SeqCst)
    }
}

/// Waits until something that is written now is numbered, and says how long
/// that took.
async fn handover(database: &TestDatabase, stage: &TestCtx) -> Duration {
    let (started, ctx) = (Instant::now(), stage.acting(Role::Staff));
    let before = head(database).await;
    bump(database.db(), &ctx, 2).await.unwrap();
    let client = database.app().await;
    until("numbers after the handover", Duration::from_secs(10), async || {
        let sql = "SELECT 1 FROM event_log WHERE position > $1 AND data->>'id' = '2'";
        (!client.query(sql, &[&before]).await.unwrap().is_empty()).then_some(())
    })
    .await;
    started.elapsed()
}

/// At the end both nodes have heard everything once and in order.
async fn assert_all_heard(database: &TestDatabase, ears: &[&Ear]) {
    judge::assert_settled(database.db()).await;
    let head = head(database).await;
    for ear in ears {
        until("all events", Duration::from_secs(5), async || {
            (ear.positions().last() == Some(&head)).then_some(())
        })
        .await;
        assert_eq!(ear.positions(), (1..=head).collect::<Vec<_>>());
        assert_eq!(ear.resets(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_leads_and_when_its_connection_is_ended_one_leads_again() {
    let (database, stage) = (database().await, TestCtx::seeded(9));
    let watcher = database.superuser().await;
    let nodes = [candidate(&database, 1).start(), candidate(&database, 2).start()];
    let ears = [Ear::listen(&nodes[0].hub), Ear::listen(&nodes[1].hub)];
    leader(&watcher).await;
    for node in &nodes {
        until("the first head", Duration::from_secs(5), async || node.hub.applied()).await;
    }
    let writer = Writer::start(&database);

    for _ in 0..3 {
        let pid = leader(&watcher).await;
        watcher.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
        let took = handover(&database, &stage).await;
        assert!(took < HANDED_OVER_WITHIN, "nobody led for {took:?}");
        assert_eq!(leaders(&watcher).await.len(), 1);
    }

    let written = writer.stop().await;
    assert!(written > 0);
    assert_all_heard(&database, &[&ears[0], &ears[1]]).await;
    assert_eq!(logged_versions(&database, 1).await, (1..=written).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_nothing_to_do_keeps_its_connection_however_seldom_it_is_to_look() {
    let database = database().await;
    let watcher = database.superuser().await;
    let limits = sayso_db::DbLimits::from(&Default::default());
    let db = database.another_db(&limits);
    let _node = Candidate::polling(&db, 1, Duration::from_secs(10)).start();
    let pid = leader(&watcher).await;

    // Twice as long as PostgreSQL lets a leader be silent.
    let idle = Instant::now();
    until("three idle seconds", Duration::from_secs(30), async || {
        assert_eq!(leaders(&watcher).await, [pid], "after {:?}", idle.elapsed());
        (idle.elapsed() > Duration::from_secs(3)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_dies_the_other_leads() {
    let (database, stage) = (database().await, TestCtx::seeded(9));
    let watcher = database.superuser().await;
    let first = candidate(&database, 1).start();
    leader(&watcher).await;
    let second = candidate(&database, 2).start();
    let ear = Ear::listen(&second.hub);
    until("the first head", Duration::from_secs(5), async || second.hub.applied()).await;
    let writer = Writer::start(&database);
    until("some writes", Duration::from_secs(5), async || {
        (writer.written.load(Ordering::SeqCst) > 20).then_some(())
    })
    .await;

    drop(first);
    let took = handover(&database, &stage).await;

    assert!(took < HANDED_OVER_WITHIN, "nobody led for {took:?}");
    let written = writer.stop().await;
    assert_all_heard(&database, &[&ear]).await;
    assert_eq!(logged_versions(&database, 1).await, (1..=written).collect::<Vec<_>>());
}

/// A runtime of its own on a thread of its own, which can be stopped as
/// SIGSTOP stops a process: nothing in it moves, its connections stay open.
struct Freezable {
    node: Option<(Ear, JoinHandle<()>)>,
    freeze: tokio::sync::mpsc::UnboundedSender<mpsc::Receiver<()>>,
}

impl Freezable {
    async fn start(candidate: Candidate) -> Self {
        let (freeze, mut frozen) = tokio::sync::mpsc::unbounded_channel::<mpsc::Receiver<()>>();
        let (ear, hub) = (Ear::listen(&candidate.hub), candidate.hub.clone());
        let task = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let _node: Node = candidate.start();
                while let Some(thaw) = frozen.recv().await {
                    // Blocks the only thread of this runtime.
                    let _ = thaw.recv();
                }
            });
        });
        until("the first head", Duration::from_secs(5), async || hub.applied()).await;
        Self { node: Some((ear, task)), freeze }
    }

    /// Stops everything in it until the answer is dropped.
    fn freeze(&self) -> mpsc::Sender<()> {
        let (thaw, frozen) = mpsc::channel();
        self.freeze.send(frozen).expect("the runtime lives");
        thaw
    }

    async fn stop(mut self) -> Ear {
        let (ear, task) = self.node.take().expect("it is stopped once");
        drop(self);
        task.await.expect("the node does not panic");
        ear
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_hangs_the_other_leads_and_the_hung_one_wakes_up_harmless() {
    let (database, stage) = (database().await, TestCtx::seeded(9));
    let watcher = database.superuser().await;
    let hung = Freezable::start(candidate(&database, 1)).await;
    let first = leader(&watcher).await;
    let second = candidate(&database, 2).start();
    let ear = Ear::listen(&second.hub);
    until("the first head", Duration::from_secs(5), async || second.hub.applied()).await;
    let writer = Writer::start(&database);
    until("some writes", Duration::from_secs(5), async || {
        (writer.written.load(Ordering::SeqCst) > 20).then_some(())
    })
    .await;

    let thaw = hung.freeze();
    let took = handover(&database, &stage).await;
    assert!(took < HANDED_OVER_WITHIN, "nobody led for {took:?}");
    assert!(!leaders(&watcher).await.contains(&first));
    drop(thaw);
    handover(&database, &stage).await;

    let written = writer.stop().await;
    assert_eq!(leaders(&watcher).await.len(), 1);
    judge::assert_settled(database.db()).await;
    let head = head(&database).await;
    until("the woken node to catch up", Duration::from_secs(5), async || {
        (hung.node.as_ref()?.0.positions().last() == Some(&head)).then_some(())
    })
    .await;
    let woken = hung.stop().await;
    assert_all_heard(&database, &[&ear, &woken]).await;
    assert_eq!(logged_versions(&database, 1).await, (1..=written).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_database_cluster_is_another_epoch_and_old_cursors_are_refused() {
    let database = database().await;
    let (db, stage) = (database.db(), TestCtx::new());
    let (log, ctx) = (Log::new(db.clone()), stage.acting(Role::Staff));
    let user = ctx.user_id().expect("somebody acts");
    let node = candidate(&database, 1).start();
    bump(db, &ctx, 1).await.unwrap();
    judge::assert_settled(db).await;
    let before = log.attach(user, None).await.unwrap();
    let cursor = Resume { epoch: before.epoch.clone(), position: 1 };
    node.stop().await;

    // The same cluster: the same history.
    candidate(&database, 2).start().stop_when_leading(&database).await;
    assert_eq!(log.attach(user, Some(&cursor)).await.unwrap().refused, None);
    // As after a restore into another cluster.
    database.change("UPDATE log_head SET system_identifier = 'another'").await;
    let node = candidate(&database, 3).start();
    bump(db, &ctx, 1).await.unwrap();
    judge::assert_settled(db).await;

    let after = log.attach(user, Some(&cursor)).await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(after.refused, Some("epoch"));
    assert_eq!(after.head, 2, "positions go on");
    node.stop().await;
}

/// Lets a node lead once.
trait StopWhenLeading {
    async fn stop_when_leading(self, database: &TestDatabase);
}

impl StopWhenLeading for Node {
    async fn stop_when_leading(self, database: &TestDatabase) {
        leader(&database.superuser().await).await;
        self.stop().await;
    }
}

/// By then a leader has looked whether there is room ahead.
const LOOKED_AROUND: Duration = Duration::from_secs(7);

/// A backup reads the whole log for as long as it takes, and the log needs room
/// ahead meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_whole_log_does_not_stop_it_where_room_has_to_be_made() {
    let (database, stage) = (database().await, TestCtx::new());
    let node = Node::start(database.db());
    handover(&database, &stage).await;
    let mut reader = database.owner().await;
    let reading = reader.transaction().await.unwrap();
    reading
        .batch_execute("LOCK TABLE event_log, event_streams IN ACCESS SHARE MODE")
        .await
        .unwrap();

    // The next look of the leader wants a range that is not there yet.
    database.change("UPDATE log_head SET position = 260000").await;
    let wanted = "SELECT to_regclass('event_log_750000') IS NOT NULL";
    let began = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    while began.elapsed() < LOOKED_AROUND {
        // It would wait in vain for a log that stands still.
        handover(&database, &stage).await;
        pace.tick().await;
    }
    reading.rollback().await.unwrap();

    until("room for what comes", Duration::from_secs(20), async || {
        let row = database.app().await.query_one(wanted, &[]).await.unwrap();
        row.get::<_, bool>(0).then_some(())
    })
    .await;
    node.stop().await;
}
