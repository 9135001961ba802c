//! A COMMIT whose answer never comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sayso_access::Role;
use sayso_testkit::{TestCtx, judge};

use crate::line::{Cut, Line};
use crate::things::{self, bump, bump_in, database};

/// Moves thing 1 over a line that is cut at COMMIT; answers how often the work
/// was run.
async fn bump_over_a_cut_line(when: Cut) -> u32 {
    let database = database().await;
    let line = Line::to(&database).await;
    let ctx = TestCtx::new().acting(Role::Staff);
    bump(&line.db, &ctx, 2).await.unwrap();
    let runs = Arc::<AtomicU32>::default();
    let count = Arc::clone(&runs);

    line.cut(when);
    let version = line
        .db
        .transaction(&ctx, async move |tx, _| {
            count.fetch_add(1, Ordering::SeqCst);
            bump_in(tx, 1).await
        })
        .await;

    assert!(line.was_cut());
    assert_eq!(version.unwrap(), 1);
    assert_eq!(things::version(&database, 1).await, 1);
    assert_eq!(judge::waiting(database.db()).await.unwrap(), 2);
    runs.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_commit_that_got_through_is_learnt_and_not_repeated() {
    assert_eq!(bump_over_a_cut_line(Cut::After).await, 1);
}

#[tokio::test]
async fn a_commit_that_did_not_get_through_is_learnt_and_the_work_run_again() {
    assert_eq!(bump_over_a_cut_line(Cut::Before).await, 2);
}
