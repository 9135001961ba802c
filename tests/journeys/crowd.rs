//! Two hundred who log in at once, and others who go on working.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use sayso_testkit::{ProcessSetup, Reply, TestDatabase, read};
use serde_json::json;

use crate::company::Company;

const PASSWORD: &str = "correct horse battery staple";
const LOGINS: usize = 200;
/// Who may be hashed for at once, or wait for it.
const PLACES: usize = 1 + 7;
/// What others ask meanwhile: more than there are hashes to wait for.
const QUESTIONS: usize = 40;

fn is_login_or_told_to_wait(reply: &Reply) -> bool {
    match reply.status.as_u16() {
        200 => true,
        503 => reply.code() == "auth.busy" && reply.header("retry-after").is_some(),
        _ => false,
    }
}

/// Counted, not timed: if hashing held up the threads that serve, or questions
/// waited in its queue, no forty questions would be answered one after the other
/// before eight hashes are done.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_logins_at_once_leave_others_served_and_what_is_too_much_is_told_to_wait() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_AUTH__HASH_THREADS_MAX", "1")
        .env("SAYSO_AUTH__HASH_QUEUE_MAX", "7");
    let mut company = Company::found(setup).await;
    company.server.set("SAYSO_AUTH__BCRYPT_COST", "10");
    company.server.restart().await;
    let ann = company.ann.clone();
    let log_in = || {
        let body = json!({ "email": "nobody@example.com", "password": PASSWORD });
        read(ann.request(Method::POST, "/api/auth/login").json(&body))
    };
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let right = read(ann.request(Method::POST, "/api/auth/login").json(&body));

    let mut logins: FuturesUnordered<_> = (1..LOGINS).map(|_| log_in()).collect();
    let mut answered = Vec::new();
    // Once the crowd has been turned away, the places are taken.
    while answered.len() < LOGINS - 1 - PLACES {
        answered.push(logins.next().await.unwrap().unwrap());
    }
    for _ in 0..QUESTIONS {
        assert_eq!(ann.get("/api/auth/me").await.status, 200);
    }
    assert!(!logins.is_empty(), "all were hashed before the others were served");
    while let Some(reply) = logins.next().await {
        answered.push(reply.unwrap());
    }

    let refused = answered.iter().filter(|reply| reply.status == 503).count();
    let judged = answered.iter().filter(|reply| reply.status == 401).count();
    assert_eq!(refused + judged, LOGINS - 1);
    let codes: Vec<&str> = answered.iter().map(Reply::code).collect();
    assert!(judged >= PLACES && refused > LOGINS / 2, "{judged} hashed: {codes:?}");
    let busy = answered.iter().filter(|reply| reply.status == 503);
    assert!(busy.clone().all(is_login_or_told_to_wait));
    assert!(is_login_or_told_to_wait(&right.await.unwrap()), "and then there is room again");
}
