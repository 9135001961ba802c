//! The tables `second_factors` and `recovery_codes`.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use crate::second_factor::Factor;

const LOCK: Sql = Sql::new(
    "second_factors.lock",
    "SELECT seed, confirmed_at IS NOT NULL, last_step, failures, failed_at FROM second_factors
     WHERE user_id = $1 FOR UPDATE",
);
const START: Sql = Sql::new(
    "second_factors.start",
    // One that is confirmed is not replaced.
    "INSERT INTO second_factors AS f (user_id, seed, created_at) VALUES ($1, $2, $3)
     ON CONFLICT (user_id) DO UPDATE
     SET seed = excluded.seed, created_at = excluded.created_at, failures = 0, failed_at = NULL
     WHERE f.confirmed_at IS NULL
     RETURNING user_id",
);
const CONFIRM: Sql = Sql::new(
    "second_factors.confirm",
    "UPDATE second_factors SET confirmed_at = $2, last_step = $3, failures = 0, failed_at = NULL
     WHERE user_id = $1 AND confirmed_at IS NULL",
);
const SPEND_STEP: Sql = Sql::new(
    "second_factors.spend_step",
    "UPDATE second_factors SET last_step = $2, failures = 0, failed_at = NULL
     WHERE user_id = $1 AND last_step < $2
     RETURNING user_id",
);
const FAIL: Sql = Sql::new(
    "second_factors.fail",
    "UPDATE second_factors
     SET failures = CASE WHEN failed_at > $3 THEN failures + 1 ELSE 1 END, failed_at = $2
     WHERE user_id = $1",
);
const DELETE: Sql = Sql::new(
    "second_factors.delete",
    "DELETE FROM second_factors WHERE user_id = $1 RETURNING confirmed_at IS NOT NULL",
);
const INSERT_CODES: Sql = Sql::new(
    "recovery_codes.insert",
    "INSERT INTO recovery_codes (user_id, hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash",
);
const SPEND_CODE: Sql = Sql::new(
    "recovery_codes.spend",
    "WITH spent AS (
         UPDATE recovery_codes SET used_at = $3
         WHERE user_id = $1 AND hash = $2 AND used_at IS NULL
         RETURNING user_id
     )
     SELECT (SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL) - 1
     FROM spent",
);
const SEEDS: Sql = Sql::new(
    "second_factors.seeds",
    "SELECT user_id, seed FROM second_factors WHERE user_id > $1 ORDER BY user_id LIMIT $2",
);
const SEAL: Sql = Sql::new(
    "second_factors.seal",
    "UPDATE second_factors SET seed = $3 WHERE user_id = $1 AND seed = $2 RETURNING user_id",
);

pub(super) const ALL: &[&Sql] = &[
    &LOCK,
    &START,
    &CONFIRM,
    &SPEND_STEP,
    &FAIL,
    &DELETE,
    &INSERT_CODES,
    &SPEND_CODE,
    &SEEDS,
    &SEAL,
];

/// A person's second factor, kept as it is until the transaction ends.
pub async fn lock(tx: &mut Tx, user: UserId) -> Result<Option<Factor>, DbError> {
    let row = tx.row(&LOCK, &[&user]).await?;
    Ok(row.map(|row| Factor {
        seed: row.get(0),
        is_confirmed: row.get(1),
        last_step: row.get(2),
        failures: row.get(3),
        failed_at: row.get(4),
    }))
}

/// Keeps a seed that is to be confirmed; `false` when there is one that is.
pub async fn start(
    tx: &mut Tx,
    user: UserId,
    seed: &[u8],
    now: Timestamp,
) -> Result<bool, DbError> {
    Ok(tx.row(&START, &[&user, &seed, &now]).await?.is_some())
}

/// The seed counts from now on.
pub async fn confirm(tx: &mut Tx, user: UserId, now: Timestamp, step: i64) -> Result<(), DbError> {
    tx.rows(&CONFIRM, &[&user, &now, &step]).await.map(drop)
}

/// Spends a step, once: it and those before it are no longer good.
pub async fn spend_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, DbError> {
    Ok(tx.row(&SPEND_STEP, &[&user, &step]).await?.is_some())
}

/// Counts a wrong code; those before `since` do not count any more.
pub async fn fail(
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&FAIL, &[&user, &now, &since]).await.map(drop)
}

/// Removes the factor with its recovery codes; whether it counted.
pub async fn delete(tx: &mut Tx, user: UserId) -> Result<Option<bool>, DbError> {
    Ok(tx.row(&DELETE, &[&user]).await?.map(|row| row.get(0)))
}

/// Keeps recovery codes.
pub async fn insert_codes(tx: &mut Tx, user: UserId, hashes: &[Vec<u8>]) -> Result<(), DbError> {
    tx.rows(&INSERT_CODES, &[&user, &hashes]).await.map(drop)
}

/// Spends a recovery code, once; how many are left.
pub async fn spend_code(
    tx: &mut Tx,
    user: UserId,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<i64>, DbError> {
    Ok(tx.row(&SPEND_CODE, &[&user, &hash, &now]).await?.map(|row| row.get(0)))
}

/// Sealed seeds of people after `after`.
pub async fn seeds(
    db: &mut impl Queries,
    after: UserId,
    limit: i64,
) -> Result<Vec<(UserId, Vec<u8>)>, DbError> {
    let rows = db.rows(&SEEDS, &[&after, &limit]).await?;
    let pair = |row: &Row| (row.get(0), row.get(1));
    Ok(rows.iter().map(pair).collect())
}

/// Stores a seed that was sealed anew, if it still is the one.
pub async fn seal(tx: &mut Tx, user: UserId, old: &[u8], new: &[u8]) -> Result<bool, DbError> {
    Ok(tx.row(&SEAL, &[&user, &old, &new]).await?.is_some())
}
