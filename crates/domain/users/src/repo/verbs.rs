//! Finding people by what they are known by, and noting that they were here.

use sayso_access::{Role, UserId};
use sayso_db::{DbError, Queries, Sql, Tx};
use sayso_kernel::Timestamp;

use super::{columns, user};
use crate::model::User;

const FIND_BY_EMAIL: Sql = Sql::new(
    "users.find_by_email",
    concat!("SELECT ", columns!(), " FROM users WHERE email_folded = $1 AND deleted_at IS NULL"),
);

/// The longest here come first, so that the founder leads the list.
const FIND_BY_ROLE: Sql = Sql::new(
    "users.find_by_role",
    concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE role = $1 AND active AND deleted_at IS NULL
         ORDER BY created_at, id LIMIT $2"
    ),
);

/// A trace of use and not a change: no revision rises and nobody hears of it. A
/// person is written at most once a minute, however many nodes see them. Whoever
/// is being changed at this moment is seen the next time: nobody waits here.
const TOUCH: Sql = Sql::new(
    "users.touch",
    "WITH seen AS (
         SELECT u.id, s.at FROM unnest($1::uuid[], $2::timestamptz[]) AS s(id, at)
         JOIN users u ON u.id = s.id
         WHERE u.deleted_at IS NULL
           AND (u.last_active_at IS NULL OR u.last_active_at <= s.at - interval '1 minute')
         ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED
     )
     UPDATE users u SET last_active_at = seen.at FROM seen WHERE u.id = seen.id
     RETURNING u.id",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&FIND_BY_EMAIL, &FIND_BY_ROLE, &TOUCH];

/// The person with this folded e-mail.
pub async fn find_by_email(db: &mut impl Queries, email: &str) -> Result<Option<User>, DbError> {
    Ok(db.row(&FIND_BY_EMAIL, &[&email]).await?.as_ref().map(user))
}

/// Those of one role who may come in, at most `limit`.
pub async fn find_by_role(
    db: &mut impl Queries,
    role: Role,
    limit: i64,
) -> Result<Vec<User>, DbError> {
    let rows = db.rows(&FIND_BY_ROLE, &[&role.as_str(), &limit]).await?;
    Ok(rows.iter().map(user).collect())
}

/// Notes when people were last active, many at once; answers whose note was
/// written.
pub async fn touch(tx: &mut Tx, seen: &[(UserId, Timestamp)]) -> Result<Vec<UserId>, DbError> {
    let (ids, times): (Vec<UserId>, Vec<Timestamp>) = seen.iter().copied().unzip();
    let rows = tx.rows(&TOUCH, &[&ids, &times]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
