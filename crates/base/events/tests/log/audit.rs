//! The audit: chained, and closed to those who serve.

use std::time::Duration;

use sayso_access::Role;
use sayso_db::tokio_postgres::error::SqlState;
use sayso_events::{
    AuditKey, Chain, Sequencer, SequencerLimits, fits_the_audit, verify_chain, verify_chain_of,
};
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
async fn an_event_that_is_not_as_it_is_promised_is_seen_by_the_judge_though_nobody_heard_it() {
    let database = audited().await;
    let change = "UPDATE event_log SET type = 'task.gone'
                  WHERE position = (SELECT max(position) FROM event_log WHERE type = 'thing.moved')";

    database.superuser().await.execute(change, &[]).await.unwrap();

    let wrong = judge::log(database.db()).await.unwrap();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("does not fit: task.gone: "), "{wrong:?}");
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

/// So many entries, under this key.
async fn entries_under(database: &TestDatabase, root: &RootKey, count: i64) {
    let ctx = TestCtx::new().acting(Role::Staff);
    let node = signing(database, root, Duration::from_secs(3600)).start();
    for _ in 0..count {
        bump(database.db(), &ctx, 1).await.unwrap();
    }
    judge::settle(database.db()).await;
    node.stop().await;
}

#[tokio::test]
async fn a_chain_whose_key_was_changed_holds_and_what_was_altered_is_named_on_either_side() {
    let database = database().await;
    let (old, new) = (root_key(), RootKey::new([8; 32]));
    let (before, after) = (AuditKey::of(&old), AuditKey::of(&new));
    entries_under(&database, &old, 2).await;
    let verify = async |earlier: &[AuditKey]| {
        let mut told = Vec::new();
        let found = verify_chain_of(database.db(), &after, earlier, |n, of| told.push((n, of)));
        let found = found.await.unwrap();
        let all = found.as_ref().ok().map(|chain| (chain.entries, chain.entries));
        assert_eq!(told.pop(), all, "how far it has come is told, up to the end");
        found
    };
    let earlier = [before.clone()];
    assert_eq!(verify(&earlier).await, Ok(Chain { entries: 2, by_present_key: 0 }));
    entries_under(&database, &new, 3).await;
    assert_eq!(verify(&earlier).await, Ok(Chain { entries: 5, by_present_key: 3 }));
    assert_eq!(verify(&[]).await, Err(1), "who began it must be known");

    let intruder = database.superuser().await;
    let off = "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only";
    intruder.batch_execute(off).await.unwrap();
    for seq in [4_i64, 3, 2] {
        let alter = "UPDATE audit_log SET entry = replace(entry, 'thing.moved', 'thing.stayed')
                     WHERE seq = $1";
        intruder.execute(alter, &[&seq]).await.unwrap();
        assert_eq!(verify(&earlier).await, Err(seq));
    }
}

#[tokio::test]
async fn a_chain_never_goes_back_to_a_key_that_it_has_left() {
    let database = database().await;
    let (old, new) = (root_key(), RootKey::new([8; 32]));
    let (before, after) = (AuditKey::of(&old), AuditKey::of(&new));
    for root in [&old, &new, &old] {
        entries_under(&database, root, 1).await;
    }

    let verify = async |key: &AuditKey, earlier: &AuditKey| {
        let earlier = std::slice::from_ref(earlier);
        verify_chain_of(database.db(), key, earlier, |_, _| ()).await.unwrap()
    };
    let found = verify(&after, &before).await;
    let turned = verify(&before, &after).await;

    assert_eq!(found, Err(3));
    assert_eq!(turned, Err(2), "who signs at the end has not signed before");
}

#[tokio::test]
async fn the_end_of_the_audit_fits_the_key_that_signed_it_last_and_none_while_it_is_empty() {
    let database = database().await;
    let (old, new) = (root_key(), RootKey::new([8; 32]));
    let keys = [AuditKey::of(&old), AuditKey::of(&new)];
    let fits = async |keys: &[AuditKey]| fits_the_audit(database.db(), keys).await.unwrap();

    assert_eq!(fits(&keys).await, None);
    entries_under(&database, &old, 1).await;
    let first = (fits(&keys).await, fits(&keys[..1]).await, fits(&keys[1..]).await);
    entries_under(&database, &new, 2).await;
    let then = (fits(&keys).await, fits(&keys[..1]).await, fits(&keys[1..]).await);

    assert_eq!(first, (Some(true), Some(true), Some(false)));
    assert_eq!(then, (Some(true), Some(false), Some(true)));
    assert_eq!(fits(&[]).await, Some(false), "somebody has signed it");
}

/// A node that signs the end of the audit whenever it looks.
fn sealing(database: &TestDatabase) -> Candidate {
    signing(database, &root_key(), Duration::ZERO)
}

/// A node that signs with this key.
fn signing(database: &TestDatabase, root: &RootKey, seal_every: Duration) -> Candidate {
    let candidate = Candidate::new(database.db());
    let limits = SequencerLimits {
        batch_max: 500,
        batch_bytes_max: 4 << 20,
        poll: Duration::from_millis(50),
        seal_every,
    };
    let (stage, key) = (TestCtx::new(), AuditKey::of(root));
    // Nobody listens to its batches: the follower reads the log.
    let (hints, _) = mpsc::channel(1);
    let db = database.db().clone();
    let sequencer = Sequencer::new(db, limits, key, stage.clock, stage.random, hints);
    Candidate { sequencer, ..candidate }
}
