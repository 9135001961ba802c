//! What clients keep in `metadata` is found by what it holds.

use sayso_testkit::TestDatabase;

/// In an empty table one way is as good as another: the others go.
const LEAVE_IT_ALONE: &str = "DO $$ DECLARE it record; BEGIN
    FOR it IN SELECT indexrelid::regclass AS name FROM pg_index
              WHERE indrelid = 'TABLE'::regclass
                AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
                AND indexrelid <> 'TABLE_metadata_idx'::regclass LOOP
        EXECUTE 'DROP INDEX ' || it.name;
    END LOOP;
END $$; SET enable_seqscan = off";

#[tokio::test]
async fn each_table_with_metadata_has_an_index_of_what_it_holds() {
    let database = TestDatabase::new().await;
    let client = database.owner().await;
    for table in ["users", "categories", "channels", "messages", "tasks"] {
        client.batch_execute(&LEAVE_IT_ALONE.replace("TABLE", table)).await.unwrap();
        let question = format!(
            "EXPLAIN SELECT id FROM {table} WHERE metadata @> '{{\"ticket\": \"A-7\"}}'
                 AND metadata <> '{{}}' AND deleted_at IS NULL"
        );

        let plan = client.query(&question, &[]).await.unwrap();
        let plan: Vec<&str> = plan.iter().map(|row| row.get(0)).collect();

        let condition = "Index Cond: (metadata @> ";
        assert!(plan.iter().any(|line| line.contains(condition)), "{}", plan.join("\n"));
    }
}
