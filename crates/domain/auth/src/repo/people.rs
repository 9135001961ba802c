//! What is kept of a person's devices.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Sql, Tx};

const FORGET_DEVICES: Sql = Sql::new(
    "sessions.forget_devices",
    "UPDATE sessions SET device_name = NULL, address = NULL, agent = NULL WHERE user_id = $1",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&FORGET_DEVICES];

/// Forgets from where and with what a person came.
pub(crate) async fn forget_devices(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.rows(&FORGET_DEVICES, &[&user]).await.map(drop)
}
