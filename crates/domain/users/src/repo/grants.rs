//! The table `user_grants`.

use sayso_access::{Given, Permission, UserId};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use crate::model::KeptGrant;

const LIST: Sql = Sql::new(
    "user_grants.list",
    "SELECT permission, effect, expires_at, granted_by, created_at FROM user_grants
     WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2)
     ORDER BY permission",
);
const PUT: Sql = Sql::new(
    "user_grants.put",
    "INSERT INTO user_grants (user_id, permission, effect, expires_at, granted_by, created_at)
     SELECT $1, permission, effect, expires_at, $5, $6
     FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS one (permission, effect, expires_at)
     ON CONFLICT (user_id, permission) DO UPDATE
     SET effect = excluded.effect, expires_at = excluded.expires_at,
         granted_by = excluded.granted_by, created_at = excluded.created_at",
);
const DROP: Sql = Sql::new(
    "user_grants.drop",
    // What has expired goes with them.
    "DELETE FROM user_grants WHERE user_id = $1 AND (permission = ANY ($2) OR expires_at <= $3)",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&LIST, &PUT, &DROP];

/// What is in force for a person.
pub(crate) async fn grants(
    db: &mut impl Queries,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<KeptGrant>, DbError> {
    let rows = db.rows(&LIST, &[&user, &now]).await?;
    // What a newer Sayso knows and this one does not means nothing to it.
    Ok(rows.iter().filter_map(kept).collect())
}

fn kept(row: &Row) -> Option<KeptGrant> {
    let given = Given {
        permission: Permission::parse(row.get(0))?,
        is_granted: row.get::<_, &str>(1) == "grant",
        expires_at: row.get(2),
    };
    Some(KeptGrant { given, granted_by: row.get(3), created_at: row.get(4) })
}

/// Gives each of these, in the place of what was given before.
pub(crate) async fn put_grants(
    tx: &mut Tx,
    user: UserId,
    given: &[Given],
    (by, now): (UserId, Timestamp),
) -> Result<(), DbError> {
    let permissions: Vec<&str> = given.iter().map(|one| one.permission.as_str()).collect();
    let effect = |one: &Given| if one.is_granted { "grant" } else { "deny" };
    let effects: Vec<&str> = given.iter().map(effect).collect();
    let ends: Vec<Option<Timestamp>> = given.iter().map(|one| one.expires_at).collect();
    tx.rows(&PUT, &[&user, &permissions, &effects, &ends, &by, &now]).await.map(drop)
}

/// Takes these back.
pub(crate) async fn drop_grants(
    tx: &mut Tx,
    user: UserId,
    taken: &[Permission],
    now: Timestamp,
) -> Result<(), DbError> {
    let names: Vec<&str> = taken.iter().map(|one| one.as_str()).collect();
    tx.rows(&DROP, &[&user, &names, &now]).await.map(drop)
}
