//! `docs/schema.md` is made from the schema as it is, and says nothing else.

use std::fmt::Write as _;
use std::path::PathBuf;

use sayso_testkit::TestDatabase;
use tokio_postgres::{Client, Row};

const HEAD: &str = "# The schema

Made from the live schema by `cargo xtask schema`; a test fails when it is not what the migrations
make. Why a table is as it is stands beside it in [migrations](../migrations).

An arrow goes from what is named to what names it. `?` marks what may be null.

```mermaid
erDiagram
";

/// Every table but the ranges of the log, with what its rows are named by.
const TABLES: &str = "
    SELECT c.relname, c.relname, c.relkind = 'p'
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname <> 'schema_migrations'
    ORDER BY 1";

const COLUMNS: &str = "
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attgenerated = 's',
           coalesce((SELECT string_agg(DISTINCT CASE k.contype WHEN 'p' THEN 'PK' WHEN 'f' THEN 'FK'
                                                ELSE 'UK' END, ', ')
                     FROM pg_constraint k
                     WHERE k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)
                       AND k.contype IN ('p', 'f', 'u')), '')
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum";

/// The end of each line of the diagram: many or at most one, and whether it
/// has to name somebody.
const REFERENCES: &str = "
    SELECT k.confrelid::regclass::text, k.conrelid::regclass::text,
           (SELECT string_agg(a.attname, ', ' ORDER BY n.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS n(attnum, place)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.attnum),
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid
                   AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull),
           CASE k.confdeltype WHEN 'c' THEN 'goes with it' WHEN 'n' THEN 'is cleared'
                              ELSE 'holds it' END
    FROM pg_constraint k
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
      AND NOT (SELECT relispartition FROM pg_class WHERE oid = k.conrelid)
    ORDER BY 1, 2, 3";

const INDEXES: &str = "
    SELECT i.indexrelid::regclass::text, regexp_replace(pg_get_indexdef(i.indexrelid),
                                                        '^CREATE .*? USING ', '')
    FROM pg_index i WHERE i.indrelid = $1::text::regclass ORDER BY 1";

async fn rows(client: &Client, sql: &str, table: Option<&str>) -> Vec<Row> {
    match table {
        Some(table) => client.query(sql, &[&table]).await.unwrap(),
        None => client.query(sql, &[]).await.unwrap(),
    }
}

/// The document of the schema that the migrations make.
async fn document() -> String {
    let database = TestDatabase::new().await;
    let client = database.owner().await;
    let tables = rows(&client, TABLES, None).await;
    let (mut diagram, mut details) = (String::from(HEAD), String::new());
    for table in &tables {
        let (name, is_partitioned): (&str, bool) = (table.get(0), table.get(2));
        let columns = rows(&client, COLUMNS, Some(name)).await;
        let _ = writeln!(diagram, "    {name} {{");
        let _ = write!(details, "\n## {name}\n\n");
        if is_partitioned {
            details.push_str("In ranges.\n\n");
        }
        details.push_str("| column | type | default | key |\n|---|---|---|---|\n");
        for column in &columns {
            column_of(column, &mut diagram, &mut details);
        }
        diagram.push_str("    }\n");
        let indexes = rows(&client, INDEXES, Some(name)).await;
        if !indexes.is_empty() {
            details.push('\n');
        }
        for index in indexes {
            let (name, definition): (&str, &str) = (index.get(0), index.get(1));
            let _ = writeln!(details, "- `{name}`: `{definition}`");
        }
    }
    for reference in rows(&client, REFERENCES, None).await {
        let (to, from, columns): (&str, &str, &str) =
            (reference.get(0), reference.get(1), reference.get(2));
        let line = if reference.get(3) { "|o--o{" } else { "||--o{" };
        let end: &str = reference.get(4);
        let _ = writeln!(diagram, "    {to} {line} {from} : \"{columns} ({end})\"");
    }
    diagram.push_str(
        "```\n\nA line says what becomes of the row that names another when that one is purged: it \
         goes with it,\nit is cleared, or it holds it.\n",
    );
    diagram + &details
}

fn column_of(column: &Row, diagram: &mut String, details: &mut String) {
    let (name, kind, is_required): (&str, &str, bool) =
        (column.get(0), column.get(1), column.get(2));
    let (default, is_generated, keys): (&str, bool, &str) =
        (column.get(3), column.get(4), column.get(5));
    let short = kind.replace("timestamp with time zone", "timestamptz").replace(' ', "_");
    let _ = writeln!(diagram, "{}", format!("        {short} {name} {keys}").trim_end());
    let null = if is_required { "" } else { "?" };
    let default = match (default, is_generated) {
        ("", _) => String::new(),
        (_, true) => "made from the row".to_owned(),
        (text, false) => format!("`{text}`"),
    };
    let _ = writeln!(details, "| {name} | {short}{null} | {default} | {keys} |");
}

fn path() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/schema.md").into()
}

#[tokio::test]
async fn the_document_of_the_schema_is_that_of_the_live_schema() {
    let written = std::fs::read_to_string(path()).unwrap_or_default();

    let fresh = document().await;

    let differs = written.lines().zip(fresh.lines()).position(|(one, two)| one != two);
    assert!(
        written == fresh,
        "docs/schema.md differs at line {}: run `scripts/schema`, read the difference, commit it",
        differs.unwrap_or(0) + 1
    );
}

#[tokio::test]
#[ignore = "writes docs/schema.md; `cargo xtask schema` runs it"]
async fn the_document_is_written_anew() {
    std::fs::write(path(), document().await).unwrap();
}
