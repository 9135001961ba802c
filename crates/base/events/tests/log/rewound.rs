//! An older copy of the database is laid in its place, as from a snapshot of its
//! volume: cluster and timeline stay, and only Redis has seen what is lost.

use sayso_access::UserId;
use sayso_events::{Log, Resume};
use sayso_redis::Redis;
use sayso_testkit::{BusSetup, TestDatabase, TestRedis, judge, until};
use uuid::Uuid;

use crate::bus::{OFTEN, SOON, Two, set_end, stream_of};
use crate::things::bump;

/// Writes before the end, of which the copy holds the first ten.
const WRITTEN: usize = 20;
/// What an older copy of a database with these writes lacks.
const GO_BACK: &str = "
    ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
    DELETE FROM audit_log WHERE position > 10;
    ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only;
    DELETE FROM event_streams WHERE position > 10;
    DELETE FROM event_log WHERE position > 10;
    UPDATE stream_heads h
    SET seq = (SELECT max(e.seq) FROM event_streams e WHERE e.stream = h.stream);
    UPDATE log_head SET position = 10, audit_seq = a.seq, audit_hash = a.hash
    FROM (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1) a;
    UPDATE things SET version = 10 WHERE id = 1";

/// A company whose database is gone back.
struct Rewound {
    database: TestDatabase,
    setup: BusSetup,
    redis: Redis,
    /// The name of the history that is lost.
    lost: String,
}

impl Rewound {
    /// All that was written stands in the stream.
    async fn after_writes(url: &str) -> Self {
        let two = Two::on(url, OFTEN).await;
        two.write(0, WRITTEN).await;
        two.until_heard(WRITTEN).await;
        let redis = two.redis().await;
        let lost = two.epoch();
        until_streamed(&redis, &lost, 1, 20).await;
        let Two { database, leader, other, setup, .. } = two;
        leader.unwrap().stop().await;
        other.stop().await;
        database.superuser().await.batch_execute(GO_BACK).await.unwrap();
        Self { database, setup, redis, lost }
    }
}

impl Two {
    /// The name of the history as the second node has it.
    fn epoch(&self) -> String {
        self.other.hub.applied().unwrap().epoch.to_string()
    }

    /// Waits until both nodes go by another history.
    async fn until_renamed(&self, lost: &str) {
        until("another history at both nodes", SOON, async || {
            let nodes = [self.leader.as_ref()?, &self.other];
            let is_another = |it: sayso_events::Position| *it.epoch != *lost;
            nodes.iter().all(|it| it.hub.applied().is_some_and(is_another)).then_some(())
        })
        .await;
    }

    /// Writes what is of no older history.
    async fn write_anew(&self, count: usize) {
        for _ in 0..count {
            bump(&self.dbs[0], &self.stage.system(), 2).await.unwrap();
        }
    }

    /// Both have heard what was written anew, and nothing of what is lost.
    fn assert_heard(&self, last: i64) {
        let versions = i32::try_from(last).unwrap() - 10;
        for ear in &self.ears {
            assert_eq!(ear.positions(), (11..=last).collect::<Vec<_>>());
            assert_eq!(ear.versions(), (1..=versions).collect::<Vec<_>>());
        }
    }
}

/// Waits until a stream begins and ends there.
async fn until_streamed(redis: &Redis, epoch: &str, first: i64, last: i64) {
    until(&format!("a stream from {first} to {last}"), SOON, async || {
        let stream = stream_of(redis, epoch).await;
        (stream == (first..=last).collect::<Vec<_>>()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_database_is_another_history_and_nothing_of_the_lost_one_is_heard() {
    let Rewound { database, setup, redis, lost } =
        Rewound::after_writes(&TestRedis::shared_url()).await;

    let two = Two::start(database, setup, [3, 4]).await;
    two.until_renamed(&lost).await;
    two.write_anew(5).await;
    two.until_heard(5).await;

    judge::assert_settled(two.database.db()).await;
    two.assert_heard(15);
    until_streamed(&redis, &two.epoch(), 11, 15).await;
    // Both histories have come so far: by its position it could go on.
    let cursor = Resume { epoch: lost, position: 15 };
    let somebody = UserId(Uuid::from_u128(7));
    let found = Log::new(two.dbs[0].clone()).attach(somebody, Some(&cursor)).await.unwrap();
    assert_eq!(found.refused, Some("epoch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_was_away_when_a_node_began_to_lead_is_asked_before_anything_is_added_to_it() {
    let server = TestRedis::start(&[]).await;
    let Rewound { database, setup, redis, lost } = Rewound::after_writes(&server.url()).await;

    server.hang();
    let two = Two::start(database, setup, [3, 4]).await;
    // More than was lost: by its positions alone the log has all that Redis has.
    two.write_anew(15).await;
    two.until_heard(15).await;
    server.go_on();
    two.until_renamed(&lost).await;
    two.write_anew(5).await;
    two.until_heard(20).await;

    judge::assert_settled(two.database.db()).await;
    two.assert_heard(30);
    until("Redis", SOON, async || redis.is_up().then_some(())).await;
    until_streamed(&redis, &two.epoch(), 26, 30).await;
    assert_eq!(stream_of(&redis, &lost).await, (1..=20).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_turns_out_to_have_seen_more_than_there_is_makes_another_history() {
    let two = Two::on(&TestRedis::shared_url(), OFTEN).await;
    two.write(0, 5).await;
    two.until_heard(5).await;
    let (redis, before) = (two.redis().await, two.epoch());
    until_streamed(&redis, &before, 1, 5).await;

    // As one that comes in the place of another has it.
    set_end(&redis, &before, 1_000).await;
    two.write(0, 1).await;
    two.until_renamed(&before).await;
    two.write(0, 5).await;

    until_streamed(&redis, &two.epoch(), 7, 11).await;
    assert_eq!(stream_of(&redis, &before).await, (1..=5).collect::<Vec<i64>>());
    judge::assert_settled(two.database.db()).await;
}
