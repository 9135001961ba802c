//! The server is restarted, and killed.

use super::stage::{Stage, is_full};

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_kills_under_load_lose_and_double_nothing() {
    let mut stage = Stage::begin(&[]).await;
    let rounds = if is_full() { 20 } else { 1 };
    for _ in 0..rounds {
        stage.server.restart_fast().await;
        stage.until_acked(50).await;
        stage.server.restart_immediate().await;
        stage.until_acked(50).await;
        stage.server.kill9().await;
        stage.until_refused(1).await;
        stage.server.start_again().await;
        stage.until_acked(50).await;
    }
    stage.judge("restart and kill PostgreSQL", rounds * 3).await;
}
