//! What is forgotten of sessions, and what never is.

use std::time::Duration;

use sayso_auth::retention::forget;

use crate::stage::{LIFETIMES, PASSWORD, Stage};

const A_DAY: Duration = Duration::from_secs(86_400);
const SESSIONS: &str = "SELECT count(*) FROM sessions";
const TOKENS: &str = "SELECT count(*) FROM refresh_tokens";

#[tokio::test]
async fn a_session_is_forgotten_with_its_tokens_a_month_after_it_was_over_and_no_sooner() {
    let stage = Stage::new().await;
    let first = stage.ann().await;
    stage.refresh(first.refresh.expose()).await.expect("it is exchanged");
    let left = async || {
        let forgotten = forget(stage.database.db(), &stage.ctx.system()).await.expect("it is");
        let (none, sessions) = (&[], stage.count(SESSIONS, &[]).await);
        (forgotten, sessions, stage.count(TOKENS, none).await)
    };

    // It comes to its end after thirty days, and is kept for thirty more.
    stage.ctx.advance(LIFETIMES.absolute + 29 * A_DAY);
    assert_eq!(left().await, (0, 1, 2));
    let second = stage.log_in("ann@example.com", PASSWORD).await.expect("the password is right");
    stage.ctx.advance(A_DAY);

    assert_eq!(left().await, (1, 1, 1));
    stage.refresh(second.refresh.expose()).await.expect("it goes on");
}
