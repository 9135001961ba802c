//! Several nodes: what one has read, and what one has changed.

use futures_util::future::join_all;
use sayso_cache::{Cache, Entity, Key, Watch};
use sayso_redis::cmd;
use sayso_testkit::{TestRedis, until};
use uuid::Uuid;

use crate::stage::{MESSAGE, OneNode, SOON, Stage, TASK, TEXT, USER, id, task, user};

/// What the first node has read, the second does not read again.
async fn two(stage: &Stage) -> [OneNode; 2] {
    let one = stage.node(1).await;
    one.write(stage, &USER, id(1), "text 1").await;
    let other = stage.node(2).await;
    for node in [&one, &other] {
        node.settle().await;
    }
    [one, other]
}

/// Waits until L2 holds something of this person.
async fn until_told(node: &OneNode, number: u128) -> String {
    let redis = node.redis.as_ref().expect("there is one");
    let epoch = node.hub.applied().expect("it has read the log").epoch;
    let name = redis.name(&format!("cache:1:{epoch}:user:{}", id(number)));
    let mut held = cmd("HEXISTS");
    held.arg(&name).arg("v");
    until("L2 to be told", SOON, async || {
        redis.command::<bool>("test", &held).await.ok().filter(|held| *held)
    })
    .await;
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_has_read_the_other_need_not() {
    let stage = Stage::on_redis(&TestRedis::shared_url()).await;
    let [one, other] = two(&stage).await;

    one.read_shared(user(1), id(1)).await;
    until_told(&one, 1).await;
    let read = other.read_shared(user(1), id(1)).await;

    assert_eq!(read.as_deref(), Some("text 1"));
    assert_eq!((one.loads(), other.loads()), (1, 0));
    assert_eq!(other.stat(Entity::User, "hitsL2"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_one_node_is_read_at_the_other_and_its_own_at_once() {
    let stage = Stage::on_redis(&TestRedis::shared_url()).await;
    let [one, other] = two(&stage).await;
    for round in 0..5 {
        let body = format!("text {round}");
        for node in [&one, &other] {
            node.read_shared(user(1), id(1)).await;
        }

        one.write(&stage, &USER, id(1), &body).await;
        assert_eq!(one.read_shared(user(1), id(1)).await.as_deref(), Some(&*body));
        other.settle().await;

        assert_eq!(other.read_shared(user(1), id(1)).await.as_deref(), Some(&*body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_redis_is_a_miss() {
    let stage = Stage::on_redis(&TestRedis::shared_url()).await;
    let [one, other] = two(&stage).await;
    one.read_shared(user(1), id(1)).await;
    let name = until_told(&one, 1).await;
    let redis = one.redis.as_ref().expect("there is one");

    let mut spoil = cmd("HSET");
    spoil.arg(&name).arg("v").arg(&b"\xff\x00garbage"[..]);
    redis.command::<i64>("test", &spoil).await.expect("spoilt");
    assert_eq!(other.read_shared(user(1), id(1)).await.as_deref(), Some("text 1"));
    assert_eq!((other.loads(), other.stat(Entity::User, "poisoned")), (1, 1));

    // Not even of the right type.
    for node in [&one, &other] {
        node.write(&stage, &USER, id(1), "text 2").await;
        node.settle().await;
    }
    let mut replace = cmd("SET");
    replace.arg(&name).arg("garbage");
    redis.command::<()>("test", &replace).await.expect("replaced");
    assert_eq!(other.read_shared(user(1), id(1)).await.as_deref(), Some("text 2"));
    assert_eq!(until_told(&other, 1).await, name);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_costs_one_read_a_thing_at_the_most() {
    let redis = TestRedis::start(&[]).await;
    let stage = Stage::on_redis(&redis.url()).await;
    let [one, other] = two(&stage).await;
    let ids: Vec<u128> = (1..=20).collect();
    let all = async |node: &OneNode| {
        let asked = ids.iter().flat_map(|number| [*number; 10]);
        join_all(asked.map(|number| node.read_shared(user(number), id(number)))).await;
    };
    all(&one).await;
    assert_eq!(one.loads(), 20);

    assert_eq!(redis.ask(&["FLUSHALL"]).trim(), "OK");
    tokio::join!(all(&one), all(&other));

    assert_eq!(one.loads(), 20, "what this process holds is held");
    assert!(other.loads() <= 20, "{} reads of 20 things", other.loads());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_node_keeps_its_own() {
    let mut redis = TestRedis::start(&[]).await;
    let stage = Stage::on_redis(&redis.url()).await;
    let [one, other] = two(&stage).await;
    one.read_shared(user(1), id(1)).await;
    assert_eq!(one.cache.stats().state, "serving");

    redis.kill9();
    until("it to be missed", SOON, async || (one.cache.stats().state == "degraded").then_some(()))
        .await;

    for node in [&one, &other] {
        let before = node.loads();
        for _ in 0..50 {
            assert_eq!(node.read_shared(user(1), id(1)).await.as_deref(), Some("text 1"));
        }
        assert!(node.loads() <= before + 1);
    }
    one.write(&stage, &USER, id(1), "text 2").await;
    assert_eq!(one.read_shared(user(1), id(1)).await.as_deref(), Some("text 2"));
    other.settle().await;
    assert_eq!(other.read_shared(user(1), id(1)).await.as_deref(), Some("text 2"));
}

/// A question about messages.
fn question(reader: u128) -> Key {
    Key::of(Entity::Search, id(1)).read_by(id(reader))
}

async fn search(node: &OneNode, reader: u128) -> Option<String> {
    let watched = [Watch::Any(Entity::Message)];
    let load = || node.load(id(1), None);
    let found = node.cache.get_or_load_shared(question(reader), (&TEXT, &watched), load).await;
    found.expect("searched").map(|text| String::clone(&text))
}

/// Waits until the table of results holds so many.
async fn until_kept(stage: &Stage, count: i64) {
    let client = stage.database.app().await;
    until("the results", SOON, async || {
        let row = client.query_one("SELECT count(*) FROM cache_results", &[]).await.ok()?;
        (row.get::<_, i64>(0) == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_has_found_is_found_again_by_that_reader_until_something_changes() {
    let stage = Stage::alone().await;
    let [one, other] = two(&stage).await;
    search(&one, 7).await;
    until_kept(&stage, 1).await;

    assert_eq!(search(&other, 7).await.as_deref(), Some("text 1"));
    assert_eq!((other.loads(), other.stat(Entity::Search, "hitsL3")), (0, 1));
    search(&other, 8).await;
    assert_eq!(other.loads(), 1, "what another may see is another's");
    until_kept(&stage, 2).await;

    one.write(&stage, &TASK, id(1), "text 2").await;
    one.write(&stage, &MESSAGE, id(1), "text 3").await;
    assert_eq!(search(&one, 7).await.as_deref(), Some("text 3"));
    other.settle().await;
    assert_eq!(search(&other, 7).await.as_deref(), Some("text 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_among_the_results_is_a_miss() {
    let stage = Stage::alone().await;
    let [one, other] = two(&stage).await;
    search(&one, 7).await;
    until_kept(&stage, 1).await;
    stage.database.change("UPDATE cache_results SET value = '\\x00ff'").await;

    assert_eq!(search(&other, 7).await.as_deref(), Some("text 1"));
    assert_eq!((other.loads(), other.stat(Entity::Search, "poisoned")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_clears_all_of_it_on_every_node() {
    let stage = Stage::on_redis(&TestRedis::shared_url()).await;
    let [one, other] = two(&stage).await;
    for node in [&one, &other] {
        node.read_shared(user(1), id(1)).await;
        node.read(task(1), id(1)).await;
    }
    search(&one, 7).await;
    until_kept(&stage, 1).await;
    let before = [one.loads(), other.loads()];

    // As beside a server: through a database that no cache listens to.
    Cache::clear(stage.database.db(), &stage.ctx()).await.expect("cleared");
    for node in [&one, &other] {
        node.settle().await;
        assert_eq!(node.cache.stats().entries, 0);
    }
    until_kept(&stage, 0).await;

    let key = Key::of(Entity::Task, id(1)).read_by(Uuid::nil());
    one.read_shared(user(1), id(1)).await;
    one.read(task(1), id(1)).await;
    one.read(key, id(1)).await;
    assert_eq!(one.loads(), before[0] + 3);
    other.read(task(1), id(1)).await;
    assert_eq!(other.loads(), before[1] + 1);
}
