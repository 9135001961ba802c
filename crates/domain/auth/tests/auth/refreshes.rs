//! Going on with a session: races, lost answers, thieves and siblings.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sayso_access::SessionId;
use sayso_auth::Pair;
use sayso_kernel::Fault;
use tokio::sync::Barrier;

use crate::stage::{PASSWORD, Stage, altered, code};

/// Tips of a chain: tokens that can still be exchanged.
const TIPS: &str = "SELECT count(*) FROM refresh_tokens
                    WHERE session_id = $1 AND replaced_at IS NULL";

/// The judge of a race: all were given the same, and one chain goes on.
async fn verdict<T>(stage: &Stage, session: SessionId, given: &HashSet<T>) -> Result<(), String> {
    let tips = stage.count(TIPS, &[&session]).await;
    match (given.len(), tips) {
        (1, 1) => Ok(()),
        (given, tips) => Err(format!("{given} different tokens were given, {tips} can go on")),
    }
}

/// The old mistake: what was read decides over what is written later.
async fn careless(stage: &Stage, session: SessionId, start: &Barrier) -> Vec<u8> {
    let client = stage.database.app().await;
    let tip = "SELECT hash FROM refresh_tokens WHERE session_id = $1 AND replaced_at IS NULL";
    let old: Vec<u8> = client.query_one(tip, &[&session]).await.expect("a tip").get(0);
    start.wait().await;
    let next = stage.ctx.random.bytes::<32>().to_vec();
    let insert = "INSERT INTO refresh_tokens
                  SELECT $2, session_id, generation + 1, issued_at, expires_at, NULL, NULL, device
                  FROM refresh_tokens WHERE hash = $1";
    client.execute(insert, &[&old, &next]).await.expect("it is inserted");
    let replace = "UPDATE refresh_tokens SET replaced_at = now() WHERE hash = $1";
    client.execute(replace, &[&old]).await.expect("it is replaced");
    next
}

#[tokio::test]
async fn a_rotation_that_reads_and_then_writes_is_convicted() {
    let stage = Stage::new().await;
    let session = stage.ann().await.session_id;
    let guard =
        "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_session_id_generation_key";
    stage.database.change(guard).await;

    let start = Barrier::new(2);
    let (one, two) =
        tokio::join!(careless(&stage, session, &start), careless(&stage, session, &start));

    let told = verdict(&stage, session, &HashSet::from([one, two])).await;
    assert_eq!(told, Err("2 different tokens were given, 2 can go on".to_owned()));
}

async fn all_at_once(stage: &Arc<Stage>, token: &str, count: usize) -> Vec<Result<Pair, Fault>> {
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (stage, start, token) = (Arc::clone(stage), Arc::clone(&start), token.to_owned());
            tokio::spawn(async move {
                start.wait().await;
                // Fifty at once may find no connection on a busy machine, and
                // are told so: they ask again, as a client does.
                loop {
                    let answer = stage.refresh(&token).await;
                    if code(&answer) != "server.unavailable" {
                        return answer;
                    }
                }
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("it does not panic"));
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_parallel_refreshes_all_get_the_same_token_and_one_chain_goes_on() {
    let stage = Arc::new(Stage::new().await);
    let first = stage.ann().await;
    let mut token = first.refresh.expose().clone();

    for round in 0..35 {
        let count = if round < 20 { 20 } else { [2, 3, 50][round % 3] };
        let results = all_at_once(&stage, &token, count).await;

        let given: HashSet<String> = results
            .iter()
            .map(|result| match result {
                Ok(pair) => pair.refresh.expose().clone(),
                Err(fault) => panic!("round {round}: {fault}"),
            })
            .collect();
        let verdict = verdict(&stage, first.session_id, &given).await;
        assert_eq!(verdict, Ok(()), "round {round}");
        token = given.into_iter().next().expect("there is one");
    }

    assert_eq!(stage.facts("auth.refresh_reuse").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_hand_out_the_same_successor() {
    let stage = Arc::new(Stage::new().await);
    let other = crate::stage::auth(&stage.database, &stage.ctx).await;
    let pair = stage.ann().await;
    let token = pair.refresh.expose();

    let ctx = stage.anonymous();
    let (here, there) =
        tokio::join!(stage.refresh(token), sayso_auth::login::refresh(&other, &ctx, token));

    let (here, there) = (here.expect("it is given"), there.expect("it is given"));
    assert_eq!(here.refresh.expose(), there.refresh.expose());
    assert!(sayso_auth::verify(&other, here.access.expose()).await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_is_given_again_as_long_as_nobody_used_it() {
    let stage = Stage::new().await;
    let first = stage.ann().await;
    let lost = stage.refresh(first.refresh.expose()).await.expect("it is exchanged");
    stage.ctx.advance(Duration::from_secs(29));

    let again = stage.refresh(first.refresh.expose()).await.expect("it is given again");

    assert_eq!(again.refresh.expose(), lost.refresh.expose());
    assert!(stage.use_access(&again).await.is_ok());
    let next = stage.refresh(again.refresh.expose()).await.expect("and goes on");
    assert!(stage.refresh(next.refresh.expose()).await.is_ok(), "twice in a row");
}

#[tokio::test]
async fn an_answer_that_was_lost_for_too_long_ends_the_session() {
    let stage = Stage::new().await;
    let first = stage.ann().await;
    stage.refresh(first.refresh.expose()).await.expect("it is exchanged");
    stage.ctx.advance(Duration::from_secs(30));

    let late = stage.refresh(first.refresh.expose()).await;

    assert_eq!(code(&late), "auth.session_revoked");
    assert_eq!(stage.facts("auth.refresh_reuse").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stolen_token_that_comes_back_ends_the_session_once() {
    let stage = Arc::new(Stage::new().await);
    let zero = stage.ann().await;
    let one = stage.refresh(zero.refresh.expose()).await.expect("it is exchanged");
    let two = stage.refresh(one.refresh.expose()).await.expect("it is exchanged");
    assert!(stage.use_access(&two).await.is_ok());

    let results = all_at_once(&stage, zero.refresh.expose(), 10).await;

    assert!(results.iter().all(|result| code(result) == "auth.session_revoked"));
    assert_eq!(stage.facts("auth.refresh_reuse").await, 1);
    assert_eq!(code(&stage.use_access(&two).await), "auth.session_revoked");
    assert_eq!(code(&stage.refresh(two.refresh.expose()).await), "auth.session_revoked");
    let ends = "SELECT count(*) FROM outbox, json_array_elements(effects) AS effect
                WHERE type = 'auth.refresh_reuse' AND effect ->> 'do' = 'end_session'
                  AND effect ->> 'session' = $1::uuid::text";
    assert_eq!(stage.count(ends, &[&zero.session_id]).await, 1);
}

#[tokio::test]
async fn the_use_of_the_access_token_alone_makes_the_predecessor_reuse() {
    let stage = Stage::new().await;
    let first = stage.ann().await;
    let second = stage.refresh(first.refresh.expose()).await.expect("it is exchanged");
    stage.use_access(&second).await.expect("it is good");

    let ctx = stage.from("10.0.0.9");
    let thief = sayso_auth::login::refresh(&stage.auth, &ctx, first.refresh.expose()).await;

    assert_eq!(code(&thief), "auth.session_revoked");
    assert_eq!(code(&stage.use_access(&second).await), "auth.session_revoked");
}

#[tokio::test]
async fn a_sibling_tab_is_told_for_five_seconds_and_kills_nothing() {
    let stage = Stage::new().await;
    let first = stage.ann().await;
    let second = stage.refresh(first.refresh.expose()).await.expect("it is exchanged");
    stage.use_access(&second).await.expect("it is good");
    stage.ctx.advance(Duration::from_millis(4_999));

    let sibling = stage.refresh(first.refresh.expose()).await;

    assert_eq!(code(&sibling), "auth.refresh_superseded");
    assert!(stage.use_access(&second).await.is_ok());
    stage.ctx.advance(Duration::from_millis(1));
    assert_eq!(
        code(&stage.refresh(first.refresh.expose()).await),
        "auth.session_revoked",
        "later it is a thief"
    );
}

#[tokio::test]
async fn the_first_use_of_a_pair_is_marked_once() {
    let stage = Stage::new().await;
    let pair = stage.ann().await;
    stage.use_access(&pair).await.expect("it is good");
    let used = "SELECT extract(epoch FROM used_at)::bigint FROM refresh_tokens
                WHERE session_id = $1";
    let first = stage.count(used, &[&pair.session_id]).await;
    stage.ctx.advance(Duration::from_secs(60));

    stage.use_access(&pair).await.expect("it is still good");

    assert_eq!(stage.count(used, &[&pair.session_id]).await, first);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_last_in_any_case() {
    let stage = Stage::new().await;
    let idle = stage.ann().await;
    stage.ctx.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(code(&stage.refresh(idle.refresh.expose()).await), "auth.refresh_expired");

    let again = stage.log_in("ann@example.com", crate::stage::PASSWORD).await;
    let mut busy = again.expect("the password is right");
    for _ in 0..5 {
        stage.ctx.advance(Duration::from_secs(6 * 86_400 - 60));
        busy = stage.refresh(busy.refresh.expose()).await.expect("it goes on");
    }
    assert_eq!(busy.expires_in, Duration::from_secs(300), "no longer than its session");
    stage.ctx.advance(Duration::from_secs(300));
    assert_eq!(code(&stage.refresh(busy.refresh.expose()).await), "auth.refresh_expired");
    assert_eq!(code(&stage.use_access(&busy).await), "auth.token_expired");
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let pair = stage.ann().await;

    for token in ["", "x", &"A".repeat(43), pair.access.expose()] {
        assert_eq!(code(&stage.refresh(token).await), "auth.refresh_invalid", "{token}");
    }
    assert!(stage.refresh(pair.refresh.expose()).await.is_ok());
}

#[tokio::test]
async fn whoever_may_no_longer_come_in_does_not_go_on() {
    let stage = Stage::new().await;
    let pair = stage.ann().await;
    stage.database.change("UPDATE users SET active = false").await;

    assert_eq!(code(&stage.use_access(&pair).await), "auth.session_revoked");
    assert_eq!(code(&stage.refresh(pair.refresh.expose()).await), "auth.session_revoked");
    assert_eq!(stage.count(TIPS, &[&pair.session_id]).await, 1);
}

#[tokio::test]
async fn without_a_database_nobody_is_let_in_and_nobody_is_shown_out() {
    let stage = Stage::new().await;
    let pair = stage.ann().await;
    let db = stage.database.another_db(&crate::stage::limits());
    let cut_off = altered(&stage.auth, |_, app| app.db = db);
    cut_off.app.db.close();

    let verified = sayso_auth::verify(&cut_off, pair.access.expose()).await;

    let fault = verified.map(drop).expect_err("nobody can know");
    assert_eq!(fault.kind().status(), 503);
    assert!(stage.use_access(&pair).await.is_ok());
}

#[tokio::test]
async fn a_session_says_until_when_its_newest_token_is_good_and_an_ended_one_says_nothing() {
    let stage = Stage::new().await;
    let kept = stage.ann().await;
    let again = async || stage.log_in("ann@example.com", PASSWORD).await.expect("she comes in");
    let (refreshed, ended) = (again().await, again().await);
    let sessions = [&kept, &refreshed, &ended].map(|pair| pair.session_id);
    let start = stage.ctx.clock.now();
    stage.ctx.advance(Duration::from_secs(600));
    stage.refresh(refreshed.refresh.expose()).await.expect("it is refreshed");
    let end = "UPDATE sessions SET ended_at = created_at WHERE id = $1";
    stage.database.app().await.execute(end, &[&ended.session_id.0]).await.expect("it ends");

    let lifetimes = sayso_auth::Lifetimes {
        access: Duration::from_secs(900),
        idle: Duration::from_secs(1),
        absolute: Duration::from_secs(1),
    };
    let until = sayso_auth::service::renewed(&mut stage.database.db().read(), &sessions, lifetimes)
        .await
        .expect("it can be read");

    assert_eq!(until.len(), 2);
    assert_eq!(until[&sessions[0]], start + Duration::from_secs(900));
    assert_eq!(until[&sessions[1]], start + Duration::from_secs(1_500));
}
