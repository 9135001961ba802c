//! Reading the log.

use std::sync::Arc;

use sayso_access::UserId;
use sayso_db::{Db, DbError, Effect, Queries, Row, Sql};
use sayso_kernel::Fault;
use serde_json::value::RawValue;
use tokio_postgres::types::Json;

use crate::event::Placed;
use crate::{Event, RESYNC_REQUIRED};

const HEAD: Sql = Sql::new(
    "log.head",
    // The rows that wait for their place tell what is committed and not known yet.
    "SELECT position, epoch, (SELECT o.id FROM outbox o ORDER BY o.id LIMIT 1),
            (SELECT o.id FROM outbox o ORDER BY o.id DESC LIMIT 1)
     FROM log_head",
);

const AFTER: Sql = Sql::new(
    "log.after",
    "SELECT position, fact_id, type, version, at, actor_id, via, correlation_id,
            data, change, effects, streams, seqs
     FROM event_log WHERE position > $1 ORDER BY position LIMIT $2",
);

/// Everything a socket needs to begin, as of one moment: the head of the log,
/// how far back the log reaches, the streams of the person, and for each of
/// them the last seq before the place where the socket begins.
const ATTACH: Sql = Sql::new(
    "log.attach",
    "WITH mine AS (
         SELECT 'company' AS stream, 0::bigint AS since
         UNION ALL SELECT 'user:' || $1::uuid, 0
         UNION ALL SELECT stream, since_position FROM follows WHERE user_id = $1
     )
     SELECT m.stream, m.since, h.position, h.epoch,
            coalesce((SELECT e.position FROM event_log e ORDER BY e.position LIMIT 1),
                     h.position + 1) AS oldest,
            coalesce((SELECT e.seq - 1 FROM event_streams e
                      WHERE e.stream = m.stream AND e.position > greatest($2, m.since)
                      ORDER BY e.position LIMIT 1),
                     (SELECT s.seq FROM stream_heads s WHERE s.stream = m.stream), 0) AS seq
     FROM mine m CROSS JOIN log_head h
     ORDER BY m.stream",
);

/// The next events of some streams, each after its own place, in log order.
const REPLAY: Sql = Sql::new(
    "log.replay",
    "SELECT e.position, e.fact_id, e.type, e.version, e.at, e.actor_id, e.via, e.correlation_id,
            e.data, e.change, NULL::json, ARRAY[r.stream], ARRAY[r.seq]
     FROM (
         SELECT s.stream, x.position, x.seq
         FROM unnest($1::text[], $2::bigint[]) AS s(stream, after)
         CROSS JOIN LATERAL (
             SELECT t.position, t.seq FROM event_streams t
             WHERE t.stream = s.stream AND t.position > greatest(s.after, $3)
               AND t.position <= $4
             ORDER BY t.position LIMIT $5
         ) x
         ORDER BY x.position LIMIT $5
     ) r JOIN event_log e ON e.position = r.position
     ORDER BY e.position",
);

pub(crate) const ALL: &[&Sql] = &[&HEAD, &AFTER, &ATTACH, &REPLAY];

/// Where a client says it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The history it knows.
    pub epoch: String,
    /// The last position it has.
    pub position: i64,
}

/// One stream of a person, and where on it a socket begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedStream {
    /// The stream's name.
    pub stream: String,
    /// The socket begins after this position: the cursor, or the beginning of
    /// the present membership if that is later.
    pub from: i64,
    /// The last seq before the beginning: the first one heard is one more.
    pub seq: i64,
}

/// What [`Log::attach`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The history's name.
    pub epoch: String,
    /// The head of the log at that moment.
    pub head: i64,
    /// Where the socket begins: its cursor, or the head.
    pub start: i64,
    /// The streams of the person.
    pub streams: Vec<FollowedStream>,
    /// Why the client could not go on where it stopped: `too_old`, `epoch`,
    /// `ahead`.
    pub refused: Option<&'static str>,
}

/// What [`Log::past`] finds.
#[derive(Debug)]
pub struct Past {
    /// The events, each with the one stream it was found on.
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was told.
    pub position: i64,
    /// The head of the log at that moment.
    pub head: i64,
    /// The history's name.
    pub epoch: String,
    /// The streams of the person.
    pub streams: Vec<FollowedStream>,
}

impl Attachment {
    /// The fault for a client that cannot go on, with the reason and where the
    /// log is now.
    #[must_use]
    pub fn resync(&self) -> Fault {
        let now = serde_json::json!({ "epoch": self.epoch, "head": self.head });
        Fault::new(&RESYNC_REQUIRED).reason(self.refused.unwrap_or("epoch")).current(now)
    }
}

/// Reads the log in PostgreSQL.
#[derive(Clone, Debug)]
pub struct Log {
    db: Db,
}

/// The head of the log.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) position: i64,
    pub(crate) epoch: Arc<str>,
    /// The first and the last fact that are committed and have no position yet.
    pub(crate) waiting: Option<(i64, i64)>,
}

impl Log {
    /// Reads through the shared connections of `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The head; `None` before the first leader has made it.
    pub(crate) async fn head(&self) -> Result<Option<Head>, DbError> {
        let row = self.db.read().row(&HEAD, &[]).await?;
        Ok(row.map(|row| Head {
            position: row.get(0),
            epoch: row.get::<_, String>(1).into(),
            waiting: row.get::<_, Option<i64>>(2).zip(row.get(3)),
        }))
    }

    /// The events after `position`, on whatever stream, in order, at most `limit`:
    /// for whoever may see everything.
    pub async fn after(&self, position: i64, limit: i64) -> Result<Vec<Event>, DbError> {
        after(&mut self.db.read(), position, limit).await
    }

    /// Where the log ends, and the name of its history; `None` before the first
    /// leader has made it.
    pub async fn end(&self) -> Result<Option<(i64, Arc<str>)>, DbError> {
        Ok(self.head().await?.map(|head| (head.position, head.epoch)))
    }

    /// Finds where a socket of `user` begins: at its cursor if the log reaches
    /// back to it, else at the head, with the reason.
    pub async fn attach(
        &self,
        user: UserId,
        resume: Option<&Resume>,
    ) -> Result<Attachment, DbError> {
        let found = self.attach_at(user, resume.map_or(i64::MAX, |resume| resume.position)).await?;
        let Some(resume) = resume else {
            return Ok(Attachment { start: found.head, ..found.attachment });
        };
        let refused = if resume.epoch != found.attachment.epoch {
            "epoch"
        } else if resume.position > found.head {
            "ahead"
        } else if resume.position + 1 < found.oldest {
            "too_old"
        } else {
            return Ok(Attachment { start: resume.position, ..found.attachment });
        };
        let found = self.attach_at(user, i64::MAX).await?;
        Ok(Attachment { start: found.head, refused: Some(refused), ..found.attachment })
    }

    async fn attach_at(&self, user: UserId, cursor: i64) -> Result<Found, DbError> {
        let rows = self.db.read().rows(&ATTACH, &[&user, &cursor]).await?;
        let Some(first) = rows.first() else {
            return Err(DbError::Unavailable("the log has no head yet".into()));
        };
        let (head, epoch, oldest): (i64, String, i64) = (first.get(2), first.get(3), first.get(4));
        let start = cursor.min(head);
        let streams = rows
            .iter()
            .map(|row| FollowedStream {
                stream: row.get(0),
                from: start.max(row.get(1)),
                seq: row.get(5),
            })
            .collect();
        let attachment = Attachment { epoch, head, start, streams, refused: None };
        Ok(Found { attachment, head, oldest })
    }

    /// What a person missed after `resume`, of the streams they follow now,
    /// each from the beginning of the present membership; at most `limit`.
    /// `Err` says why the log does not lead on from there.
    pub async fn past(
        &self,
        user: UserId,
        resume: &Resume,
        limit: i64,
    ) -> Result<Result<Past, Attachment>, DbError> {
        let Attachment { epoch, head, streams, refused, start } =
            self.attach(user, Some(resume)).await?;
        if refused.is_some() {
            return Ok(Err(Attachment { epoch, head, streams, refused, start }));
        }
        let events = self.replay(&streams, start, head, limit).await?;
        let is_all = i64::try_from(events.len()).unwrap_or(i64::MAX) < limit;
        let last = events.last().map_or(head, |event| event.position);
        let position = if is_all { head } else { last };
        Ok(Ok(Past { events, position, head, epoch, streams }))
    }

    /// The events of `streams` after `after` and up to `upto`, each stream
    /// from its own beginning, in log order, at most `limit`. Each event
    /// carries the one stream it was found on.
    pub async fn replay(
        &self,
        streams: &[FollowedStream],
        after: i64,
        upto: i64,
        limit: i64,
    ) -> Result<Vec<Event>, DbError> {
        let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
        let from: Vec<i64> = streams.iter().map(|stream| stream.from).collect();
        let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&names, &from, &after, &upto, &limit];
        let rows = self.db.read().rows(&REPLAY, params).await?;
        Ok(rows.iter().map(event).collect())
    }
}

/// The events after `position`, in order, at most `limit`.
pub(crate) async fn after(
    db: &mut impl Queries,
    position: i64,
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    let rows = db.rows(&AFTER, &[&position, &limit]).await?;
    Ok(rows.iter().map(event).collect())
}

struct Found {
    attachment: Attachment,
    head: i64,
    oldest: i64,
}

fn event(row: &Row) -> Event {
    let effects: Option<Json<Vec<Effect>>> = row.get(10);
    let (streams, seqs): (Vec<String>, Vec<i64>) = (row.get(11), row.get(12));
    Event {
        position: row.get(0),
        id: row.get(1),
        kind: row.get(2),
        version: row.get(3),
        at: row.get(4),
        actor_id: row.get(5),
        via: row.get(6),
        correlation_id: row.get(7),
        data: row.get::<_, Json<Box<RawValue>>>(8).0,
        change: row.get::<_, Option<Json<Box<RawValue>>>>(9).map(|json| json.0),
        effects: effects.map(|json| json.0).unwrap_or_default(),
        trace: None,
        streams: streams.into_iter().zip(seqs).map(|(name, seq)| Placed::new(name, seq)).collect(),
    }
}
