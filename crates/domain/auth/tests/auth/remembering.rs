//! What a node remembers of sessions serves only while it may, and a session
//! that ended is one that ended, everywhere.

use std::sync::Arc;
use std::time::Duration;

use sayso_access::{Role, SessionId};
use sayso_auth::{AuthState, Memory, Pair, rotation, service, standing};
use sayso_db::Tx;
use sayso_testkit::{Candidate, Node, until};

use crate::stage::{PASSWORD, Stage, altered, code, limits};

/// Longer than it takes a node to be sure that it is up to date.
const SETTLED: Duration = Duration::from_secs(5);

/// A node with a memory, which follows the log.
pub(crate) async fn remembering(stage: &mut Stage) -> Node {
    let node = Node::start(stage.database.db());
    stage.auth = altered(&stage.auth, |auth, app| {
        app.hub = node.hub.clone();
        auth.memory = Memory::default();
    });
    stage.auth.follow();
    fresh(&stage.auth).await;
    node
}

async fn fresh(auth: &AuthState) {
    until("the node to be up to date", SETTLED, async || auth.app.hub.is_fresh().then_some(()))
        .await;
}

/// Uses a token until the node remembers it.
async fn remembered(auth: &AuthState, pair: &Pair) {
    sayso_auth::verify(auth, pair.access.expose()).await.expect("it is good");
    fresh(auth).await;
    sayso_auth::verify(auth, pair.access.expose()).await.expect("it is good");
}

async fn log_out_all(stage: &Stage, user: sayso_access::UserId) {
    let mut actor = stage.ctx.actor(Role::Ceo);
    actor.user_id = user;
    let ctx = stage.ctx.as_actor(&actor);
    let work = async move |tx: &mut Tx, ctx: &_| service::log_out_all_in(tx, ctx, ()).await;
    stage.database.db().transaction(&ctx, work).await.expect("they end");
}

/// Behind the back of every node: no fact, nobody is told.
const END_UNHEARD: &str = "UPDATE sessions SET ended_at = now()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_request_asks_nothing_and_a_revocation_here_holds_at_once() {
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let pair = stage.ann().await;
    remembered(&stage.auth, &pair).await;
    stage.database.change(END_UNHEARD).await;
    fresh(&stage.auth).await;
    assert!(stage.use_access(&pair).await.is_ok(), "it is answered from memory");
    stage.database.change("UPDATE sessions SET ended_at = NULL").await;

    log_out_all(&stage, pair.user.id).await;

    assert_eq!(code(&stage.use_access(&pair).await), "auth.session_revoked");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_on_another_node_holds_here_within_a_second() {
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let db = stage.database.another_db(&limits());
    let its = Candidate::seeded(&db, 2).start();
    let other = altered(&stage.auth, |auth, app| {
        (app.db, app.hub) = (db, its.hub.clone());
        auth.memory = Memory::default();
    });
    other.follow();
    fresh(&other).await;
    let pair = stage.ann().await;
    remembered(&other, &pair).await;

    log_out_all(&stage, pair.user.id).await;

    until("the other node to know", Duration::from_secs(1), async || {
        sayso_auth::verify(&other, pair.access.expose()).await.is_err().then_some(())
    })
    .await;
    its.stop().await;
    node.stop().await;
}

/// How sessions stand, to whoever holds their sockets.
async fn stand<const N: usize>(
    auth: &AuthState,
    sessions: [SessionId; N],
) -> [Result<Role, &'static str>; N] {
    let found = standing::of(auth, &sessions).await.expect("the database is there");
    sessions.map(|id| match &found[&id] {
        Ok(actor) => Ok(actor.role),
        Err(code) => Err(code.name),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_session_stands_is_remembered_as_long_as_what_lets_its_token_in() {
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let ann = stage.ann().await;
    let again = stage.log_in("ann@example.com", PASSWORD).await.expect("it is right");
    let unknown = SessionId(stage.ctx.system().new_id());
    let ids = [ann.session_id, again.session_id, unknown];
    let ended = Err("auth.session_revoked");
    fresh(&stage.auth).await;
    let both = [Ok(Role::Ceo), Ok(Role::Ceo), ended];

    assert_eq!(stand(&stage.auth, ids).await, both);
    stage.database.change(END_UNHEARD).await;
    fresh(&stage.auth).await;
    assert_eq!(stand(&stage.auth, ids).await, both, "it is answered from memory");
    stage.database.change("UPDATE sessions SET ended_at = NULL").await;
    log_out_all(&stage, ann.user.id).await;
    assert_eq!(stand(&stage.auth, ids).await, [ended; 3]);

    let last = [stage.log_in("ann@example.com", PASSWORD).await.expect("it is right").session_id];
    assert_eq!(stand(&stage.auth, last).await, [Ok(Role::Ceo)]);
    node.stop().await;
    stage.database.change("UPDATE users SET role = 'manager'").await;
    until("the database to be asked", SETTLED, async || {
        (stand(&stage.auth, last).await == [Ok(Role::Manager)]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_log_nothing_is_remembered() {
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let pair = stage.ann().await;
    remembered(&stage.auth, &pair).await;

    node.stop().await;
    stage.database.change(END_UNHEARD).await;

    until("the node to ask the database", Duration::from_secs(2), async || {
        stage.use_access(&pair).await.is_err().then_some(())
    })
    .await;
    assert!(!stage.auth.app.hub.is_fresh());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_up_a_new_key_and_goes_on_believing_the_old_one() {
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let auth = Arc::new(stage.auth.clone());
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(rotation::run((*auth).clone(), stop.clone()));
    let old = stage.ann().await;
    let db = stage.database.db();
    let system = stage.ctx.system();
    let access = auth.keys.lifetimes().access;

    let new = rotation::rotate(db, &system, access, rotation::Old::Overlap).await.expect("made");

    let kids = || -> Vec<String> {
        let published = auth.keys.published(stage.ctx.clock.now()).into_iter();
        published.map(|key| key.kid).collect()
    };
    until("the node to publish both", SETTLED, async || (kids().len() == 2).then_some(())).await;
    assert!(kids().contains(&new.kid));
    stage.ctx.advance(rotation::SIGNS_AFTER);
    let pair = stage.log_in("ann@example.com", PASSWORD).await.expect("it is right");
    assert!(stage.use_access(&old).await.is_ok() && stage.use_access(&pair).await.is_ok());
    // The operator alone makes keys.
    let ctx = stage.ctx.acting(Role::Ceo);
    let refused = rotation::rotate(db, &ctx, access, rotation::Old::Overlap).await;
    assert_eq!(code(&refused), "access.forbidden");
    stop.cancel();
    running.await.expect("it does not panic");
    node.stop().await;
}
