//! Every connection is ended, again and again.

use super::stage::Stage;

const TURNS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_times_every_connection_is_ended_and_nothing_is_lost_or_doubled() {
    let stage = Stage::begin(&[]).await;
    let superuser = stage.server.superuser().await;
    let mut ended = 0;
    for _ in 0..TURNS {
        ended += stage.server.terminate_connections(&superuser).await;
        stage.until_acked(5).await;
    }

    assert!(ended >= i64::try_from(TURNS).unwrap(), "only {ended} connections were ended");
    let refused = stage.refused();
    // What was under way as one statement has an outcome that nobody knows:
    // at most one of each writer and turn. All others were run again.
    assert!(refused <= TURNS * 4, "{refused} writes were refused");
    stage.judge("end every connection", TURNS).await;
}
