//! The cache on a real database and a real Redis: what is read once is read
//! once, and what has changed is never served.

mod others;
mod stage;

use futures_util::future::join_all;
use sayso_cache::{Entity, Key, Watch, bypassed};
use sayso_testkit::TestDatabase;
use stage::{Gate, MESSAGE, Stage, TASK, UNKNOWN, USER, id, task, user};

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_cache::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_ask_for_the_same_at_once_cost_one_statement() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    node.write(&stage, &TASK, id(1), "text 1").await;
    node.settle().await;

    let asked = (0..100).map(|_| sayso_db::counted(node.read(task(1), id(1))));
    let answers = join_all(asked).await;

    assert!(answers.iter().all(|(text, _)| text.as_deref() == Some("text 1")));
    assert_eq!(answers.iter().map(|(_, cost)| cost.statements).sum::<u32>(), 1);
    let ((), again) = sayso_db::counted(async { drop(node.read(task(1), id(1)).await) }).await;
    assert_eq!(again.statements, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_or_is_given_up_leaves_nobody_waiting() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    node.write(&stage, &TASK, id(1), "text 1").await;
    let gate = Gate::closed();
    let slow = node.cache.get_or_load(task(1), || node.load(id(1), Some(&gate)));

    let (gone, waited) = tokio::join!(
        async {
            tokio::select! {
                _ = slow => panic!("nobody opened the gate"),
                () = gate.was_read() => {}
            }
        },
        async {
            while node.loads() == 0 {
                tokio::task::yield_now().await;
            }
            node.read(task(1), id(1)).await
        }
    );

    let ((), Some(text)) = (gone, waited) else { panic!("it is there") };
    assert_eq!((text.as_str(), node.loads()), ("text 1", 2));
    let failed = async || Err(sayso_kernel::Fault::unavailable("no"));
    assert!(node.cache.get_or_load::<String, _>(task(2), failed).await.is_err());
    assert_eq!(node.read(task(2), id(2)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_nothing_is_kept_until_there_is() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;

    assert_eq!(node.read(task(1), id(1)).await, None);
    assert_eq!(node.read(task(1), id(1)).await, None);
    assert_eq!((node.loads(), node.stat(Entity::Task, "negative")), (1, 1));

    node.write(&stage, &TASK, id(1), "text 1").await;
    assert_eq!(node.read(task(1), id(1)).await.as_deref(), Some("text 1"));
    node.remove(&stage, &TASK, id(1)).await;
    assert_eq!(node.read(task(1), id(1)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_reads_their_own_write() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;

    for n in 0..200 {
        let body = format!("text {n}");
        node.write(&stage, &TASK, id(1), &body).await;
        for _ in 0..3 {
            assert_eq!(node.read(task(1), id(1)).await, Some(body.clone()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_it_is_read_is_answered_and_not_kept() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    node.write(&stage, &TASK, id(1), "text old").await;
    node.settle().await;
    let gate = Gate::closed();

    let (before, after) =
        tokio::join!(node.cache.get_or_load(task(1), || node.load(id(1), Some(&gate))), async {
            gate.was_read().await;
            node.write(&stage, &TASK, id(1), "text new").await;
            // The one who has just written does not wait for the read that
            // began before.
            let after = node.read(task(1), id(1)).await;
            gate.open();
            after
        });

    assert_eq!(before.expect("read").as_deref().map(String::as_str), Some("text old"));
    assert_eq!(after.as_deref(), Some("text new"));
    assert_eq!(node.read(task(1), id(1)).await.as_deref(), Some("text new"));
    // The fact may come out of the log while the other reads, and is one more.
    assert!(node.stat(Entity::Task, "refused") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fact_drops_what_the_table_says_and_one_that_nobody_knows_everything() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    let all = [task(1), task(2), user(1), Key::of(Entity::Category, id(1))];
    let fill = async || {
        node.settle().await;
        for key in all {
            node.read(key, id(1)).await;
        }
    };
    let kept = async || {
        let mut kept = Vec::new();
        for key in all {
            let before = node.loads();
            node.read(key, id(1)).await;
            kept.push(node.loads() == before);
        }
        kept
    };

    fill().await;
    assert_eq!(kept().await, [true, true, true, true]);
    node.write(&stage, &TASK, id(1), "text").await;
    assert_eq!(kept().await, [false, true, true, true]);
    fill().await;
    node.write(&stage, &USER, id(1), "text").await;
    assert_eq!(kept().await, [false, false, false, true]);
    fill().await;
    node.write(&stage, &MESSAGE, id(1), "text").await;
    assert_eq!(kept().await, [true, true, true, true]);
    node.write(&stage, &UNKNOWN, id(1), "text").await;
    assert_eq!(kept().await, [false, false, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_another_thing_goes_with_it() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    let read = async || {
        let load = async || {
            let loaded = node.load(id(1), None).await?;
            Ok(loaded.watching([Watch::One(Entity::Task, id(2))]))
        };
        node.cache.get_or_load(task(1), load).await.expect("read")
    };

    read().await;
    read().await;
    assert_eq!(node.loads(), 1);
    node.write(&stage, &TASK, id(2), "text").await;
    read().await;

    assert_eq!(node.loads(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_seen_more_and_a_node_that_is_behind_read_the_database() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    node.read(task(1), id(1)).await;

    bypassed(node.read(task(1), id(1))).await;
    assert_eq!((node.loads(), node.stat(Entity::Task, "bypassed")), (2, 1));
    node.read(task(1), id(1)).await;
    assert_eq!(node.loads(), 2);

    node.cast_off().await;
    assert_eq!(node.cache.stats().state, "behind");
    node.read(task(1), id(1)).await;
    node.read(task(1), id(1)).await;
    assert_eq!(node.loads(), 4);
}

/// What a fact removes a right to is not read after the fact was answered,
/// however reads and removals meet.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_after_its_removal_was_answered() {
    let stage = Stage::alone().await;
    let node = stage.node(1).await;
    let mut leaked = 0;
    for round in 0..300 {
        node.write(&stage, &TASK, id(1), "text").await;
        let readers = (0..4).map(|_| node.read(task(1), id(1)));
        let (removed, _) = tokio::join!(
            async {
                node.remove(&stage, &TASK, id(1)).await;
                join_all((0..4).map(|_| node.read(task(1), id(1)))).await
            },
            join_all(readers)
        );
        let late = node.read(task(1), id(1)).await;
        leaked += usize::from(removed.iter().any(Option::is_some) || late.is_some());
        assert_eq!(leaked, 0, "round {round}");
    }
    assert!(node.stat(Entity::Task, "hitsL1") + node.stat(Entity::Task, "joined") > 0);
}
