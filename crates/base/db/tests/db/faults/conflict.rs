//! Deadlocks and serialization failures, as many as one likes.

use sayso_access::Role;
use sayso_kernel::Kind;
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};

use crate::notes::{self, Form};

/// Has the first `$times` inserts fail; the sequence counts them, since it is
/// not rolled back.
async fn failing(code: &str, times: u32) -> TestDatabase {
    let database = TestDatabase::new().await;
    let trigger = format!(
        "{};
         CREATE SEQUENCE tries;
         GRANT USAGE, SELECT ON tries TO sayso_app;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('tries') <= {times} THEN
                 RAISE 'two met' USING ERRCODE = '{code}';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION fail()",
        notes::TABLE
    );
    database.change(&trigger).await;
    database
}

async fn tries(database: &TestDatabase) -> i64 {
    let row = database.owner().await.query_one("SELECT last_value FROM tries", &[]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn what_fails_twice_is_done_once_in_the_end() {
    for code in ["40001", "40P01"] {
        for form in [Form::Transaction, Form::OneStatement] {
            let database = failing(code, 2).await;
            let node = Node::start(database.db());
            let ctx = TestCtx::new().acting(Role::Staff);
            let id = ctx.new_id();

            notes::take(database.db(), &ctx, form, id).await.unwrap();

            assert_eq!(tries(&database).await, 3);
            assert_eq!(notes::count(database.db(), id).await.unwrap(), 1);
            judge::assert_settled(database.db()).await;
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn what_fails_for_ever_is_given_up_after_six_runs_and_leaves_nothing() {
    for form in [Form::Transaction, Form::OneStatement] {
        let database = failing("40001", u32::MAX).await;
        let ctx = TestCtx::new().acting(Role::Staff);
        let id = ctx.new_id();

        let fault = notes::take(database.db(), &ctx, form, id).await.unwrap_err();

        assert_eq!(fault.kind(), Kind::Unavailable);
        assert_eq!(tries(&database).await, 6);
        assert_eq!(notes::count(database.db(), id).await.unwrap(), 0);
        assert_eq!(judge::waiting(database.db()).await.unwrap(), 0);
    }
}
