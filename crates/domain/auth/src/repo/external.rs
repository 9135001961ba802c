//! The table `external_identities`.

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;
use uuid::Uuid;

use crate::external::Sealed;

const INSERT: Sql = Sql::new(
    "external_identities.insert",
    "INSERT INTO external_identities
         (id, user_id, provider, lookup, subject, created_at, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT DO NOTHING
     RETURNING id",
);
const DELETE: Sql = Sql::new(
    "external_identities.delete",
    "DELETE FROM external_identities WHERE user_id = $1 AND provider = $2 RETURNING id",
);
const FORGET: Sql =
    Sql::new("external_identities.forget", "DELETE FROM external_identities WHERE user_id = $1");
const FIND: Sql = Sql::new(
    "external_identities.find",
    "SELECT user_id FROM external_identities WHERE provider = $1 AND lookup = ANY ($2)",
);
const LIST: Sql = Sql::new(
    "external_identities.list_sealed",
    "SELECT id, provider, subject FROM external_identities WHERE id > $1 ORDER BY id LIMIT $2",
);
const SEAL: Sql = Sql::new(
    "external_identities.seal",
    "UPDATE external_identities SET lookup = $3, subject = $4 WHERE id = $1 AND subject = $2
     RETURNING id",
);

pub(super) const ALL: &[&Sql] = &[&INSERT, &DELETE, &FORGET, &FIND, &LIST, &SEAL];

/// Links an identity; `false` when it is somebody's, or the person has another
/// one of this provider.
pub async fn insert(
    tx: &mut Tx,
    (user, provider): (UserId, &str),
    sealed: &Sealed,
    (now, by): (Timestamp, Option<UserId>),
) -> Result<bool, DbError> {
    let row = tx
        .row(
            &INSERT,
            &[&sealed.id, &user, &provider, &&sealed.lookup[..], &sealed.subject, &now, &by],
        )
        .await?;
    Ok(row.is_some())
}

/// Unlinks a person's identity of a provider; its id.
pub async fn delete(tx: &mut Tx, user: UserId, provider: &str) -> Result<Option<Uuid>, DbError> {
    Ok(tx.row(&DELETE, &[&user, &provider]).await?.map(|row| row.get(0)))
}

/// Unlinks all identities of a person.
pub async fn forget(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.rows(&FORGET, &[&user]).await.map(drop)
}

/// Whose identity it is.
pub async fn find(
    db: &mut impl Queries,
    provider: &str,
    lookups: &[&[u8]],
) -> Result<Option<UserId>, DbError> {
    Ok(db.row(&FIND, &[&provider, &lookups]).await?.map(|row| row.get(0)))
}

/// Sealed identities after `after`: id, provider, subject.
pub async fn list_sealed(
    db: &mut impl Queries,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, String, Vec<u8>)>, DbError> {
    let rows = db.rows(&LIST, &[&after, &limit]).await?;
    let entry = |row: &Row| (row.get(0), row.get(1), row.get(2));
    Ok(rows.iter().map(entry).collect())
}

/// Stores an identity that was sealed anew, if it still is the one.
pub async fn seal(tx: &mut Tx, old: &[u8], new: &Sealed) -> Result<bool, DbError> {
    let row = tx.row(&SEAL, &[&new.id, &old, &&new.lookup[..], &new.subject]).await?;
    Ok(row.is_some())
}
