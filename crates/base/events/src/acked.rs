//! How far each session says it has come, kept by us so that a client need
//! not keep it.
//!
//! An acknowledgement costs no statement: it is noted here, and all that was
//! noted is written together, once a second at most. A place that was not
//! written is an older place, from which more is replayed than needed; nothing
//! is ever skipped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sayso_access::{Ctx, SessionId};
use sayso_db::{Db, DbError, Queries, Sql};
use sayso_kernel::{Fault, Timestamp};

use crate::Resume;

/// Longer than any session lives.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(31 * 24 * 3600);

const LOOKUP: Sql = Sql::new(
    "socket_positions.lookup",
    "SELECT epoch, position FROM socket_positions WHERE session_id = $1",
);

/// In the order of the sessions: two nodes that write the same ones must not
/// wait for each other. Within a history a place never goes back.
const UPSERT: Sql = Sql::new(
    "socket_positions.upsert",
    "INSERT INTO socket_positions AS kept (session_id, epoch, position, updated_at)
     SELECT n.session_id, n.epoch, n.position, $4
     FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n(session_id, epoch, position)
     ORDER BY n.session_id
     ON CONFLICT (session_id) DO UPDATE
     SET epoch = excluded.epoch, updated_at = excluded.updated_at,
         position = CASE WHEN kept.epoch = excluded.epoch
                         THEN greatest(kept.position, excluded.position)
                         ELSE excluded.position END",
);

const FORGET: Sql = Sql::new(
    "socket_positions.forget",
    "DELETE FROM socket_positions WHERE session_id IN
         (SELECT session_id FROM socket_positions WHERE updated_at < $1 LIMIT 1000)",
);

pub(crate) const ALL: &[&Sql] = &[&LOOKUP, &UPSERT, &FORGET];

/// The places of the sessions on this node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acked {
    db: Db,
    noted: Arc<Mutex<HashMap<SessionId, Resume>>>,
}

impl Acked {
    /// Nothing is noted yet.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, noted: Arc::default() }
    }

    /// A session has everything up to here. A place before the one that is
    /// noted changes nothing.
    pub fn note(&self, session: SessionId, place: Resume) {
        let mut noted = self.noted.lock();
        let is_older = noted
            .get(&session)
            .is_some_and(|kept| kept.epoch == place.epoch && kept.position >= place.position);
        if !is_older {
            noted.insert(session, place);
        }
    }

    /// How far a session has come, as far as it has said.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn lookup(&self, session: SessionId) -> Result<Option<Resume>, DbError> {
        let noted = self.noted.lock().get(&session).cloned();
        if noted.is_some() {
            return Ok(noted);
        }
        let row = self.db.read().row(&LOOKUP, &[&session]).await?;
        Ok(row.map(|row| Resume { epoch: row.get(0), position: row.get(1) }))
    }

    /// Writes what was noted. What fails is tried again the next time, unless
    /// something newer was noted.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn write(&self, ctx: &Ctx) -> Result<(), Fault> {
        let noted = self.noted.lock().clone();
        if noted.is_empty() {
            return Ok(());
        }
        let now = ctx.now();
        let sessions: Vec<SessionId> = noted.keys().copied().collect();
        let epochs: Vec<String> = noted.values().map(|place| place.epoch.clone()).collect();
        let positions: Vec<i64> = noted.values().map(|place| place.position).collect();
        let work = async move |tx: &mut sayso_db::Tx, _: &Ctx| {
            tx.rows(&UPSERT, &[&sessions, &epochs, &positions, &now]).await?;
            Ok(())
        };
        self.db.background().transaction(ctx, work).await?;
        self.noted.lock().retain(|session, place| noted.get(session) != Some(place));
        Ok(())
    }

    /// Forgets the places of sessions that are long over.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn forget(&self, ctx: &Ctx) -> Result<(), Fault> {
        let before = ctx.now().checked_sub(FORGOTTEN_AFTER).unwrap_or(Timestamp::MIN);
        let work = async move |tx: &mut sayso_db::Tx, _: &Ctx| {
            tx.rows(&FORGET, &[&before]).await?;
            Ok(())
        };
        self.db.background().transaction(ctx, work).await
    }
}
