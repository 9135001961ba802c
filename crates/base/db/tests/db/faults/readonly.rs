//! The server takes no writes, or not those of the outbox.

use sayso_access::Role;
use sayso_db::is_up;
use sayso_kernel::Kind;
use sayso_testkit::TestCtx;

use super::stage::Stage;
use crate::notes::{self, Form};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_refuses_writes_and_answers_reads() {
    let stage = Stage::begin(&[]).await;

    stage.server.set("default_transaction_read_only", "on").await;
    stage.until_refused(50).await;
    let ctx = TestCtx::new().acting(Role::Staff);
    let id = ctx.new_id();
    for form in [Form::Transaction, Form::OneStatement] {
        let fault = notes::take(&stage.db, &ctx, form, id).await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
    }
    assert_eq!(notes::count(&stage.db, id).await.unwrap(), 0);
    assert!(is_up(&stage.db).await);
    stage.server.set("default_transaction_read_only", "off").await;

    stage.judge("a read-only PostgreSQL", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_fact_cannot_be_stored_does_not_happen() {
    let stage = Stage::begin(&[]).await;

    stage
        .server
        .change(
            "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE 'no space left on device' USING ERRCODE = '53100';
             END $$;
             CREATE TRIGGER no_space BEFORE INSERT ON outbox EXECUTE FUNCTION no_space()",
        )
        .await;
    stage.until_refused(50).await;
    let ctx = TestCtx::new().acting(Role::Staff);
    let id = ctx.new_id();
    for form in [Form::Transaction, Form::OneStatement] {
        let fault = notes::take(&stage.db, &ctx, form, id).await.unwrap_err();
        assert_eq!(fault.kind(), Kind::Unavailable);
    }
    assert_eq!(notes::count(&stage.db, id).await.unwrap(), 0);
    stage.server.change("DROP FUNCTION no_space CASCADE").await;

    stage.judge("an outbox without space", 1).await;
}
