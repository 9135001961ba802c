//! What a database looks like: its schema, its rows, its half-built indexes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use sayso_config::process_environment;
use sayso_testkit::TestDatabase;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

/// The whole schema as PostgreSQL's own tool writes it.
pub async fn schema(database: &TestDatabase) -> String {
    // One server for all, which some tests dump a hundred times.
    static TOOL: OnceCell<PathBuf> = OnceCell::const_new();
    let tool = TOOL.get_or_init(async || {
        let version = one(database, "SHOW server_version_num").await;
        pg_dump(&version[..version.len() - 4])
    });
    let tool = tool.await;
    let url = database.owner_url();
    let output = Command::new(tool).args(["--schema-only", "--dbname", &url]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", tool.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("a schema is text");
    // Newer versions guard a dump by a word that is another one each time.
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}

fn pg_dump(major: &str) -> PathBuf {
    let named = process_environment().find(|(name, _)| name == "SAYSO_PG_BIN");
    let folders = named.map(|(_, bin)| bin).into_iter();
    let folders = folders.chain([format!("/usr/lib/postgresql/{major}/bin")]);
    let paths = folders.map(|folder| PathBuf::from(folder).join("pg_dump"));
    paths.into_iter().find(|path| path.exists()).unwrap_or_else(|| "pg_dump".into())
}

/// Everything that has a name: quick, for a look after each kill.
pub async fn names(client: &Client) -> Vec<String> {
    let sql = "SELECT relkind::text || ' ' || relname FROM pg_class
               WHERE relnamespace = 'public'::regnamespace AND relname !~ '^schema_migrations'
               UNION ALL SELECT 'function ' || proname FROM pg_proc
               WHERE pronamespace = 'public'::regnamespace
               UNION ALL SELECT 'constraint ' || conname FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace AND conname !~ '^schema_migrations'
               UNION ALL SELECT 'extension ' || extname FROM pg_extension
               ORDER BY 1";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Each table and a digest of all its rows, as the owner sees them.
pub async fn rows(owner: &Client) -> BTreeMap<String, String> {
    let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
                  AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations'";
    let mut found = BTreeMap::new();
    for table in owner.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '')
             FROM {table} t"
        );
        let digest: String = owner.query_one(&sql, &[]).await.unwrap().get(0);
        found.insert(table, digest);
    }
    found
}

/// Indexes that every write pays for and no read uses.
pub async fn invalid_indexes(database: &TestDatabase) -> Vec<String> {
    let sql = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid";
    let rows = database.owner().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// One text from the database.
pub async fn one(database: &TestDatabase, sql: &str) -> String {
    database.superuser().await.query_one(sql, &[]).await.unwrap().get(0)
}
