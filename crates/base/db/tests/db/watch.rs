//! What is told of statements: their names, never their parameters.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use parking_lot::Mutex;
use sayso_access::Role;
use sayso_config::Database;
use sayso_db::{DbLimits, Queries, Sql};
use sayso_testkit::{TestCtx, TestDatabase};

use crate::notes::{self, Form};

const SLOW: Sql = Sql::new("test.slow", "SELECT pg_sleep(0.3), $1::text");
const QUICK: Sql = Sql::new("test.quick", "SELECT $1::text");
const WRONG: Sql = Sql::new("test.wrong", "SELECT 1 / ($1::text::int)");

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

#[tokio::test]
async fn a_slow_statement_is_told_by_its_name_without_parameters() {
    let database = TestDatabase::new().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _collecting = tracing::subscriber::set_default(subscriber);
    let limits = DbLimits {
        slow_statement: Duration::from_millis(250),
        ..DbLimits::from(&Database::default())
    };
    let db = database.another_db(&limits);
    let ctx = TestCtx::new().acting(Role::Staff);

    db.read().rows(&QUICK, &[&"a secret"]).await.unwrap();
    db.read().rows(&SLOW, &[&"a secret"]).await.unwrap();
    db.transaction(&ctx, async |tx, _| Ok(tx.rows(&SLOW, &[&"a secret"]).await?.len()))
        .await
        .unwrap();

    let text = lines.text();
    let told = text.matches("a statement was slow").count();
    assert_eq!(told, 2, "{text}");
    assert!(text.contains("test.slow"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("test.quick"), "{text}");
}

#[tokio::test]
async fn each_statement_has_its_duration_rows_and_errors_under_its_name() {
    let database = TestDatabase::new().await;
    database.change(notes::TABLE).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let ctx = TestCtx::new().acting(Role::Staff);

    let db = database.db();
    db.read().rows(&QUICK, &[&"x"]).await.unwrap();
    db.read().rows(&WRONG, &[&"0"]).await.unwrap_err();
    for form in [Form::Transaction, Form::OneStatement] {
        notes::take(db, &ctx, form, ctx.new_id()).await.unwrap();
    }

    let text = handle.render();
    for line in [
        "sayso_db_statement_seconds_count{statement=\"test.quick\"} 1",
        "sayso_db_rows_total{statement=\"test.quick\"} 1",
        "sayso_db_statement_errors_total{statement=\"test.wrong\"} 1",
        "sayso_db_statement_seconds_count{statement=\"notes.insert\"} 1",
        "sayso_db_statement_seconds_count{statement=\"notes.insert_hot\"} 1",
        "sayso_db_statement_seconds_count{statement=\"outbox.insert\"} 1",
        "sayso_db_pool_wait_seconds_count{lane=\"requests\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
    }
}
