//! What a stream misses is read from the log in few statements.

use sayso_db::{Cost, Db, counted};
use sayso_events::Kept;
use sayso_redis::Redis;
use sayso_testkit::{BusSetup, Candidate, TestCtx, TestRedis, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::{OFTEN, SOON, forget, stream_of};
use crate::things::{self, MOVED, fact};

/// Half of the events that are missing in the end.
const HALF: i32 = 750;
/// The statements that bring all of them, two hundred each.
const STATEMENTS_MAX: u32 = 8;

/// A node that leads and is alone: what its bus asks the database is counted.
struct Counted {
    stop: CancellationToken,
    bus: JoinHandle<((), Cost)>,
    rest: Vec<JoinHandle<()>>,
    redis: Redis,
    epoch: String,
}

impl Counted {
    async fn lead(db: &Db, setup: &BusSetup) -> Self {
        let Candidate { sequencer, follower, hub, line } = Candidate::on_bus(db, 1, setup);
        let ((redis, bus), stop) = (line.unwrap(), CancellationToken::new());
        let bus = tokio::spawn(counted(bus.run(sequencer.leading(), stop.clone())));
        let rest = vec![
            tokio::spawn(redis.clone().keep(stop.clone())),
            tokio::spawn(sequencer.run(stop.clone())),
            tokio::spawn(follower.run(stop.clone())),
        ];
        hub.wait_for(0).await;
        let epoch = hub.applied().unwrap().epoch.to_string();
        Self { stop, bus, rest, redis, epoch }
    }

    /// Waits until the stream begins and ends there.
    async fn until_streamed(&self, first: i64, last: i64) {
        until(&format!("a stream from {first} to {last}"), SOON, async || {
            let stream = stream_of(&self.redis, &self.epoch).await;
            (stream == (first..=last).collect::<Vec<_>>()).then_some(())
        })
        .await;
    }

    /// Answers how many statements there were.
    async fn stop(self) -> u32 {
        self.stop.cancel();
        for task in self.rest {
            task.await.unwrap();
        }
        let ((), cost) = self.bus.await.unwrap();
        cost.statements
    }
}

/// Leaves so many facts at once.
async fn write(db: &Db, stage: &TestCtx, count: i32) {
    let ctx = stage.system();
    let written = db.transaction(&ctx, async |tx, _| {
        (0..count).for_each(|version| tx.emit(fact(&MOVED, 1, version)));
        Ok(())
    });
    written.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_misses_1500_events_is_filled_up_by_two_hundred_a_statement() {
    let (database, stage) = (things::database().await, TestCtx::new());
    let (url, prefix) = (TestRedis::shared_url(), TestRedis::own_prefix());
    let setup = BusSetup { url, prefix, poll: OFTEN, kept: Kept::default() };
    let node = Counted::lead(database.db(), &setup).await;
    write(database.db(), &stage, HALF).await;
    write(database.db(), &stage, HALF + 1).await;
    let last = i64::from(2 * HALF + 1);
    node.until_streamed(1, last).await;

    // As after leaders that could not reach it for so long.
    forget(&node.redis, &node.epoch, 1).await;
    write(database.db(), &stage, 1).await;
    node.until_streamed(2, last + 1).await;

    let statements = node.stop().await;
    assert!((1..=STATEMENTS_MAX).contains(&statements), "{statements} statements");
}
