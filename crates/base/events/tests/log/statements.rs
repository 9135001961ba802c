//! Every constant statement fits the real schema.

use sayso_testkit::TestDatabase;

#[tokio::test]
async fn every_statement_of_the_base_can_be_prepared_by_the_serving_role() {
    let database = TestDatabase::new().await;
    let client = database.app().await;
    let statements = [sayso_db::statements(), sayso_events::statements()].concat();
    assert!(statements.len() > 8, "only {} statements were found", statements.len());

    for sql in statements {
        if let Err(error) = client.prepare(sql.text).await {
            panic!("{}: {error:?}", sql.name);
        }
    }
}
