//! What is kept of a person's devices, and when the person was last seen.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};
use sayso_kernel::Timestamp;

const FORGET_DEVICES: Sql = Sql::new(
    "sessions.forget_devices",
    "UPDATE sessions SET device_name = NULL, address = NULL, agent = NULL WHERE user_id = $1",
);
const SEEN: Sql = Sql::new(
    "users.seen",
    // At most once a minute a person, however many nodes see them. Whoever is
    // being changed at this moment is seen the next time: nobody waits here.
    "WITH due AS (
         SELECT u.id, seen.at
         FROM users u JOIN unnest($1::uuid[], $2::timestamptz[]) AS seen (id, at) ON seen.id = u.id
         WHERE u.last_active_at IS NULL OR u.last_active_at <= seen.at - interval '1 minute'
         ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED
     )
     UPDATE users SET last_active_at = due.at FROM due WHERE users.id = due.id",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&FORGET_DEVICES, &SEEN];

/// Forgets from where and with what a person came.
pub(crate) async fn forget_devices(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.rows(&FORGET_DEVICES, &[&user]).await.map(drop)
}

/// Notes when people were last seen.
pub(crate) async fn seen(tx: &mut Tx, seen: &[(UserId, Timestamp)]) -> Result<(), DbError> {
    let (ids, times): (Vec<UserId>, Vec<Timestamp>) = seen.iter().copied().unzip();
    tx.rows(&SEEN, &[&ids, &times]).await.map(drop)
}
