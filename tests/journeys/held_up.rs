//! Writes that wait for their turn in the database for as long as a test wants.

use std::time::Duration;

use sayso_db::tokio_postgres::Client;
use sayso_testkit::{TestDatabase, until};

const SOON: Duration = Duration::from_secs(30);

/// While it lasts, whatever writes a fact waits.
pub struct HeldUp(Client);

impl HeldUp {
    pub async fn begin(database: &TestDatabase) -> Self {
        let holder = database.superuser().await;
        holder.batch_execute("BEGIN; LOCK TABLE outbox IN SHARE MODE").await.unwrap();
        Self(holder)
    }

    /// Waits until a message is really waiting.
    pub async fn until_somebody_waits(&self) {
        // Whoever takes from there waits as well.
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'
                     AND query NOT LIKE '%DELETE FROM outbox%'";
        until("a message to wait", SOON, async || {
            let waiting: i64 = self.0.query_one(sql, &[]).await.unwrap().get(0);
            (waiting > 0).then_some(())
        })
        .await;
    }

    pub async fn end(&self) {
        self.0.batch_execute("ROLLBACK").await.unwrap();
    }
}
