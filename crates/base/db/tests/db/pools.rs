//! Nobody starves: requests, background work and the question of health have
//! connections of their own, and whoever cannot be served is told soon.

use std::time::{Duration, Instant};

use sayso_access::Role;
use sayso_config::Database;
use sayso_db::{Db, DbLimits, Queries, is_up};
use sayso_kernel::{Fault, Kind};
use sayso_testkit::{TestCtx, TestDatabase, until};
use tokio::task::JoinSet;

use crate::notes::{self, Form};

/// What health may take at its slowest.
const HEALTH_P99: Duration = Duration::from_millis(100);

fn limits() -> DbLimits {
    DbLimits::from(&Database::default())
}

/// Runs `count` of them at once; answers what became of each, and how long it
/// took.
fn at_once<F>(count: usize, work: impl Fn(usize) -> F) -> JoinSet<(Result<(), Fault>, Duration)>
where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let mut set = JoinSet::new();
    for turn in 0..count {
        let (work, started) = (work(turn), Instant::now());
        set.spawn(async move { (work.await, started.elapsed()) });
    }
    set
}

fn sleeping(db: &Db, count: usize, millis: f64) -> JoinSet<(Result<(), Fault>, Duration)> {
    let stage = TestCtx::new();
    at_once(count, |_| {
        let (db, ctx) = (db.clone(), stage.acting(Role::Staff));
        async move { notes::sleep(&db, &ctx, millis).await }
    })
}

/// The slowest but the slowest hundredth of `count` answers, each asked for
/// shortly after the one before.
async fn p99(count: usize, mut ask: impl AsyncFnMut()) -> Duration {
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        ask().await;
        took.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    took.sort_unstable();
    took[count - 1 - count / 100]
}

async fn health(db: &Db) -> Duration {
    p99(200, async || assert!(is_up(db).await, "the database counts as down")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_while_every_connection_is_taken() {
    let database = TestDatabase::new().await;
    let db = database.another_db(&DbLimits { pool_max: 5, pool_waiters_max: 100, ..limits() });
    // A machine that is busy with other things is slow at this, too.
    let quiet = health(&db).await;

    let writes = sleeping(&db, 200, 400.0);
    let reads = at_once(200, |_| {
        let db = db.clone();
        async move { db.read().rows(&notes::SLEEP, &[&400.0]).await.map(drop).map_err(Fault::from) }
    });
    let busy = health(&db).await;

    assert!(busy < HEALTH_P99.max(quiet * 3), "health took {busy:?} ({quiet:?} when quiet)");
    let writes = writes.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = writes.iter().partition(|(answer, _)| answer.is_ok());
    assert!(done.len() >= 5, "{} writes were done", done.len());
    assert!(refused.len() >= 95, "{} writes were refused", refused.len());
    for (answer, took) in refused {
        let fault = answer.as_ref().unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
        assert!(fault.retry_after_hint().is_some());
        assert!(*took < Duration::from_secs(2), "a refusal took {took:?}");
    }
    for (_, took) in reads.join_all().await {
        assert!(took < Duration::from_millis(3500), "a read took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_slow_background_jobs_do_not_slow_requests() {
    let database = TestDatabase::new().await;
    database.change(notes::TABLE).await;
    let db = database.another_db(&DbLimits { background_pool_max: 4, ..limits() });
    let ctx = TestCtx::new().acting(Role::Staff);
    let write = async || {
        let id = ctx.new_id();
        notes::take(&db, &ctx, Form::Transaction, id).await.unwrap();
        assert_eq!(notes::count(&db, id).await.unwrap(), 1);
    };
    let quiet = p99(100, &write).await;

    let jobs = sleeping(&db.background(), 20, 300.0);
    let busy = p99(100, &write).await;

    assert!(busy < HEALTH_P99.max(quiet * 3), "requests took {busy:?} ({quiet:?} when quiet)");
    let jobs = jobs.join_all().await;
    assert!(jobs.iter().all(|(answer, _)| answer.is_ok()), "a job was given up on");
    let longest = jobs.iter().map(|(_, took)| *took).max().unwrap();
    assert!(longest >= Duration::from_millis(5 * 300), "they did not wait for each other");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_wait_and_none_for_long() {
    let database = TestDatabase::new().await;
    let wait = Duration::from_millis(500);
    let limits = DbLimits { pool_max: 1, pool_waiters_max: 2, pool_wait: wait, ..limits() };
    let db = database.another_db(&limits);
    let ctx = TestCtx::new().acting(Role::Staff);
    let mut holder = sleeping(&db, 1, 2000.0);
    until("the connection to be taken", Duration::from_secs(5), async || {
        (db.pool_status() == (1, 0)).then_some(())
    })
    .await;

    let mut answers = sleeping(&db, 3, 0.0).join_all().await;

    answers.sort_by_key(|(_, took)| *took);
    for (answer, _) in &answers {
        let fault = answer.as_ref().unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
        assert!(fault.retry_after_hint().is_some());
    }
    let took: Vec<Duration> = answers.into_iter().map(|(_, took)| took).collect();
    assert!(took[0] < wait / 2, "the third was not refused at once: {took:?}");
    assert!(took[1] >= wait && took[2] < wait * 3, "the others waited {took:?}");
    holder.join_next().await.unwrap().unwrap().0.unwrap();
    // Whoever comes now is served.
    notes::sleep(&db, &ctx, 0.0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_read_holds_up_only_its_own_caller() {
    let database = TestDatabase::new().await;
    database.change(notes::TABLE).await;
    let db = database.another_db(&DbLimits { readers: 1, ..limits() });
    let ctx = TestCtx::new().acting(Role::Staff);
    let quick = async || {
        notes::count(&db, ctx.new_id()).await.unwrap();
    };
    let quiet = p99(100, &quick).await;

    let slow = at_once(1, |_| {
        let db = db.clone();
        async move { db.read().rows(&notes::SLEEP, &[&1000.0]).await.map(drop).map_err(Fault::from) }
    });
    // The first ones queue behind it, until the line is seen to be stuck.
    quick().await;
    let busy = p99(100, &quick).await;

    assert!(busy < HEALTH_P99.max(quiet * 3), "reads took {busy:?} ({quiet:?} when quiet)");
    for (answer, _) in slow.join_all().await {
        answer.unwrap();
    }
}
