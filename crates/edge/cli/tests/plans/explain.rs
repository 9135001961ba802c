//! Plans and pages, as PostgreSQL tells them.

use sayso_db::Sql;
use sayso_kernel::Random;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::draw::Pools;
use crate::params::Params;

/// From so many rows on a table is not to be read from end to end.
const LARGE: &str = "SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples >= 10000";
/// Sets of parameters of which the costliest counts.
const ASKED: usize = 12;

/// Their names.
pub async fn large_tables(client: &Client) -> Vec<String> {
    client.query(LARGE, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn lines(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await;
    let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

async fn prepare(client: &Client, sql: &Sql) {
    let prepared = client.batch_execute(&format!("PREPARE asked AS {}", sql.text)).await;
    prepared.unwrap_or_else(|error| panic!("{}: {error:?}", sql.name));
}

/// The plan of a statement that has been prepared and does not know what it
/// will be asked with.
pub async fn generic_plan(client: &Client, sql: &Sql) -> Vec<String> {
    prepare(client, sql).await;
    let count = "SELECT cardinality(parameter_types) FROM pg_prepared_statements
                 WHERE name = 'asked'";
    let count: i32 = client.query_one(count, &[]).await.unwrap().get(0);
    let nothing = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
    let arguments = if nothing.is_empty() { String::new() } else { format!("({nothing})") };
    let plan = lines(client, &format!("EXPLAIN (COSTS OFF) EXECUTE asked{arguments}")).await;
    client.batch_execute("DEALLOCATE asked").await.unwrap();
    plan
}

/// What is wrong with a plan that reads a large table from end to end.
pub fn scan_of_a_large_table(sql: &Sql, plan: &[String], large: &[String]) -> Option<String> {
    let scanned = plan.iter().filter_map(|line| line.split_once("Seq Scan on "));
    let table = scanned.map(|(_, rest)| rest.split(' ').next().unwrap_or(rest));
    let table = table.into_iter().find(|table| large.iter().any(|name| name == table))?;
    Some(format!("{} reads {table} from end to end:\n{}", sql.name, plan.join("\n")))
}

/// Pages that the statement touches at the most, for reads; what a write
/// touches depends on where in an index its row falls.
pub async fn pages(client: &Client, sql: &Sql, params: &Params, pools: &Pools) -> Option<u64> {
    let text = sql.text.replace("FOR UPDATE", "");
    if ["INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| text.contains(verb)) {
        return None;
    }
    let (words, random) = (params.of(sql.name), Random::seeded(1));
    prepare(client, sql).await;
    let mut most = 0;
    for _ in 0..ASKED {
        let values = pools.draw(&words, &random);
        let values: Vec<String> = values.iter().map(|value| value.literal()).collect();
        let arguments =
            if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        client.batch_execute("BEGIN").await.unwrap();
        let explain = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)";
        let told = lines(client, &format!("{explain} EXECUTE asked{arguments}")).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        most = most.max(touched(&told));
    }
    client.batch_execute("DEALLOCATE asked").await.unwrap();
    Some(most)
}

/// The pages of the outermost node.
fn touched(told: &[String]) -> u64 {
    let line = told.iter().find_map(|line| line.trim().strip_prefix("Buffers: shared "));
    let parts = line.unwrap_or_default().split([' ', ',']);
    let of = |part: &str| {
        let (kind, count) = part.split_once('=')?;
        matches!(kind, "hit" | "read").then(|| count.parse::<u64>().ok())?
    };
    parts.filter_map(of).sum()
}

#[test]
fn pages_are_those_found_and_those_read() {
    let told = ["Limit".to_owned(), "  Buffers: shared hit=12 read=3 dirtied=1".to_owned()];

    assert_eq!(touched(&told), 15);
}
