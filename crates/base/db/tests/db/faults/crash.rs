//! The server crashes under a COMMIT of which nothing has reached the disk.

use std::time::Duration;

use sayso_access::Role;
use sayso_config::Database;
use sayso_db::DbLimits;
use sayso_testkit::{TestCtx, TestPostgres, until};

use crate::notes::{self, Form};

/// COMMIT takes its time, so that it can be crashed under.
const SLOW_COMMIT: &str = "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         PERFORM pg_sleep(0.5);
         RETURN NULL;
     END $$;
     CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON notes
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_not_taken_for_another_that_was_given_its_number_after_a_crash() {
    // Nothing but a commit writes the log of the server to the disk.
    let mut server = TestPostgres::start(&["wal_writer_delay=10s"]).await;
    server.change(notes::TABLE).await;
    server.change(SLOW_COMMIT).await;
    let db = server.db(&DbLimits::from(&Database::default()));
    let ctx = TestCtx::new().acting(Role::Staff);
    let id = ctx.new_id();
    let superuser = server.superuser().await;

    let (writing, writer) = (db.clone(), ctx.clone());
    let write =
        tokio::spawn(async move { notes::take(&writing, &writer, Form::Transaction, id).await });
    until("the COMMIT to be under way", Duration::from_secs(5), async || {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'";
        superuser.query_opt(sql, &[]).await.unwrap()
    })
    .await;
    server.restart_immediate().await;
    // Others are given its number, and the next ones, and commit.
    let superuser = server.superuser().await;
    for _ in 0..50 {
        superuser.query_one("SELECT pg_current_xact_id()::text", &[]).await.unwrap();
    }
    let answer = write.await.unwrap();

    let stored = notes::count(&db, id).await.unwrap();
    assert_eq!(stored, i64::from(answer.is_ok()), "answered {answer:?}");
}
