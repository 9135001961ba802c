//! Two nodes and the line between them: what one numbers the other hears, also
//! while Redis is killed, emptied or full.

use std::time::{Duration, Instant};

use sayso_access::SessionId;
use sayso_db::{Db, DbLimits, Effect};
use sayso_events::{Kept, Message};
use sayso_redis::{Redis, RedisLimits, cmd};
use sayso_testkit::{BusSetup, Candidate, Node, TestCtx, TestDatabase, TestRedis, judge, until};

use crate::things::{self, Ear, bump};

pub const SOON: Duration = Duration::from_secs(30);
/// Nodes that look by themselves this seldom hear by the bus or not at all.
const NEVER: Duration = Duration::from_secs(3600);
/// As in production.
pub const OFTEN: Duration = Duration::from_millis(250);

/// One database, and two nodes on it of which the first leads.
pub struct Two {
    pub database: TestDatabase,
    pub leader: Option<Node>,
    pub other: Node,
    /// The database as each of them has it.
    pub dbs: [Db; 2],
    pub ears: [Ear; 2],
    pub setup: BusSetup,
    pub stage: TestCtx,
}

impl Two {
    pub async fn on(url: &str, poll: Duration) -> Self {
        let (prefix, kept) = (TestRedis::own_prefix(), Kept::default());
        Self::with(BusSetup { url: url.to_owned(), prefix, poll, kept }).await
    }

    async fn with(setup: BusSetup) -> Self {
        let two = Self::start(things::database().await, setup, [1, 2]).await;
        two.until_connected().await;
        two
    }

    /// On what is there, each node with randomness of its own. Nobody waits for
    /// Redis.
    pub async fn start(database: TestDatabase, setup: BusSetup, seeds: [u64; 2]) -> Self {
        let limits = DbLimits::from(&Default::default());
        let db = || Db::new(database.app_config(), &limits).unwrap();
        let dbs = [db(), db()];
        let leader = Candidate::on_bus(&dbs[0], seeds[0], &setup).start();
        leader.hub.wait_for(0).await;
        let other = Candidate::on_bus(&dbs[1], seeds[1], &setup).start();
        other.hub.wait_for(0).await;
        let ears = [Ear::listen(&leader.hub), Ear::listen(&other.hub)];
        let stage = TestCtx::seeded(seeds[0]);
        Self { database, leader: Some(leader), other, dbs, ears, setup, stage }
    }

    /// Until both nodes have their Redis and listen to each other.
    async fn until_connected(&self) {
        let redis = self.redis().await;
        let mut listeners = cmd("PUBSUB");
        listeners.arg("NUMSUB").arg(redis.name("line"));
        until("the line", SOON, async || {
            let told = redis.command::<(String, i64)>("listeners", &listeners).await;
            let is_heard = told.is_ok_and(|(_, count)| count == 2);
            (is_heard && self.other.hub.is_fresh()).then_some(())
        })
        .await;
    }

    pub async fn write(&self, db: usize, count: usize) {
        for _ in 0..count {
            bump(&self.dbs[db], &self.stage.system(), 1).await.unwrap();
        }
    }

    /// Waits until both have heard so many.
    pub async fn until_heard(&self, count: usize) {
        until("all of it at both nodes", SOON, async || {
            let heard = self.ears.iter().map(|ear| ear.positions().len()).min();
            (heard >= Some(count)).then_some(())
        })
        .await;
    }

    /// Both have heard every position once and in order.
    async fn assert_exact(&self, count: i64) {
        judge::assert_settled(self.database.db()).await;
        let all: Vec<i64> = (1..=count).collect();
        for ear in &self.ears {
            assert_eq!(ear.positions(), all);
            assert_eq!(ear.resets(), 0);
        }
    }

    pub async fn redis(&self) -> Redis {
        let limits =
            RedisLimits { timeout: Duration::from_secs(1), prefix: self.setup.prefix.clone() };
        let redis = Redis::new(&self.setup.url, limits).unwrap();
        tokio::spawn(redis.clone().keep(Default::default()));
        until("Redis", SOON, async || redis.is_up().then_some(())).await;
        redis
    }

    /// The positions that stand in the stream.
    async fn stream(&self, redis: &Redis) -> Vec<i64> {
        let epoch = self.other.hub.applied().unwrap().epoch;
        stream_of(redis, &epoch).await
    }
}

/// The positions that stand in the stream of a history.
pub async fn stream_of(redis: &Redis, epoch: &str) -> Vec<i64> {
    let mut range = cmd("XRANGE");
    range.arg(redis.name(&format!("log:{epoch}"))).arg("-").arg("+");
    let entries: Vec<(String, Vec<String>)> = redis.command("range", &range).await.unwrap();
    let position = |id: &str| id.split('-').next().unwrap().parse().unwrap();
    entries.iter().map(|(id, _)| position(id)).collect()
}

/// Says where the stream of a history ends.
pub async fn set_end(redis: &Redis, epoch: &str, position: i64) {
    let mut end = cmd("SET");
    end.arg(redis.name(&format!("log:{epoch}:last"))).arg(position);
    redis.command::<()>("set", &end).await.unwrap();
}

/// Forgets the events of a stream, and that it went on after this position.
pub async fn forget(redis: &Redis, epoch: &str, position: i64) {
    set_end(redis, epoch, position).await;
    let mut events = cmd("DEL");
    events.arg(redis.name(&format!("log:{epoch}")));
    redis.command::<i64>("del", &events).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_numbers_the_other_hears_by_the_bus_and_knows_that_it_is_all() {
    let two = Two::on(&TestRedis::shared_url(), NEVER).await;

    two.write(0, 40).await;
    let started = Instant::now();

    two.until_heard(40).await;
    // Neither looks by itself sooner than this.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    two.assert_exact(40).await;
    until("both to be fresh", SOON, async || two.other.hub.is_fresh().then_some(())).await;
    assert_eq!(two.stream(&two.redis().await).await, (1..=40).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_hardly_looks_is_woken_by_writes_of_other_nodes() {
    let two = Two::on(&TestRedis::shared_url(), NEVER).await;

    two.write(1, 20).await;

    two.until_heard(20).await;
    two.assert_exact(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_stops_the_other_leads_and_goes_on_with_the_stream() {
    let mut two = Two::on(&TestRedis::shared_url(), NEVER).await;
    two.write(0, 5).await;
    two.until_heard(5).await;

    two.leader.take().unwrap().stop().await;
    two.write(1, 5).await;

    until("the other to hear of it", SOON, async || {
        (two.ears[1].positions().len() == 10).then_some(())
    })
    .await;
    let redis = two.redis().await;
    until("the stream", SOON, async || {
        (two.stream(&redis).await == (1..=10).collect::<Vec<i64>>()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_dies_and_comes_back_empty_and_every_event_is_heard_once_and_in_order() {
    let mut server = TestRedis::start(&[]).await;
    let two = Two::on(&server.url(), OFTEN).await;
    two.write(0, 20).await;
    two.until_heard(20).await;

    server.kill9();
    two.write(0, 20).await;
    two.until_heard(40).await;
    server.start_again().await;
    two.write(0, 20).await;
    two.until_heard(60).await;
    let redis = two.redis().await;
    until("the bus again", SOON, async || {
        two.write(0, 1).await;
        (two.stream(&redis).await.len() > 2).then_some(())
    })
    .await;
    let written = i64::from(things::version(&two.database, 1).await);
    two.until_heard(usize::try_from(written).unwrap()).await;

    assert_eq!(server.ask(&["FLUSHALL"]).trim(), "OK");
    two.write(0, 20).await;

    two.until_heard(usize::try_from(written + 20).unwrap()).await;
    two.assert_exact(written + 20).await;
    // What stands in the stream has no hole, wherever it begins.
    let stream = two.stream(&redis).await;
    let first = *stream.first().unwrap();
    assert_eq!(stream, (first..=written + 20).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_in_the_stream_is_filled_up_from_the_log() {
    let two = Two::on(&TestRedis::shared_url(), OFTEN).await;
    two.write(0, 10).await;
    two.until_heard(10).await;
    let redis = two.redis().await;
    let epoch = two.other.hub.applied().unwrap().epoch;
    // As after a leader that died between its commit and the bus.
    forget(&redis, &epoch, 7).await;

    two.write(0, 1).await;

    two.until_heard(11).await;
    two.assert_exact(11).await;
    assert_eq!(two.stream(&redis).await, [8, 9, 10, 11]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_nothing_more_sends_nodes_to_the_log_at_once() {
    let server = TestRedis::start(&["maxmemory-policy noeviction"]).await;
    let two = Two::on(&server.url(), NEVER).await;
    two.write(0, 5).await;
    two.until_heard(5).await;

    assert_eq!(server.ask(&["CONFIG", "SET", "maxmemory", "1"]).trim(), "OK");
    let started = Instant::now();
    two.write(0, 20).await;
    two.until_heard(25).await;
    let took = started.elapsed();

    assert!(took < Duration::from_secs(4), "{took:?}");
    two.assert_exact(25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_is_told_to_other_nodes_before_anybody_numbers_it() {
    let two = Two::on(&TestRedis::shared_url(), OFTEN).await;
    let mut messages = two.other.hub.listen();
    let session = SessionId(uuid::Uuid::from_u128(7));
    let ended = vec![Effect::EndSession { session, code: "auth.session_revoked".to_owned() }];

    two.leader.as_ref().unwrap().hub.ended(ended.clone());

    let heard = tokio::time::timeout(SOON, messages.recv()).await.unwrap();
    let Some(Message::Ahead(effects)) = heard else { panic!("{heard:?}") };
    assert_eq!(*effects, ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_leaves_the_stream_and_so_does_what_is_too_much() {
    let of = |age, bytes| BusSetup {
        url: TestRedis::shared_url(),
        prefix: TestRedis::own_prefix(),
        poll: NEVER,
        kept: Kept { age, bytes },
    };
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(3600));
    for (setup, has_to_age) in [(of(short, usize::MAX), true), (of(long, 2_000), false)] {
        let two = Two::with(setup).await;
        two.write(0, 40).await;
        two.until_heard(40).await;
        let (redis, mut count) = (two.redis().await, 40);

        // Whatever comes trims: until none of those is there any more.
        until("the first forty to be gone", SOON, async || {
            two.write(0, 1).await;
            count += 1;
            let oldest = two.stream(&redis).await.first().copied();
            (oldest > Some(40)).then_some(())
        })
        .await;

        assert!(has_to_age || count > 41, "what fits in stays: {count}");
        two.until_heard(count).await;
        two.assert_exact(i64::try_from(count).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_of_redis_nodes_hear_each_other_whichever_server_has_the_keys() {
    let servers = TestRedis::cluster().await;
    // Names that fall to each of the three: all are found by the first.
    for prefix in ["north", "south", "east"] {
        let (url, prefix) = (servers[0].url(), prefix.to_owned());
        let two = Two::with(BusSetup { url, prefix, poll: NEVER, kept: Kept::default() }).await;
        two.write(0, 10).await;
        two.write(1, 10).await;

        two.until_heard(20).await;
        two.assert_exact(20).await;
        let redis = two.redis().await;
        assert_eq!(two.stream(&redis).await, (1..=20).collect::<Vec<i64>>());
    }
    let holds = |server: &TestRedis| server.ask(&["DBSIZE"]).trim() != "0";
    assert!(servers.iter().all(holds));
}
