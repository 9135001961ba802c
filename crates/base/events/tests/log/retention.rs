//! What is old leaves the log, and nothing else does.

use std::time::Duration;

use sayso_access::UserId;
use sayso_events::{Log, Resume, Retention};
use sayso_testkit::{Node, TestCtx, TestDatabase};
use uuid::Uuid;

use crate::things::{self, bump};

const DAY: Duration = Duration::from_secs(24 * 3600);
const SPAN: i64 = 250_000;

/// A log that stands in its fourth range, with a few events in each.
async fn long_log(stage: &TestCtx) -> TestDatabase {
    let database = things::database().await;
    let node = Node::start(database.db());
    for range in 0..4 {
        let skip = format!(
            "SELECT log_ensure_partitions({0});
             UPDATE log_head SET position = {0} WHERE position < {0}",
            range * SPAN
        );
        if range > 0 {
            database.change(&skip).await;
        }
        for _ in 0..3 {
            bump(database.db(), &stage.system(), 1).await.unwrap();
        }
        sayso_testkit::judge::settle(database.db()).await;
        stage.advance(Duration::from_secs(3600));
    }
    node.stop().await;
    database
}

async fn oldest(database: &TestDatabase) -> i64 {
    let sql = "SELECT min(position) FROM event_log";
    database.app().await.query_one(sql, &[]).await.unwrap().get(0)
}

async fn tables(database: &TestDatabase) -> i64 {
    let sql = "SELECT count(*) FROM pg_class
               WHERE relkind = 'r' AND relname ~ '^event_(log|streams)_[0-9]+$'";
    database.app().await.query_one(sql, &[]).await.unwrap().get(0)
}

fn retention(database: &TestDatabase, stage: &TestCtx) -> Retention {
    Retention::new(database.owner_config(), DAY, stage.clock.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_that_are_old_are_dropped_and_whoever_stopped_there_is_told() {
    let stage = TestCtx::new();
    let database = long_log(&stage).await;
    let retention = retention(&database, &stage);
    assert_eq!(retention.sweep().await.unwrap(), 0, "nothing is a day old");
    let before = tables(&database).await;

    // The first two ranges are, and the third is not quite.
    stage.advance(DAY - Duration::from_secs(3 * 3600) + Duration::from_secs(1800));

    assert_eq!(retention.sweep().await.unwrap(), 2);
    assert_eq!(oldest(&database).await, 2 * SPAN + 1);
    assert_eq!(tables(&database).await, before - 4);
    assert_eq!(retention.sweep().await.unwrap(), 0);
    let log = Log::new(database.db().clone());
    let user = UserId(Uuid::from_u128(1));
    let epoch = log.attach(user, None).await.unwrap().epoch;
    let resume = |position| Resume { epoch: epoch.clone(), position };
    let refused = async |position| log.attach(user, Some(&resume(position))).await.unwrap().refused;
    assert_eq!(refused(2 * SPAN - 1).await, Some("too_old"));
    assert_eq!(refused(2 * SPAN).await, None);
    // The streams count on.
    let seqs = things::logged_versions(&database, 1).await;
    assert_eq!(seqs, [7, 8, 9, 10, 11, 12]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_consumer_has_still_to_read_stays_until_it_is_far_too_slow() {
    let stage = TestCtx::new();
    let database = long_log(&stage).await;
    stage.advance(DAY * 2);
    let place = |position: i64| {
        format!(
            "INSERT INTO consumers (name, position, updated_at) VALUES ('slow', {position}, now())
             ON CONFLICT (name) DO UPDATE SET position = excluded.position"
        )
    };
    let retention = retention(&database, &stage);

    database.change(&place(SPAN + 1)).await;
    assert_eq!(retention.sweep().await.unwrap(), 1);
    assert_eq!(oldest(&database).await, SPAN + 1);
    // Everything that is old goes, but the range in which the log ends.
    database.change("UPDATE log_head SET position = position + 6000000").await;
    assert_eq!(retention.sweep().await.unwrap(), 5);

    assert_eq!(tables(&database).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_half_done_is_finished() {
    let stage = TestCtx::new();
    let database = long_log(&stage).await;
    database.change("ALTER TABLE event_log DETACH PARTITION event_log_0").await;
    let before = tables(&database).await;

    assert_eq!(retention(&database, &stage).sweep().await.unwrap(), 0);

    assert_eq!(tables(&database).await, before - 2);
}
