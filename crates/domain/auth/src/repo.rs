//! The tables `sessions`, `refresh_tokens` and `setup_codes`; the others in
//! the files beside.

pub mod api_token;
pub mod device;
pub mod external;
pub mod key;
pub mod reset;
pub mod second_factor;
pub mod standing;

mod given;
mod people;

use sayso_access::{Origin, Role, SessionId, UserId};
use sayso_db::{DbError, Queries, Row, Sql, Tx};
use sayso_kernel::Timestamp;

use crate::model::{NewSession, Session, SessionState, device};
use crate::refresh::{Exchanged, Presented, RefreshToken};

pub(crate) use people::*;

/// Sessions of one person that are listed.
const SESSIONS_LISTED_MAX: i64 = 200;

const STATE: Sql = Sql::new(
    "sessions.state",
    concat!(
        "SELECT s.user_id, u.role, u.time_zone, u.active AND u.deleted_at IS NULL,
                s.ended_at IS NOT NULL, s.expires_at, t.hash IS NOT NULL, t.used_at IS NOT NULL,
                EXISTS (SELECT FROM second_factors f
                        WHERE f.user_id = s.user_id AND f.confirmed_at IS NOT NULL),
                g.permissions, g.granted, g.ends
         FROM sessions s
         JOIN users u ON u.id = s.user_id
         LEFT JOIN refresh_tokens t ON t.session_id = s.id AND t.generation = $2
         CROSS JOIN LATERAL ",
        given::of!("s.user_id", "$3"),
        " g WHERE s.id = $1"
    ),
);
const MARK_USED: Sql = Sql::new(
    "refresh_tokens.mark_used",
    "UPDATE refresh_tokens SET used_at = $3
     WHERE session_id = $1 AND generation = $2 AND used_at IS NULL",
);
const INSERT: Sql = Sql::new(
    "sessions.insert",
    "WITH session AS (
         INSERT INTO sessions (id, user_id, device_name, address, agent,
                               created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
         RETURNING id
     )
     INSERT INTO refresh_tokens (hash, session_id, generation, issued_at, expires_at, device)
     SELECT $8, id, 1, $6, $9, $10 FROM session",
);
const LOCK: Sql = Sql::new(
    "sessions.lock_by_refresh_token",
    "SELECT id FROM sessions
     WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)
     FOR UPDATE",
);
const PRESENTED: Sql = Sql::new(
    "refresh_tokens.presented",
    "SELECT s.id, s.user_id, s.expires_at, s.ended_at IS NOT NULL, t.generation, t.expires_at,
            t.replaced_at, next.used_at, next.replaced_at IS NOT NULL, next.device
     FROM refresh_tokens t
     JOIN sessions s ON s.id = t.session_id
     LEFT JOIN refresh_tokens next
         ON next.session_id = t.session_id AND next.generation = t.generation + 1
     WHERE t.hash = $1",
);
const ROTATE: Sql = Sql::new(
    "refresh_tokens.rotate",
    "WITH rotated AS (
         UPDATE refresh_tokens SET replaced_at = $2, used_at = COALESCE(used_at, $2)
         WHERE hash = $1 AND replaced_at IS NULL
         RETURNING session_id, generation
     ), seen AS (
         UPDATE sessions SET last_used_at = $2 FROM rotated WHERE id = rotated.session_id
     )
     INSERT INTO refresh_tokens (hash, session_id, generation, issued_at, expires_at, device)
     SELECT $3, session_id, generation + 1, $2, $4, $5 FROM rotated
     RETURNING generation",
);
const END: Sql = Sql::new(
    "sessions.end",
    "UPDATE sessions SET ended_at = $2, end_reason = $3
     WHERE id = $1 AND ended_at IS NULL
     RETURNING id",
);
const END_ALL: Sql = Sql::new(
    "sessions.end_all",
    // In the order of their ids: two who end the same ones must not wait for
    // each other.
    "WITH live AS (
         SELECT id FROM sessions
         WHERE user_id = $1 AND ended_at IS NULL AND ($4::uuid IS NULL OR id <> $4)
         ORDER BY id FOR UPDATE
     )
     UPDATE sessions SET ended_at = $2, end_reason = $3 FROM live WHERE sessions.id = live.id
     RETURNING sessions.id",
);
const TOUCH: Sql = Sql::new(
    "sessions.touch",
    // Whoever holds one is just using it, or ending it: it is left alone.
    "WITH used AS (
         SELECT s.id, t.at FROM unnest($1::uuid[], $2::timestamptz[]) AS t(id, at)
         JOIN sessions s ON s.id = t.id
         WHERE s.ended_at IS NULL AND s.last_used_at <= t.at - interval '1 minute'
         ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
     )
     UPDATE sessions SET last_used_at = used.at FROM used WHERE sessions.id = used.id",
);
const OWNER: Sql = Sql::new(
    "sessions.owner",
    "SELECT user_id FROM sessions
     WHERE id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_used_at > $3",
);
const LIST: Sql = Sql::new(
    "sessions.list",
    "SELECT id, device_name, address, agent, created_at, last_used_at, expires_at
     FROM sessions
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_used_at > $3
     ORDER BY last_used_at DESC, id DESC
     LIMIT $4",
);
const NEWEST: Sql = Sql::new(
    "refresh_tokens.newest",
    "SELECT s.id, s.expires_at, max(t.issued_at)
     FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id
     WHERE s.id = ANY($1) AND s.ended_at IS NULL
     GROUP BY s.id",
);
const LOCK_OF: Sql =
    Sql::new("sessions.lock_of_user", "SELECT pg_advisory_xact_lock(hashtextextended($1, 3))");
const FORGET_SETUP_CODES: Sql =
    Sql::new("setup_codes.forget_expired", "DELETE FROM setup_codes WHERE expires_at <= $1");
const INSERT_SETUP_CODE: Sql = Sql::new(
    "setup_codes.insert",
    "INSERT INTO setup_codes (hash, created_at, expires_at) VALUES ($1, $2, $3)",
);
const FIND_SETUP_CODE: Sql = Sql::new(
    "setup_codes.find_open",
    "SELECT hash FROM setup_codes WHERE hash = $1 AND expires_at > $2",
);
const SPEND_SETUP_CODE: Sql = Sql::new(
    "setup_codes.spend",
    "DELETE FROM setup_codes WHERE hash = $1 AND expires_at > $2 RETURNING hash",
);

/// Every statement of this crate.
pub const ALL: &[&Sql] = &[
    &STATE,
    &MARK_USED,
    &INSERT,
    &LOCK,
    &PRESENTED,
    &ROTATE,
    &TOUCH,
    &END,
    &END_ALL,
    &OWNER,
    &LIST,
    &NEWEST,
    &LOCK_OF,
    &FORGET_SETUP_CODES,
    &INSERT_SETUP_CODE,
    &FIND_SETUP_CODE,
    &SPEND_SETUP_CODE,
];

/// Every statement of this crate, for the test that prepares each of them.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    let beside =
        [key::ALL, second_factor::ALL, reset::ALL, api_token::ALL, external::ALL, device::ALL];
    [&[ALL, people::ALL, standing::ALL], &beside[..]].concat().concat()
}

/// Everything that a request with an access token depends on, in one read.
pub async fn state(
    db: &mut impl Queries,
    session: SessionId,
    generation: i32,
    now: Timestamp,
) -> Result<Option<SessionState>, DbError> {
    let row = db.row(&STATE, &[&session, &generation, &now]).await?;
    Ok(row.map(|row| SessionState {
        user_id: row.get(0),
        role: Role::parse(row.get(1)).expect("users_role_check lets no other role in"),
        time_zone: row.get(2),
        may_enter: row.get(3),
        is_ended: row.get(4),
        expires_at: row.get(5),
        pair_used: row.get::<_, bool>(6).then(|| row.get(7)),
        has_second_factor: row.get(8),
        givens: given::read(&row, 9),
    }))
}

/// Marks the first use of a pair; later ones change nothing.
pub async fn mark_used(
    tx: &mut Tx,
    session: SessionId,
    generation: i32,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&MARK_USED, &[&session, &generation, &now]).await.map(drop)
}

/// Opens a session with its first refresh token.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    new: &NewSession,
    (origin, now): (&Origin, Timestamp),
    (session_expires_at, token_expires_at): (Timestamp, Timestamp),
) -> Result<(), DbError> {
    let (hash, device) = (new.refresh.hash(), device(origin));
    tx.rows(
        &INSERT,
        &[
            &new.id,
            &user,
            &new.device_name,
            &origin.address,
            &origin.agent,
            &now,
            &session_expires_at,
            &&hash[..],
            &token_expires_at,
            &&device[..],
        ],
    )
    .await
    .map(drop)
}

/// What is known of a refresh token, and of its session.
#[derive(Debug)]
pub struct Found {
    /// The session.
    pub session: SessionId,
    /// Its person.
    pub user: UserId,
    /// Which one in the chain it is.
    pub generation: i32,
    /// What decides.
    pub presented: Presented,
}

/// What is known of a refresh token. Its session stays locked until the
/// transaction ends, so that of many who present tokens of one chain each sees
/// what the one before has done: the lock is one statement, the read the next,
/// because a statement sees nothing that was committed while it waited.
pub async fn present(tx: &mut Tx, token: &RefreshToken) -> Result<Option<Found>, DbError> {
    let hash = token.hash();
    if tx.row(&LOCK, &[&&hash[..]]).await?.is_none() {
        return Ok(None);
    }
    Ok(tx.row(&PRESENTED, &[&&hash[..]]).await?.as_ref().map(found))
}

fn found(row: &Row) -> Found {
    let replaced_at: Option<Timestamp> = row.get(6);
    let exchanged = replaced_at.map(|at| Exchanged {
        at,
        used_at: row.get(7),
        is_exchanged: row.get(8),
        device: row.get::<_, Option<Vec<u8>>>(9).unwrap_or_default(),
    });
    Found {
        session: row.get(0),
        user: row.get(1),
        generation: row.get(4),
        presented: Presented {
            is_ended: row.get(3),
            session_expires_at: row.get(2),
            expires_at: row.get(5),
            exchanged,
        },
    }
}

/// Exchanges a token for its successor, once; the successor's place in the
/// chain, or `None` when it was exchanged before.
pub async fn rotate(
    tx: &mut Tx,
    (token, successor): (&RefreshToken, &RefreshToken),
    (now, expires_at): (Timestamp, Timestamp),
    device: &[u8],
) -> Result<Option<i32>, DbError> {
    let (old, new) = (token.hash(), successor.hash());
    let row = tx.row(&ROTATE, &[&&old[..], &now, &&new[..], &expires_at, &device]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Ends a session; `false` when it had ended before.
pub async fn end(
    tx: &mut Tx,
    session: SessionId,
    now: Timestamp,
    reason: &'static str,
) -> Result<bool, DbError> {
    Ok(tx.row(&END, &[&session, &now, &reason]).await?.is_some())
}

/// They were used then.
pub async fn touch(tx: &mut Tx, used: &[(SessionId, Timestamp)]) -> Result<(), DbError> {
    let (ids, times): (Vec<SessionId>, Vec<Timestamp>) = used.iter().copied().unzip();
    tx.rows(&TOUCH, &[&ids, &times]).await?;
    Ok(())
}

/// Ends a person's sessions, all or all but one; those that were ended.
pub async fn end_all(
    tx: &mut Tx,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
    reason: &'static str,
) -> Result<Vec<SessionId>, DbError> {
    let rows = tx.rows(&END_ALL, &[&user, &now, &reason, &but]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whose session it is, while it lives: it has an end, and one that was last
/// used before `idle_since` has ended by itself.
pub async fn owner(
    tx: &mut Tx,
    session: SessionId,
    (now, idle_since): (Timestamp, Timestamp),
) -> Result<Option<UserId>, DbError> {
    Ok(tx.row(&OWNER, &[&session, &now, &idle_since]).await?.map(|row| row.get(0)))
}

/// Lets one login of a person after the other count their sessions.
pub async fn lock_of(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.row(&LOCK_OF, &[&user.to_string()]).await.map(drop)
}

/// A person's sessions that live, the last used first.
pub async fn list(
    db: &mut impl Queries,
    user: UserId,
    (now, idle_since): (Timestamp, Timestamp),
) -> Result<Vec<Session>, DbError> {
    let rows = db.rows(&LIST, &[&user, &now, &idle_since, &SESSIONS_LISTED_MAX]).await?;
    let session = |row: &Row| Session {
        id: row.get(0),
        device_name: row.get(1),
        origin: Origin { address: row.get(2), agent: row.get(3) },
        created_at: row.get(4),
        last_used_at: row.get(5),
        expires_at: row.get(6),
    };
    Ok(rows.iter().map(session).collect())
}

/// When each of these sessions was last refreshed, and when it ends at the
/// latest; those that have ended are left out.
pub async fn newest(
    db: &mut impl Queries,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, Timestamp, Timestamp)>, DbError> {
    let rows = db.rows(&NEWEST, &[&sessions]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Keeps a set-up code, and forgets those that have expired.
pub async fn insert_setup_code(
    tx: &mut Tx,
    hash: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    tx.rows(&FORGET_SETUP_CODES, &[&now]).await?;
    tx.rows(&INSERT_SETUP_CODE, &[&hash, &now, &expires_at]).await.map(drop)
}

/// Whether a set-up code can be spent.
pub async fn has_setup_code(
    db: &mut impl Queries,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, DbError> {
    Ok(db.row(&FIND_SETUP_CODE, &[&hash, &now]).await?.is_some())
}

/// Spends a set-up code, once.
pub async fn spend_setup_code(tx: &mut Tx, hash: &[u8], now: Timestamp) -> Result<bool, DbError> {
    Ok(tx.row(&SPEND_SETUP_CODE, &[&hash, &now]).await?.is_some())
}
