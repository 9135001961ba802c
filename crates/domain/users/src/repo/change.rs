//! The SQL that changes a person who is there already.

use sayso_access::UserId;
use sayso_db::{DbError, OnConstraint, Queries, Row, Sql, Tx};
use sayso_kernel::{Fault, Timestamp};
use tokio_postgres::types::Json;

use super::{columns, user};
use crate::email;
use crate::error::email_taken;
use crate::model::User;

const LOCK_HIERARCHY: Sql =
    Sql::new("users.lock_hierarchy", "SELECT pg_advisory_xact_lock(hashtextextended($1, 2))");
const LOCK: Sql = Sql::new(
    "users.lock",
    concat!(
        "SELECT ",
        columns!(),
        // In the order of their ids: two who lock the same people must not
        // wait for each other. Who only names them (a message, a task) does
        // not wait at all.
        " FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
    ),
);
const HAS_OTHER_CEO: Sql = Sql::new(
    "users.has_other_ceo",
    // Whoever was invited and has no password yet cannot come in: perhaps nobody
    // ever reads that mail.
    "SELECT EXISTS (SELECT 1 FROM users
                    WHERE role = 'ceo' AND active AND deleted_at IS NULL AND id <> $1
                      AND password_hash IS NOT NULL)",
);
const STANDS_ABOVE: Sql = Sql::new(
    "users.stands_above",
    "WITH RECURSIVE above AS (
         SELECT id, manager_id FROM users WHERE id = $1
         UNION SELECT u.id, u.manager_id FROM above a JOIN users u ON u.id = a.manager_id)
     SELECT EXISTS (SELECT 1 FROM above WHERE id = $2)",
);
const UPDATE: Sql = Sql::new(
    "users.update",
    concat!(
        "UPDATE users
         SET email = $3, email_folded = $4, name = $5, role = $6, manager_id = $7,
             status_text = $8, time_zone = $9, metadata = $10, updated_at = $11,
             version = version + 1, revision = revision + 1
         WHERE id = $1 AND version = $2
         RETURNING ",
        columns!()
    ),
);
const SET_ACTIVE: Sql = Sql::new(
    "users.set_active",
    concat!(
        "UPDATE users SET active = $2, updated_at = $3, version = version + 1,
                          revision = revision + 1
         WHERE id = $1
         RETURNING ",
        columns!()
    ),
);
const SET_DELETED: Sql = Sql::new(
    "users.set_deleted",
    concat!(
        "UPDATE users SET deleted_at = $2, updated_at = $3, version = version + 1,
                          revision = revision + 1
         WHERE id = $1
         RETURNING ",
        columns!()
    ),
);
const ERASE: Sql = Sql::new(
    "users.erase",
    concat!(
        "UPDATE users
         SET email = NULL, email_folded = NULL, name = $2, password_hash = NULL,
             status_text = NULL, time_zone = 'UTC', metadata = '{}', last_active_at = NULL,
             updated_at = $3, version = version + 1, revision = revision + 1
         WHERE id = $1
         RETURNING ",
        columns!()
    ),
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[
    &LOCK_HIERARCHY,
    &LOCK,
    &HAS_OTHER_CEO,
    &STANDS_ABOVE,
    &UPDATE,
    &SET_ACTIVE,
    &SET_DELETED,
    &ERASE,
];

/// Lets one change of roles, managers and standings after the other through.
pub(crate) async fn lock_hierarchy(tx: &mut Tx) -> Result<(), DbError> {
    tx.row(&LOCK_HIERARCHY, &[&"users.hierarchy"]).await.map(drop)
}

/// Locks people until the transaction ends, and reads them as they are then.
pub(crate) async fn lock(tx: &mut Tx, ids: &[UserId]) -> Result<Vec<User>, DbError> {
    Ok(tx.rows(&LOCK, &[&ids]).await?.iter().map(user).collect())
}

/// Whether there is another CEO who may come in, and has what to come in with.
pub(crate) async fn has_other_ceo(tx: &mut Tx, than: UserId) -> Result<bool, DbError> {
    Ok(tx.row(&HAS_OTHER_CEO, &[&than]).await?.is_some_and(|row| row.get(0)))
}

/// Whether `above` is `id` or somebody to whom `id` reports, directly or not.
pub(crate) async fn stands_above(tx: &mut Tx, id: UserId, above: UserId) -> Result<bool, DbError> {
    Ok(tx.row(&STANDS_ABOVE, &[&id, &above]).await?.is_some_and(|row| row.get(0)))
}

/// Writes an edited person if they still have the version they were edited
/// from; 409 when the e-mail is taken.
pub(crate) async fn update(tx: &mut Tx, after: &User) -> Result<Option<User>, Fault> {
    let folded = after.email.as_deref().map(email::fold);
    let row = tx
        .row(
            &UPDATE,
            &[
                &after.id,
                &after.version,
                &after.email,
                &folded,
                &after.name,
                &after.role.as_str(),
                &after.manager_id,
                &after.status_text,
                &after.time_zone,
                &Json(after.metadata.as_map()),
                &after.updated_at,
            ],
        )
        .await
        .on_constraint("users_email_key", email_taken)?;
    Ok(row.as_ref().map(user))
}

/// Lets a locked person in, or keeps them out.
pub(crate) async fn set_active(
    tx: &mut Tx,
    id: UserId,
    active: bool,
    now: Timestamp,
) -> Result<User, DbError> {
    tx.row(&SET_ACTIVE, &[&id, &active, &now]).await.map(locked)
}

/// Deletes a locked person.
pub(crate) async fn soft_delete(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<User, DbError> {
    tx.row(&SET_DELETED, &[&id, &Some(now), &now]).await.map(locked)
}

/// Brings a locked person back; 409 when the e-mail was taken meanwhile.
pub(crate) async fn restore(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<User, Fault> {
    let row = tx.row(&SET_DELETED, &[&id, &None::<Timestamp>, &now]).await;
    Ok(locked(row.on_constraint("users_email_key", email_taken)?))
}

/// Takes from a locked person all that says who they were.
pub(crate) async fn erase(
    tx: &mut Tx,
    id: UserId,
    name: &str,
    now: Timestamp,
) -> Result<User, DbError> {
    tx.row(&ERASE, &[&id, &name, &now]).await.map(locked)
}

fn locked(row: Option<Row>) -> User {
    user(&row.expect("a locked person is still there"))
}
