//! The table `password_resets`.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};
use sayso_kernel::Timestamp;

const INSERT: Sql = Sql::new(
    "password_resets.insert",
    // A second one takes the place of the first.
    "INSERT INTO password_resets (user_id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (user_id) DO UPDATE
     SET hash = excluded.hash, created_at = excluded.created_at, expires_at = excluded.expires_at",
);
const FIND: Sql = Sql::new(
    "password_resets.find_open",
    "SELECT user_id FROM password_resets WHERE hash = $1 AND expires_at > $2",
);
const SPEND: Sql = Sql::new(
    "password_resets.spend",
    "DELETE FROM password_resets WHERE hash = $1 AND expires_at > $2 RETURNING user_id",
);
const FORGET: Sql =
    Sql::new("password_resets.forget", "DELETE FROM password_resets WHERE user_id = $1");

pub(super) const ALL: &[&Sql] = &[&INSERT, &FIND, &SPEND, &FORGET];

/// Keeps a code, instead of one that the person may have.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    hash: &[u8],
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), DbError> {
    tx.rows(&INSERT, &[&user, &hash, &now, &expires_at]).await.map(drop)
}

/// Whose code it is, if it can be spent.
pub async fn find(
    db: &mut impl Queries,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<UserId>, DbError> {
    Ok(db.row(&FIND, &[&hash, &now]).await?.map(|row| row.get(0)))
}

/// Spends a code, once.
pub async fn spend(tx: &mut Tx, hash: &[u8], now: Timestamp) -> Result<Option<UserId>, DbError> {
    Ok(tx.row(&SPEND, &[&hash, &now]).await?.map(|row| row.get(0)))
}

/// Forgets the code that a person may have.
pub async fn forget(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.rows(&FORGET, &[&user]).await.map(drop)
}
