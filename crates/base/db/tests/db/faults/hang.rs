//! The server hangs: it takes connections and statements, and answers nothing.

use std::time::{Duration, Instant};

use sayso_db::is_up;
use uuid::Uuid;

use super::stage::{Stage, is_full};
use crate::notes;

/// Every request is answered within this time by limits of its own.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_on_and_found_again() {
    let mut stage = Stage::begin(&[]).await;
    let hang = Duration::from_secs(if is_full() { 20 } else { 4 });

    stage.server.hang();
    let began = Instant::now();
    while began.elapsed() < hang {
        let (asked, db) = (Instant::now(), stage.db.clone());
        let reads = (0..20).map(|_| {
            let db = db.clone();
            tokio::spawn(async move { notes::count(&db, Uuid::nil()).await })
        });
        for read in reads.collect::<Vec<_>>() {
            assert!(read.await.unwrap().is_err(), "a server that hangs has answered");
        }
        assert!(!is_up(&stage.db).await, "a server that hangs counts as up");
        let took = asked.elapsed();
        assert!(took < ANSWERED_WITHIN + Duration::from_secs(1), "reads took {took:?}");
    }
    assert!(stage.refused() > 0, "no write was refused");
    stage.server.go_on();
    stage.until_acked(50).await;

    let slowest = stage.slowest();
    assert!(slowest <= ANSWERED_WITHIN, "a write waited for {slowest:?}");
    assert!(is_up(&stage.db).await);
    stage.judge("hang PostgreSQL", 1).await;
}
