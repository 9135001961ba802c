//! Channels and their categories on a real database.

mod categories;
mod company;
mod door;
mod life;
mod lists;
mod members;
mod reading;
mod together;

use sayso_testkit::TestDatabase;

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_channels::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}
