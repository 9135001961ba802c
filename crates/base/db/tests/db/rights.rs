//! What the serving role may do afterwards.

use sayso_testkit::TestDatabase;
use tokio_postgres::error::SqlState;

use crate::{dump, sets};

/// Changes with every change of a table's rights.
const RIGHTS: &str = "SELECT string_agg(xmin::text || coalesce(relacl::text, ''), ' ' ORDER BY oid)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace";

#[tokio::test]
async fn the_serving_role_may_change_rows_but_not_the_audit_nor_the_record() {
    let database = TestDatabase::empty().await;
    sets::named("shipped").up(&database.owner_config(), Some("sayso_app")).await.unwrap();
    let app = database.app().await;

    app.batch_execute("UPDATE users SET name = name; SELECT log_ensure_partitions(1)")
        .await
        .unwrap();
    for sql in [
        "UPDATE audit_log SET seq = 1",
        "DELETE FROM audit_log",
        "TRUNCATE users",
        "DELETE FROM schema_migrations",
        "UPDATE schema_migrations SET name = ''",
        "CREATE TABLE mine ()",
        "DROP TABLE users",
    ] {
        let refused = app.batch_execute(sql).await.expect_err(sql);
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
}

#[tokio::test]
async fn a_start_with_nothing_to_do_leaves_rights_alone_and_mends_what_is_missing() {
    let database = TestDatabase::empty().await;
    let migrator = sets::named("shipped");
    let start = async || migrator.up(&database.owner_config(), Some("sayso_app")).await.unwrap();
    start().await;
    let before = dump::one(&database, RIGHTS).await;

    assert_eq!(start().await, [""; 0]);
    assert_eq!(dump::one(&database, RIGHTS).await, before);

    database
        .change("REVOKE INSERT ON users FROM sayso_app; GRANT UPDATE ON audit_log TO sayso_app")
        .await;
    assert_eq!(start().await, [""; 0]);
    let app = database.app().await;
    let sql = "SELECT has_table_privilege('users', 'INSERT') AND
                      NOT has_table_privilege('audit_log', 'UPDATE')";
    assert!(app.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
}
