//! May the server lose what it has confirmed?

use sayso_config::Database;
use sayso_db::{DbLimits, Queries, Sql, check_durability};
use sayso_testkit::TestPostgres;

const SHOW: Sql = Sql::new("test.show", "SELECT current_setting('synchronous_commit')");

#[tokio::test]
async fn each_setting_under_which_it_may_is_named() {
    let server = TestPostgres::start(&["fsync=off", "full_page_writes=off"]).await;
    let db = server.db(&DbLimits::from(&Database::default()));

    let mut named = check_durability(&db).await.unwrap();

    named.sort();
    assert_eq!(named, ["fsync=off", "full_page_writes=off"]);
}

#[tokio::test]
async fn a_commit_is_waited_for_even_where_the_server_would_not() {
    let server = TestPostgres::start(&["synchronous_commit=off"]).await;
    let db = server.db(&DbLimits::from(&Database::default()));

    for db in [db.clone(), db.background()] {
        let row = db.read().row(&SHOW, &[]).await.unwrap().unwrap();
        assert_eq!(row.get::<_, String>(0), "on");
    }

    assert_eq!(check_durability(&db).await.unwrap(), Vec::<String>::new());
}
