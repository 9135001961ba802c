//! What the serving role may do: everything with rows, nothing with tables,
//! and nothing with an audit entry once it is written.

use tokio_postgres::Client;

use super::error::MigrateError;

/// The statements that bring the rights of the role `$1` to what they are to
/// be; none when they are. Asked before done, because a grant that changes
/// nothing still has every connection plan all its statements anew.
///
/// Partitions need no rights of their own, and functions may be called by
/// everybody who may enter the database.
const MISSING: &str = "
    WITH rights AS (
        SELECT c.relname,
               CASE c.relname WHEN 'audit_log' THEN '{SELECT,INSERT}'::text[]
                              WHEN 'schema_migrations' THEN '{SELECT}'::text[]
                              ELSE '{SELECT,INSERT,UPDATE,DELETE}'::text[] END AS wanted,
               ARRAY(SELECT one FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) one
                     WHERE has_table_privilege($1, c.oid, one)) AS held
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND NOT c.relispartition
          AND pg_has_role(c.relowner, 'USAGE')
    )
    SELECT format('GRANT USAGE ON SCHEMA public TO %I', $1)
    WHERE NOT has_schema_privilege($1, 'public', 'USAGE')
    UNION ALL
    SELECT format('GRANT %s ON public.%I TO %I', array_to_string(wanted, ', '), relname, $1)
    FROM rights WHERE NOT held @> wanted
    UNION ALL
    SELECT format('REVOKE %s ON public.%I FROM %I', one, relname, $1)
    FROM rights, unnest(held) one WHERE NOT one = ANY (wanted)
    UNION ALL
    SELECT format('GRANT USAGE ON SEQUENCE public.%I TO %I', c.relname, $1)
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND pg_has_role(c.relowner, 'USAGE')
      -- Asked about anything but a sequence, the function is an error.
      AND CASE c.relkind WHEN 'S' THEN NOT has_sequence_privilege($1, c.oid, 'USAGE')
                         ELSE false END";

/// Gives the role what it needs, and takes what it must not have.
pub(super) async fn give(client: &Client, role: &str) -> Result<(), MigrateError> {
    let rows = client.query(MISSING, &[&role]).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let statements: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(client.batch_execute(&statements.join(";\n")).await?)
}
