//! The tables `users`, `invitations` and `user_grants`.

mod change;
mod grants;
mod list;
mod verbs;

use sayso_access::{Role, UserId};
use sayso_db::{DbError, OnConstraint, Queries, Row, Sql, Tx};
use sayso_kernel::{Fault, Timestamp};
use tokio_postgres::types::Json;

use crate::error::email_taken;
use crate::model::{Credential, Credentials, NewUser, User};
use crate::{Email, Metadata, PasswordHash};

pub(crate) use change::*;
pub(crate) use grants::*;
pub(crate) use list::*;
pub use verbs::{find_by_email, find_by_role, touch};

/// The columns of a [`User`], in the order in which [`user`] reads them.
macro_rules! columns {
    () => {
        "id, email, name, role, manager_id, active, status_text, time_zone, last_active_at, \
         metadata, password_change_due, created_at, updated_at, deleted_at, version, revision"
    };
}

use columns;

const LOOKUP: Sql =
    Sql::new("users.lookup", concat!("SELECT ", columns!(), " FROM users WHERE id = $1"));
const LOOKUP_FOR_SHARE: Sql = Sql::new(
    "users.lookup_for_share",
    concat!("SELECT ", columns!(), " FROM users WHERE id = $1 FOR SHARE"),
);
const INSERT: Sql = Sql::new(
    "users.insert",
    concat!(
        "INSERT INTO users (id, email, email_folded, name, role, manager_id, password_hash,
                            password_change_due, metadata, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         RETURNING ",
        columns!()
    ),
);
const CREDENTIALS: Sql = Sql::new(
    "users.credentials",
    "SELECT id, password_hash, active FROM users WHERE email_folded = $1 AND deleted_at IS NULL",
);
const CREDENTIALS_OF: Sql = Sql::new(
    "users.credentials_of",
    "SELECT id, password_hash, active FROM users WHERE id = $1 AND deleted_at IS NULL",
);
const HASH_FOR_SHARE: Sql = Sql::new(
    "users.password_hash_for_share",
    "SELECT password_hash FROM users WHERE id = $1 FOR SHARE",
);
const SET_PASSWORD: Sql = Sql::new(
    "users.set_password",
    concat!(
        // Not an edit: nothing that is shown changes, so no version rises.
        "UPDATE users SET password_hash = $2, password_change_due = false
         WHERE id = $1 AND password_hash IS NOT DISTINCT FROM $3
           AND active AND deleted_at IS NULL
         RETURNING ",
        columns!()
    ),
);
const SET_EMAIL: Sql = Sql::new(
    "users.set_email",
    concat!(
        "UPDATE users SET email = $2, email_folded = $3, updated_at = $5,
                          version = version + 1, revision = revision + 1
         WHERE id = $1 AND password_hash = $4 AND active AND deleted_at IS NULL
         RETURNING ",
        columns!()
    ),
);
const REHASH: Sql = Sql::new(
    "users.rehash",
    "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3 RETURNING id",
);
const EXISTS: Sql =
    Sql::new("users.exists", "SELECT (SELECT id FROM users ORDER BY id LIMIT 1) IS NOT NULL");
const LOCK_FOUNDING: Sql =
    Sql::new("users.lock_founding", "SELECT pg_advisory_xact_lock(hashtextextended($1, 2))");
const INSERT_INVITATION: Sql = Sql::new(
    "invitations.insert",
    "INSERT INTO invitations (hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
);
const FORGET_INVITATION: Sql = Sql::new(
    "invitations.forget_open",
    "DELETE FROM invitations WHERE user_id = $1 AND used_at IS NULL",
);
const FIND_INVITATION: Sql = Sql::new(
    "invitations.find_open",
    "SELECT user_id FROM invitations WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
);
const SPEND_INVITATION: Sql = Sql::new(
    "invitations.spend",
    "UPDATE invitations SET used_at = $2
     WHERE hash = $1 AND used_at IS NULL AND expires_at > $2
     RETURNING user_id",
);

/// Every statement of this crate.
pub const ALL: &[&Sql] = &[
    &LOOKUP,
    &LOOKUP_FOR_SHARE,
    &INSERT,
    &CREDENTIALS,
    &CREDENTIALS_OF,
    &HASH_FOR_SHARE,
    &SET_PASSWORD,
    &SET_EMAIL,
    &REHASH,
    &EXISTS,
    &LOCK_FOUNDING,
    &INSERT_INVITATION,
    &FORGET_INVITATION,
    &FIND_INVITATION,
    &SPEND_INVITATION,
];

/// Every statement of this crate, for the test that prepares each of them.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let lists = list::all();
    [ALL, change::ALL, grants::ALL, verbs::ALL, &lists].concat()
}

/// A person by id, the deleted too.
pub async fn lookup(db: &mut impl Queries, id: UserId) -> Result<Option<User>, DbError> {
    Ok(db.row(&LOOKUP, &[&id]).await?.as_ref().map(user))
}

/// A person who is to stay as they are until the transaction ends.
pub async fn lookup_for_share(tx: &mut Tx, id: UserId) -> Result<Option<User>, DbError> {
    Ok(tx.row(&LOOKUP_FOR_SHARE, &[&id]).await?.as_ref().map(user))
}

/// Creates a person; 409 when the e-mail is taken.
pub async fn insert(tx: &mut Tx, new: &NewUser, now: Timestamp) -> Result<User, Fault> {
    let hash = new.credential.hash().map(|hash| &hash.0);
    let is_change_due = matches!(new.credential, Credential::Assigned(_));
    let row = tx
        .row(
            &INSERT,
            &[
                &new.id,
                &new.email.as_str(),
                &new.email.folded(),
                &new.name,
                &new.role.as_str(),
                &new.manager_id,
                &hash,
                &is_change_due,
                &Json(new.metadata.as_map()),
                &now,
            ],
        )
        .await
        .on_constraint("users_email_key", email_taken)?;
    row.as_ref().map(user).ok_or_else(|| Fault::internal("an insert returned no row"))
}

/// What a login needs, found by the folded e-mail.
pub async fn credentials(
    db: &mut impl Queries,
    email: &str,
) -> Result<Option<Credentials>, DbError> {
    Ok(db.row(&CREDENTIALS, &[&email]).await?.as_ref().map(of_login))
}

/// The same, of a person who is known.
pub async fn credentials_of(
    db: &mut impl Queries,
    id: UserId,
) -> Result<Option<Credentials>, DbError> {
    Ok(db.row(&CREDENTIALS_OF, &[&id]).await?.as_ref().map(of_login))
}

fn of_login(row: &Row) -> Credentials {
    Credentials {
        user_id: row.get(0),
        password_hash: row.get::<_, Option<String>>(1).map(PasswordHash),
        may_enter: row.get(2),
    }
}

/// The hash of a person who is to keep it until the transaction ends.
pub async fn password_hash_for_share(
    tx: &mut Tx,
    id: UserId,
) -> Result<Option<PasswordHash>, DbError> {
    let row = tx.row(&HASH_FOR_SHARE, &[&id]).await?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).map(PasswordHash))
}

/// Stores another hash, if the present one is still `old`.
pub async fn set_password(
    tx: &mut Tx,
    id: UserId,
    new: &PasswordHash,
    old: Option<&PasswordHash>,
) -> Result<Option<User>, DbError> {
    let old = old.map(|hash| &hash.0);
    Ok(tx.row(&SET_PASSWORD, &[&id, &new.0, &old]).await?.as_ref().map(user))
}

/// Stores another address, if the hash still is the one that was compared;
/// 409 when another person has it.
pub async fn set_email(
    tx: &mut Tx,
    (id, compared): (UserId, &PasswordHash),
    email: &Email,
    now: Timestamp,
) -> Result<Option<User>, Fault> {
    let row = tx
        .row(&SET_EMAIL, &[&id, &email.as_str(), &email.folded(), &compared.0, &now])
        .await
        .on_constraint("users_email_key", email_taken)?;
    Ok(row.as_ref().map(user))
}

/// Stores another hash of the same password, if the present one still is
/// `old`.
pub async fn rehash(
    tx: &mut Tx,
    id: UserId,
    new: &PasswordHash,
    old: &PasswordHash,
) -> Result<bool, DbError> {
    Ok(tx.row(&REHASH, &[&id, &new.0, &old.0]).await?.is_some())
}

/// Whether there ever was anybody.
pub async fn exists(db: &mut impl Queries) -> Result<bool, DbError> {
    Ok(db.row(&EXISTS, &[]).await?.is_some_and(|row| row.get(0)))
}

/// Lets one founding after the other through.
pub async fn lock_founding(tx: &mut Tx) -> Result<(), DbError> {
    tx.row(&LOCK_FOUNDING, &[&"users.founding"]).await.map(drop)
}

/// Keeps an invitation.
pub async fn insert_invitation(
    tx: &mut Tx,
    hash: &[u8],
    user: UserId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    tx.row(&INSERT_INVITATION, &[&hash, &user, &now, &expires_at]).await.map(drop)
}

/// Forgets the invitation that a person has not accepted, if there is one.
pub async fn forget_invitation(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.rows(&FORGET_INVITATION, &[&user]).await.map(drop)
}

/// Whose invitation it is, if it can be spent.
pub async fn find_invitation(
    db: &mut impl Queries,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<UserId>, DbError> {
    Ok(db.row(&FIND_INVITATION, &[&hash, &now]).await?.map(|row| row.get(0)))
}

/// Spends an invitation, once.
pub async fn spend_invitation(
    tx: &mut Tx,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<UserId>, DbError> {
    Ok(tx.row(&SPEND_INVITATION, &[&hash, &now]).await?.map(|row| row.get(0)))
}

fn user(row: &Row) -> User {
    let role: &str = row.get(3);
    let Json(metadata): Json<serde_json::Value> = row.get(9);
    User {
        id: row.get(0),
        email: row.get(1),
        name: row.get(2),
        role: Role::parse(role).expect("users_role_check lets no other role in"),
        manager_id: row.get(4),
        active: row.get(5),
        status_text: row.get(6),
        time_zone: row.get(7),
        last_active_at: row.get(8),
        metadata: Metadata::stored(metadata),
        password_change_due: row.get(10),
        created_at: row.get(11),
        updated_at: row.get(12),
        deleted_at: row.get(13),
        version: row.get(14),
        revision: row.get(15),
    }
}
