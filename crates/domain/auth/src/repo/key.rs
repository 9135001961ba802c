//! The table `signing_keys`.

use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use crate::token::NamedKey;

const LOCK: Sql =
    Sql::new("signing_keys.lock", "SELECT pg_advisory_xact_lock(hashtextextended($1, 2))");
const LIST: Sql = Sql::new(
    "signing_keys.list",
    "SELECT kid, created_at, COALESCE(signs_from, created_at), retired_at FROM signing_keys
     ORDER BY COALESCE(signs_from, created_at) DESC, created_at DESC, kid",
);
const INSERT: Sql = Sql::new(
    "signing_keys.insert",
    "INSERT INTO signing_keys (kid, created_at, signs_from) VALUES ($1, $2, $3)",
);
const RETIRE: Sql = Sql::new(
    "signing_keys.retire_others",
    // One that is to end earlier than that keeps its end.
    "UPDATE signing_keys SET retired_at = LEAST(retired_at, $2) WHERE kid <> $1
     AND (retired_at IS NULL OR retired_at > $2)
     RETURNING kid",
);

pub(super) const ALL: &[&Sql] = &[&LOCK, &LIST, &INSERT, &RETIRE];

/// One after the other: of many nodes that start at once, the first makes the
/// key and all get it.
pub async fn lock(tx: &mut Tx) -> Result<(), DbError> {
    tx.row(&LOCK, &[&"auth.signing_keys"]).await.map(drop)
}

/// All keys that ever were, the one that signs last first.
pub async fn list(db: &mut impl Queries) -> Result<Vec<NamedKey>, DbError> {
    let rows = db.rows(&LIST, &[]).await?;
    let key = |row: &Row| NamedKey {
        kid: row.get(0),
        created_at: row.get(1),
        signs_from: row.get(2),
        verifies_until: row.get(3),
    };
    Ok(rows.iter().map(key).collect())
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, key: &NamedKey) -> Result<(), DbError> {
    tx.rows(&INSERT, &[&key.kid, &key.created_at, &key.signs_from]).await.map(drop)
}

/// Says until when the keys but this one are believed; their names.
pub async fn retire_others(
    tx: &mut Tx,
    kid: &str,
    until: Timestamp,
) -> Result<Vec<String>, DbError> {
    let rows = tx.rows(&RETIRE, &[&kid, &until]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
