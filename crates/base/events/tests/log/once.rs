//! Writes under a key.

use std::time::Duration;

use bytes::Bytes;
use sayso_access::{Ctx, Role};
use sayso_db::{CODES, Db, DbLimits, IdempotencyKey, StoredReply, Tx, Written};
use sayso_kernel::Fault;
use sayso_testkit::TestCtx;

use crate::things::{self, bump_in, database};

fn key(fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey {
        scope: "somebody".to_owned(),
        route: "POST /things".to_owned(),
        key: "k".to_owned(),
        fingerprint: [fingerprint; 32],
    }
}

/// Moves thing 1 and answers with something that no second run could answer.
async fn work(tx: &mut Tx, ctx: &Ctx) -> Result<StoredReply, Fault> {
    let version = bump_in(tx, 1).await?;
    let body = format!("{version} {}", ctx.new_id());
    let headers = vec![("location".to_owned(), "/things/1".to_owned())];
    Ok(StoredReply { status: 201, headers, body: Bytes::from(body) })
}

async fn write(db: &Db, ctx: &Ctx, fingerprint: u8) -> Result<Written, Fault> {
    db.write_once(ctx, Some(&key(fingerprint)), work).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_twins_on_two_nodes_are_one_write_with_one_answer() {
    let database = database().await;
    let stage = TestCtx::new();
    let limits = DbLimits::from(&Default::default());
    let nodes = [database.another_db(&limits), database.another_db(&limits)];

    let twins: Vec<_> = (0..50)
        .map(|twin| {
            let (db, ctx) = (nodes[twin % 2].clone(), stage.acting(Role::Staff));
            tokio::spawn(async move { write(&db, &ctx, 1).await })
        })
        .collect();
    let mut answers = Vec::new();
    for twin in twins {
        match twin.await.unwrap() {
            Ok(written) => answers.push(written),
            Err(fault) => assert_eq!(fault.code().name, "idempotency.in_progress"),
        }
    }

    assert_eq!(things::version(&database, 1).await, 1);
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.len() > 1, "nobody was told the first answer");
    assert!(answers.iter().all(|answer| answer.reply == answers[0].reply));
    assert_eq!(answers[0].reply.headers[0].0, "location");
}

#[tokio::test]
async fn a_twin_of_a_long_write_is_told_to_come_back_and_then_gets_its_answer() {
    let database = database().await;
    let (db, stage) = (database.db().clone(), TestCtx::new());
    let (sender, gate) = tokio::sync::oneshot::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel::<()>();
    let ctx = stage.acting(Role::Staff);
    let first = tokio::spawn({
        let (db, ctx) = (db.clone(), ctx.clone());
        let mut parts = Some((gate, entered));
        async move {
            db.write_once(&ctx, Some(&key(1)), async move |tx, ctx| {
                let reply = work(tx, ctx).await?;
                let (gate, entered) = parts.take().expect("it runs once");
                entered.send(()).unwrap();
                gate.await.unwrap();
                Ok(reply)
            })
            .await
        }
    });
    inside.await.unwrap();

    let limits = DbLimits::from(&Default::default());
    let (here, elsewhere) = (write(&db, &ctx, 1), database.another_db(&limits));
    let (here, elsewhere) = tokio::join!(here, write(&elsewhere, &ctx, 1));
    sender.send(()).unwrap();
    let first = first.await.unwrap().unwrap();
    let again = write(&db, &ctx, 1).await.unwrap();

    for twin in [here, elsewhere] {
        assert_eq!(twin.unwrap_err().code().name, "idempotency.in_progress");
    }
    assert!(again.replayed);
    assert_eq!(again.reply, first.reply);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused_and_changes_nothing() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));
    write(db, &ctx, 1).await.unwrap();

    let fault = write(db, &ctx, 2).await.unwrap_err();

    assert_eq!(fault.code().name, "idempotency.mismatch");
    assert!(CODES.iter().any(|code| code.name == fault.code().name));
    assert_eq!(things::version(&database, 1).await, 1);
}

#[tokio::test]
async fn a_refused_write_keeps_no_answer() {
    let database = database().await;
    let (db, ctx) = (database.db(), TestCtx::new().acting(Role::Staff));

    let refused = db
        .write_once(&ctx, Some(&key(1)), async |tx, _| {
            bump_in(tx, 1).await?;
            Err(Fault::unavailable("not today"))
        })
        .await;
    let written = write(db, &ctx, 1).await.unwrap();

    assert!(refused.is_err());
    assert!(!written.replayed);
    assert_eq!(things::version(&database, 1).await, 1);
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let database = database().await;
    let (db, stage) = (database.db(), TestCtx::new());
    let ctx = stage.acting(Role::Staff);
    write(db, &ctx, 1).await.unwrap();

    stage.advance(Duration::from_secs(24 * 3600 - 1));
    assert!(write(db, &ctx, 1).await.unwrap().replayed);
    stage.advance(Duration::from_secs(2));
    let fresh = write(db, &ctx, 2).await.unwrap();

    assert!(!fresh.replayed);
    assert!(write(db, &ctx, 2).await.unwrap().replayed);
}
