//! The audit: chained, and closed to those who serve.

use std::time::Duration;

use sayso_access::Role;
use sayso_db::tokio_postgres::error::SqlState;
use sayso_events::{AuditKey, Sequencer, SequencerLimits, verify_chain};
use sayso_kernel::secret::RootKey;
use sayso_testkit::{Candidate, Node, TestCtx, TestDatabase, judge, root_key, until};
use tokio::sync::mpsc;

use crate::things::{bump, database};

const ENTRIES: i64 = 5;
const SEALED_WITHIN: Duration = Duration::from_secs(10);

async fn audited() -> TestDatabase {
    let database = database().await;
    let ctx = TestCtx::new().acting(Role::Staff);
    let node = Node::start(database.db());
    for _ in 0..ENTRIES {
        bump(database.db(), &ctx, 1).await.unwrap();
    }
    judge::assert_settled(database.db()).await;
    node.stop().await;
    database
}

#[tokio::test]
async fn the_chain_holds_and_names_an_entry_that_was_altered() {
    let database = audited().await;
    let key = AuditKey::of(&root_key());
    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Ok(ENTRIES));

    let intruder = database.superuser().await;
    intruder
        .batch_execute(
            "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
             UPDATE audit_log SET entry = replace(entry, 'thing.moved', 'thing.stayed')
             WHERE seq = 3",
        )
        .await
        .unwrap();

    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Err(3));
    assert!(!judge::log(database.db()).await.unwrap().is_empty(), "the judge sees it too");
}

#[tokio::test]
async fn the_chain_breaks_where_an_entry_was_taken_out_even_the_last() {
    let database = audited().await;
    let intruder = database.superuser().await;
    let key = AuditKey::of(&root_key());
    intruder
        .batch_execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only")
        .await
        .unwrap();

    intruder.execute("DELETE FROM audit_log WHERE seq = 5", &[]).await.unwrap();
    let last_gone = judge::log(database.db()).await.unwrap();
    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Err(5));
    intruder.execute("DELETE FROM audit_log WHERE seq = 2", &[]).await.unwrap();

    assert!(!last_gone.is_empty());
    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Err(2));
}

#[tokio::test]
async fn what_an_entry_is_found_by_is_compared_with_its_text() {
    let database = audited().await;
    let intruder = database.superuser().await;
    let key = AuditKey::of(&root_key());

    for change in ["actor_id = NULL", "action = 'thing.stayed'", "at = at + interval '1 second'"] {
        intruder
            .batch_execute(&format!(
                "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
                 CREATE TEMPORARY TABLE kept AS SELECT * FROM audit_log WHERE seq = 4;
                 UPDATE audit_log SET {change} WHERE seq = 4"
            ))
            .await
            .unwrap();
        assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Err(4), "{change}");
        intruder
            .batch_execute(
                "DELETE FROM audit_log WHERE seq = 4;
                 INSERT INTO audit_log SELECT * FROM kept;
                 DROP TABLE kept",
            )
            .await
            .unwrap();
        assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Ok(ENTRIES));
    }
}

#[tokio::test]
async fn the_chain_cannot_be_forged_without_the_key() {
    let database = audited().await;

    let other = AuditKey::of(&RootKey::new([8; 32]));

    assert_eq!(verify_chain(database.db(), &other).await.unwrap(), Err(1));
}

#[tokio::test]
async fn neither_the_serving_role_nor_the_owner_can_change_the_audit() {
    let database = audited().await;
    let statements =
        ["UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log", "TRUNCATE audit_log"];

    for client in [database.app().await, database.owner().await] {
        for sql in statements {
            let error = client.batch_execute(sql).await.expect_err(sql);
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
        }
    }

    assert_eq!(judge::log(database.db()).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_end_that_was_cut_off_with_its_head_is_missed_by_the_seal() {
    let database = audited().await;
    let key = AuditKey::of(&root_key());
    let node = sealing(&database).start();
    let reader = database.superuser().await;
    until("a seal in the log", SEALED_WITHIN, async || {
        let seals = "SELECT 1 FROM event_log WHERE type = 'audit.sealed'";
        (!reader.query(seals, &[]).await.unwrap().is_empty()).then_some(())
    })
    .await;
    node.stop().await;
    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Ok(ENTRIES));

    reader
        .batch_execute(
            "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
             DELETE FROM audit_log WHERE seq = 5;
             UPDATE log_head SET audit_seq = 4,
                    audit_hash = (SELECT hash FROM audit_log WHERE seq = 4)",
        )
        .await
        .unwrap();

    assert_eq!(verify_chain(database.db(), &key).await.unwrap(), Err(ENTRIES));
}

/// A node that signs the end of the audit whenever it looks.
fn sealing(database: &TestDatabase) -> Candidate {
    let candidate = Candidate::new(database.db());
    let limits = SequencerLimits {
        batch_max: 500,
        batch_bytes_max: 4 << 20,
        poll: Duration::from_millis(50),
        seal_every: Duration::ZERO,
    };
    let (stage, key) = (TestCtx::new(), AuditKey::of(&root_key()));
    // Nobody listens to its batches: the follower reads the log.
    let (hints, _) = mpsc::channel(1);
    let db = database.db().clone();
    let sequencer = Sequencer::new(db, limits, key, stage.clock, stage.random, hints);
    Candidate { sequencer, ..candidate }
}
