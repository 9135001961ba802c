//! The example consumer, killed again and again, ends with the right count.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sayso_config::process_environment;
use sayso_db::{Db, DbLimits};
use sayso_kernel::Fault;
use sayso_tasks::assignment::Assignment;
use sayso_tasks::model::Edit;
use sayso_tasks::status::Status;
use sayso_testkit::{Node, TestCtx, TestDatabase, judge, until};
use uuid::Uuid;

use crate::cast::{Cast, task_of};
use crate::consumer;

const URL: &str = "SAYSO_TEST_CONSUMER_URL";
/// Tasks that are finished while the consumer is killed.
const TASKS: usize = 60;
const KILLS: usize = 8;

#[tokio::test]
async fn finished_tasks_are_counted_once_each_though_the_consumer_is_killed() {
    let database = TestDatabase::new().await;
    database.change(consumer::TABLES).await;
    let node = Node::start(database.db());
    let cast = Cast::hire(database.db(), TestCtx::new()).await;
    let writer = tokio::spawn({
        let (db, cast) = (database.db().clone(), cast.clone());
        async move { finish_tasks(&db, &cast).await }
    });

    let mut killed = 0;
    while killed < KILLS {
        let mut child = start(&database);
        let before = place(&database).await;
        until("the consumer to move", Duration::from_secs(20), async || {
            (place(&database).await > before || is_at_the_end(&database).await).then_some(())
        })
        .await;
        // Always between two commits, most likely in the middle of a step.
        child.kill().expect("a child can be killed");
        child.wait().expect("a child ends");
        killed += 1;
    }
    writer.await.expect("the writer does not panic").expect("every task is finished");
    judge::assert_settled(database.db()).await;
    let mut child = start(&database);
    until("the consumer to come to the end", Duration::from_secs(20), async || {
        is_at_the_end(&database).await.then_some(())
    })
    .await;
    child.kill().expect("a child can be killed");
    child.wait().expect("a child ends");

    let counted = counts(&database, "SELECT person, count FROM finished_tasks").await;
    let truth = "SELECT who, count(*) FROM tasks, unnest(assigned_to) AS who
                 WHERE status = 'done' GROUP BY who";
    assert_eq!(counted, counts(&database, truth).await);
    assert_eq!(counted.values().sum::<i64>(), i64::try_from(TASKS + TASKS / 3).expect("small"));
    node.stop().await;
}

/// Every third task is the work of two.
async fn finish_tasks(db: &Db, cast: &Cast) -> Result<(), Fault> {
    for number in 0..TASKS {
        let mut hands = vec![cast.staff[number % 2].user_id];
        if number % 3 == 0 {
            hands.push(cast.ceo.user_id);
        }
        let ctx = cast.stage.as_actor(&cast.ceo);
        let work = db.transaction(&ctx, async move |tx, ctx| {
            let task = sayso_tasks::service::create_in(tx, ctx, &task_of(None)).await?;
            let change = Assignment { assign: hands.clone(), unassign: Vec::new() };
            let task = sayso_tasks::assignment::assign_in(tx, ctx, task.id, &change).await?;
            let done = Edit { status: Some(Status::Done), ..Edit::default() };
            sayso_tasks::service::update_in(tx, ctx, task.id, task.version, done).await
        });
        work.await?;
    }
    Ok(())
}

/// Runs this test binary again, as the consumer.
fn start(database: &TestDatabase) -> Child {
    Command::new(std::env::current_exe().expect("a test knows where it is"))
        .args(["--exact", "listening::a_consumer_that_runs_until_it_is_killed"])
        .env(URL, database.app_url())
        .stdout(Stdio::null())
        .spawn()
        .expect("this test binary runs")
}

/// Does nothing in an ordinary run.
#[tokio::test]
async fn a_consumer_that_runs_until_it_is_killed() {
    let Some((_, url)) = process_environment().find(|(name, _)| name == URL) else { return };
    let limits = DbLimits::from(&sayso_config::Database::default());
    let db = Db::new(url.parse().expect("a URL"), &limits).expect("a pool");
    let ctx = TestCtx::new().system();
    loop {
        let pause = Duration::from_millis(u64::from(ctx.random.below(40)));
        if !consumer::step(&db, &ctx, pause).await.expect("the log can be read") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn place(database: &TestDatabase) -> i64 {
    let sql = "SELECT position FROM finished_position";
    database.app().await.query_one(sql, &[]).await.expect("a position").get(0)
}

async fn is_at_the_end(database: &TestDatabase) -> bool {
    let sql = "SELECT f.position = h.position FROM finished_position f, log_head h";
    let row = database.app().await.query_opt(sql, &[]).await.expect("both can be read");
    row.is_some_and(|row| row.get(0))
}

async fn counts(database: &TestDatabase, sql: &str) -> BTreeMap<Uuid, i64> {
    let rows = database.app().await.query(sql, &[]).await.expect("counts can be read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
