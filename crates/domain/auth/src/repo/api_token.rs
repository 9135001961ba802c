//! The tables `api_tokens` and `service_accounts`.

use sayso_access::{Role, SessionId, UserId};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use super::given;
use crate::api_token::{NewToken, ServiceAccount};
use crate::model::{ApiToken, TokenState};
use crate::scope::{Scope, Scopes};

const STATE: Sql = Sql::new(
    "api_tokens.state",
    concat!(
        "SELECT t.id, t.user_id, u.role, u.time_zone, u.active AND u.deleted_at IS NULL,
                t.revoked_at IS NOT NULL, t.expires_at, t.scopes, t.last_used_at,
                g.permissions, g.granted, g.ends
         FROM api_tokens t
         JOIN users u ON u.id = t.user_id
         CROSS JOIN LATERAL ",
        given::of!("t.user_id", "$2"),
        " g WHERE t.hash = $1"
    ),
);
const TOUCH: Sql = Sql::new(
    "api_tokens.touch",
    "UPDATE api_tokens SET last_used_at = $2
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)",
);
const COUNT: Sql = Sql::new(
    "api_tokens.count",
    "SELECT count(*) FROM api_tokens WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
);
const INSERT: Sql = Sql::new(
    "api_tokens.insert",
    "INSERT INTO api_tokens (id, user_id, created_by, name, hash, scopes, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);
const LIST: Sql = Sql::new(
    "api_tokens.list",
    // One's own, and those of the programs that one looks after.
    "SELECT id, user_id, name, scopes, created_at, expires_at, last_used_at FROM api_tokens
     WHERE (user_id = $1 OR ($2 AND user_id IN (SELECT user_id FROM service_accounts)))
       AND revoked_at IS NULL AND expires_at > $3
     ORDER BY created_at DESC, id DESC
     LIMIT $4",
);
const OWNER: Sql = Sql::new(
    "api_tokens.owner",
    "SELECT user_id FROM api_tokens WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
);
const REVOKE: Sql = Sql::new(
    "api_tokens.revoke",
    "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id",
);
const REVOKE_ALL: Sql = Sql::new(
    "api_tokens.revoke_all",
    "UPDATE api_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL RETURNING id",
);
const FORGET_NAMES: Sql =
    Sql::new("api_tokens.forget_names", "UPDATE api_tokens SET name = $2 WHERE user_id = $1");
const INSERT_ACCOUNT: Sql = Sql::new(
    "service_accounts.insert",
    "INSERT INTO service_accounts (user_id, created_by, created_at) VALUES ($1, $2, $3)",
);
const IS_ACCOUNT: Sql =
    Sql::new("service_accounts.exists", "SELECT user_id FROM service_accounts WHERE user_id = $1");
const ACCOUNTS: Sql = Sql::new(
    "service_accounts.list",
    "SELECT s.user_id, u.name, u.role, u.active, s.created_at,
            (SELECT count(*) FROM api_tokens t
             WHERE t.user_id = s.user_id AND t.revoked_at IS NULL AND t.expires_at > $1)
     FROM service_accounts s CROSS JOIN LATERAL (
         SELECT name, role, active FROM users
         WHERE id = s.user_id AND deleted_at IS NULL OFFSET 0) u
     ORDER BY s.created_at DESC, s.user_id DESC
     LIMIT $2",
);

pub(super) const ALL: &[&Sql] = &[
    &STATE,
    &TOUCH,
    &COUNT,
    &INSERT,
    &LIST,
    &OWNER,
    &REVOKE,
    &REVOKE_ALL,
    &FORGET_NAMES,
    &INSERT_ACCOUNT,
    &IS_ACCOUNT,
    &ACCOUNTS,
];

fn role(name: &str) -> Role {
    Role::parse(name).expect("users_role_check lets no other role in")
}

fn scopes(names: &[&str]) -> Scopes {
    Scopes::new(names.iter().filter_map(|name| Scope::parse(name)))
}

/// Everything that a request with an API token depends on, in one read.
pub async fn state(
    db: &mut impl Queries,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<TokenState>, DbError> {
    let row = db.row(&STATE, &[&hash, &now]).await?;
    Ok(row.map(|row| TokenState {
        id: row.get(0),
        user_id: row.get(1),
        role: role(row.get(2)),
        time_zone: row.get(3),
        may_enter: row.get(4),
        is_revoked: row.get(5),
        expires_at: row.get(6),
        scopes: scopes(&row.get::<_, Vec<&str>>(7)),
        last_used_at: row.get(8),
        givens: given::read(&row, 9),
    }))
}

/// Notes that a token is used, unless that was noted after `since`.
pub async fn touch(
    tx: &mut Tx,
    id: SessionId,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&TOUCH, &[&id, &now, &since]).await.map(drop)
}

/// Tokens of a person that are good.
pub async fn count(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<i64, DbError> {
    Ok(tx.row(&COUNT, &[&user, &now]).await?.map_or(0, |row| row.get(0)))
}

/// Keeps a token.
pub async fn insert(
    tx: &mut Tx,
    new: &NewToken,
    by: UserId,
    now: Timestamp,
) -> Result<(), DbError> {
    let (hash, scopes) = (new.hash(), new.scopes.names());
    tx.rows(
        &INSERT,
        &[&new.id, &new.user_id, &by, &new.name, &&hash[..], &scopes, &now, &new.expires_at],
    )
    .await
    .map(drop)
}

/// A person's tokens that are good, the newest first; with those of programs.
pub async fn list(
    db: &mut impl Queries,
    (user, of_programs): (UserId, bool),
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ApiToken>, DbError> {
    let rows = db.rows(&LIST, &[&user, &of_programs, &now, &limit]).await?;
    let token = |row: &Row| ApiToken {
        id: row.get(0),
        user_id: row.get(1),
        name: row.get(2),
        scopes: scopes(&row.get::<_, Vec<&str>>(3)),
        created_at: row.get(4),
        expires_at: row.get(5),
        last_used_at: row.get(6),
    };
    Ok(rows.iter().map(token).collect())
}

/// In whose name a token acts that is good.
pub async fn owner(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<Option<UserId>, DbError> {
    Ok(tx.row(&OWNER, &[&id, &now]).await?.map(|row| row.get(0)))
}

/// Revokes a token; `false` when it was before.
pub async fn revoke(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<bool, DbError> {
    Ok(tx.row(&REVOKE, &[&id, &now]).await?.is_some())
}

/// Revokes all tokens of a person; those that were.
pub async fn revoke_all(
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionId>, DbError> {
    let rows = tx.rows(&REVOKE_ALL, &[&user, &now]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Calls all tokens of a person by this name: what they called them may say
/// who they were.
pub async fn forget_names(tx: &mut Tx, user: UserId, name: &str) -> Result<(), DbError> {
    tx.rows(&FORGET_NAMES, &[&user, &name]).await.map(drop)
}

/// Says that a person is a program.
pub async fn insert_account(
    tx: &mut Tx,
    user: UserId,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&INSERT_ACCOUNT, &[&user, &by, &now]).await.map(drop)
}

/// Whether a person is a program.
pub async fn is_account(db: &mut impl Queries, user: UserId) -> Result<bool, DbError> {
    Ok(db.row(&IS_ACCOUNT, &[&user]).await?.is_some())
}

/// The programs, the newest first.
pub async fn accounts(
    db: &mut impl Queries,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ServiceAccount>, DbError> {
    let rows = db.rows(&ACCOUNTS, &[&now, &limit]).await?;
    let account = |row: &Row| ServiceAccount {
        user_id: row.get(0),
        name: row.get(1),
        role: role(row.get(2)),
        active: row.get(3),
        created_at: row.get(4),
        tokens: row.get(5),
    };
    Ok(rows.iter().map(account).collect())
}
