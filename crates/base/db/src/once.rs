//! Writes under a key: done once, answered alike for ever after (24 hours).
//!
//! The answer is stored by the transaction that it answers for. A twin that
//! arrives while the first is under way waits for it a short while; a repeat
//! reads what the first was told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sayso_access::Ctx;
use sayso_kernel::{Code, Fault, Kind, Timestamp, mutants};
use tokio::sync::Mutex as AsyncMutex;

use crate::sql::Queries;
use crate::{Db, DbError, Sql, Tx};

/// How long a twin waits for the first.
const TWIN_WAIT: Duration = Duration::from_secs(1);
/// Pause between two tries for a key that another node holds.
const TWIN_PAUSE: Duration = Duration::from_millis(25);
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Another request with this key is still under way.
pub const IN_PROGRESS: Code = Code::new(
    "idempotency.in_progress",
    Kind::Conflict,
    "A request with this key is still being worked on",
);
/// The key was used before with another body.
pub const MISMATCH: Code =
    Code::new("idempotency.mismatch", Kind::Invalid, "This key was used with another request");

/// The codes declared here.
pub const CODES: &[&Code] = &[&IN_PROGRESS, &MISMATCH, &crate::outbox::TOO_MUCH];

const TRY_LOCK: Sql =
    Sql::new("idempotency.try_lock", "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1))");
const LOOKUP: Sql = Sql::new(
    "idempotency.lookup",
    "SELECT fingerprint, status, headers, body FROM idempotency
     WHERE scope = $1 AND route = $2 AND key = $3 AND created_at > $4",
);
const INSERT: Sql = Sql::new(
    "idempotency.insert",
    "INSERT INTO idempotency (scope, route, key, fingerprint, status, headers, body, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (scope, route, key) DO UPDATE
     SET fingerprint = excluded.fingerprint, status = excluded.status,
         headers = excluded.headers, body = excluded.body, created_at = excluded.created_at",
);

pub(crate) const ALL: &[&Sql] = &[&TRY_LOCK, &LOOKUP, &INSERT];

/// What makes two requests the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key it is: a person's id.
    pub scope: String,
    /// Method and path with its ids.
    pub route: String,
    /// The key as the client chose it.
    pub key: String,
    /// SHA-256 of what was sent.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    fn name(&self) -> String {
        format!("{}\n{}\n{}", self.scope, self.route, self.key)
    }
}

/// An answer that is kept byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply {
    /// HTTP status.
    pub status: u16,
    /// Headers that belong to the answer itself.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// What a keyed write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The answer, new or kept.
    pub reply: StoredReply,
    /// Whether it was kept from the first time.
    pub replayed: bool,
}

/// Twins on this node wait here, before they take a connection.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

impl KeyLocks {
    fn of(&self, name: &str) -> Arc<AsyncMutex<()>> {
        Arc::clone(self.0.lock().entry(name.to_owned()).or_default())
    }

    /// Forgets a key that nobody waits for.
    fn forget(&self, name: &str) {
        let mut held = self.0.lock();
        // One for the map, one for the caller.
        if held.get(name).is_some_and(|lock| Arc::strong_count(lock) <= 2) {
            held.remove(name);
        }
    }
}

fn in_progress() -> Fault {
    Fault::new(&IN_PROGRESS).retry_after(Duration::from_secs(1))
}

impl Db {
    /// Runs `work` as [`Db::transaction`] does. With a key, its answer is kept
    /// with the write, and a repeat gets the kept answer without running
    /// `work`.
    ///
    /// # Errors
    /// As [`Db::transaction`]; 409 `idempotency.in_progress` when the first is still
    /// under way after one second; 422 `idempotency.mismatch` when the key was used with
    /// another request.
    pub async fn write_once<F>(
        &self,
        ctx: &Ctx,
        key: Option<&IdempotencyKey>,
        mut work: F,
    ) -> Result<Written, Fault>
    where
        F: AsyncFnMut(&mut Tx, &Ctx) -> Result<StoredReply, Fault>,
    {
        let Some(key) = key.filter(|_| !mutants::is("ignore-key")) else {
            let reply = self.transaction(ctx, work).await?;
            return Ok(Written { reply, replayed: false });
        };
        let name = key.name();
        let lock = self.shared.keys.of(&name);
        let Ok(turn) = tokio::time::timeout(TWIN_WAIT, lock.lock()).await else {
            return Err(in_progress());
        };
        let (key, held) = (key.clone(), name.clone());
        let written = self
            .transaction(ctx, async move |tx, ctx| {
                take_turn(tx, &held).await?;
                if let Some(reply) = kept(tx, &key, ctx.now()).await? {
                    return Ok(Written { reply, replayed: true });
                }
                let reply = work(tx, ctx).await?;
                keep(tx, &key, &reply, ctx.now()).await?;
                Ok(Written { reply, replayed: false })
            })
            .await;
        drop(turn);
        self.shared.keys.forget(&name);
        written
    }
}

/// Waits until no other node works on this key; held until the end of the
/// transaction.
async fn take_turn(tx: &mut Tx, name: &str) -> Result<(), Fault> {
    let tries = TWIN_WAIT.as_millis() / TWIN_PAUSE.as_millis();
    for _ in 0..tries {
        let row = tx.row(&TRY_LOCK, &[&name]).await?;
        if row.is_some_and(|row| row.get(0)) {
            return Ok(());
        }
        tokio::time::sleep(TWIN_PAUSE).await;
    }
    Err(in_progress())
}

async fn kept(
    tx: &mut Tx,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<Option<StoredReply>, Fault> {
    let since = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    let Some(row) = tx.row(&LOOKUP, &[&key.scope, &key.route, &key.key, &since]).await? else {
        return Ok(None);
    };
    let fingerprint: &[u8] = row.get(0);
    if fingerprint != key.fingerprint {
        return Err(Fault::new(&MISMATCH));
    }
    let headers: tokio_postgres::types::Json<Vec<(String, String)>> = row.get(2);
    let body: &[u8] = row.get(3);
    Ok(Some(StoredReply {
        status: u16::try_from(row.get::<_, i16>(1)).unwrap_or(200),
        headers: headers.0,
        body: Bytes::copy_from_slice(body),
    }))
}

async fn keep(
    tx: &mut Tx,
    key: &IdempotencyKey,
    reply: &StoredReply,
    now: Timestamp,
) -> Result<(), DbError> {
    let status = i16::try_from(reply.status).unwrap_or(200);
    let headers = tokio_postgres::types::Json(&reply.headers);
    let body: &[u8] = &reply.body;
    let fingerprint: &[u8] = &key.fingerprint;
    tx.rows(
        &INSERT,
        &[&key.scope, &key.route, &key.key, &fingerprint, &status, &headers, &body, &now],
    )
    .await?;
    Ok(())
}
