//! One batch: read from the outbox, numbered, stored, committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sayso_access::UserId;
use sayso_db::tokio_postgres::types::Json;
use sayso_db::{DbError, Effect, Row, Sql};
use sayso_kernel::Timestamp;
use sayso_telemetry::trace::TraceContext;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::SequencerLimits;
use super::audit::{self, AuditKey};
use super::floor::Snapshot;
use super::leader::Leader;
use super::spans;
use crate::event::{Event, Placed};

/// Committed rows above the floor, in id order, and who was running.
pub(super) const SCAN: Sql = Sql::new(
    "sequencer.scan",
    "SELECT pg_snapshot_xmin(s.now)::text::bigint, pg_snapshot_xmax(s.now)::text::bigint,
            o.id, o.fact_id, o.type, o.version, o.at, o.actor_id, o.via, o.correlation_id,
            o.streams, o.data, o.change, o.effects, o.audit::text, o.trace
     FROM (SELECT pg_current_snapshot() AS now) s
     LEFT JOIN LATERAL (
         SELECT * FROM outbox WHERE id > $1 ORDER BY id LIMIT $2
     ) o ON true",
);

/// Draws positions, seqs and places in the audit chain.
pub(super) const NUMBER: Sql = Sql::new(
    "sequencer.number",
    "WITH head AS (
         UPDATE log_head SET position = position + $1, audit_seq = audit_seq + $2
         RETURNING position - $1 AS position, audit_seq - $2 AS audit_seq, audit_hash
     ), heads AS (
         INSERT INTO stream_heads AS h (stream, seq)
         SELECT n.stream, n.count FROM unnest($3::text[], $4::bigint[]) AS n(stream, count)
         ON CONFLICT (stream) DO UPDATE SET seq = h.seq + excluded.seq
         RETURNING stream, seq
     )
     SELECT position, audit_seq, audit_hash,
            ARRAY(SELECT stream FROM heads ORDER BY stream COLLATE \"C\"),
            ARRAY(SELECT seq FROM heads ORDER BY stream COLLATE \"C\")
     FROM head",
);

/// Moves the rows from the outbox into the log. The count tells whether each
/// row was still there.
pub(super) const STORE: Sql = Sql::new(
    "sequencer.store",
    "WITH gone AS (
         DELETE FROM outbox WHERE id = ANY($1) RETURNING *
     ), logged AS (
         INSERT INTO event_log (position, fact_id, type, version, at, actor_id, via,
                                correlation_id, streams, seqs, data, change, effects,
                                caused_by, depth)
         SELECT n.position, g.fact_id, g.type, g.version, g.at, g.actor_id, g.via,
                g.correlation_id, g.streams, n.seqs::bigint[], g.data, g.change, g.effects,
                g.caused_by, g.depth
         FROM gone g
         JOIN unnest($1, $2::bigint[], $3::text[]) AS n(id, position, seqs) ON n.id = g.id
         RETURNING 1
     ), placed AS (
         INSERT INTO event_streams (stream, position, seq)
         SELECT * FROM unnest($4::text[], $5::bigint[], $6::bigint[])
     )
     SELECT count(*) FROM logged",
);

/// One effect on who follows what.
pub(super) const FOLLOW: Sql = Sql::new(
    "sequencer.follow",
    "WITH ended AS (
         DELETE FROM follows
         WHERE stream = $3 AND ($1 = 'close' OR ($1 = 'unfollow' AND user_id = $2))
     )
     INSERT INTO follows (user_id, stream, since_position)
     SELECT $2, $3, $4 WHERE $1 = 'follow'
     ON CONFLICT (user_id, stream) DO NOTHING",
);

/// A row of the outbox.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) fact_id: Uuid,
    pub(super) kind: String,
    version: i32,
    pub(super) at: Timestamp,
    pub(super) actor_id: Option<UserId>,
    via: String,
    correlation_id: Uuid,
    streams: Vec<String>,
    data: Box<RawValue>,
    change: Option<Box<RawValue>>,
    /// `None` when they cannot be read: they are of a later version of Sayso,
    /// or damaged.
    effects: Option<Vec<Effect>>,
    pub(super) audit: Option<String>,
    /// Where it was written; once it has its number, where that was given.
    pub(super) trace: Option<TraceContext>,
}

/// The name under which a row with unreadable effects is put aside.
const READABLE: &str = "outbox_effects_readable";

/// What a scan found.
pub(super) struct Scanned {
    pub(super) rows: Vec<Waiting>,
    pub(super) snapshot: Snapshot,
    pub(super) last_id: Option<i64>,
    /// There may be more than fitted.
    pub(super) is_full: bool,
}

/// A committed batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The history it belongs to.
    pub epoch: Arc<str>,
    /// Its events, in order, without a hole.
    pub events: Vec<Arc<Event>>,
}

/// What became of a batch.
pub(super) enum Outcome {
    /// It is committed.
    Done(Batch),
    /// It was rolled back, and would be again.
    Failed { rows: Vec<Waiting>, error: DbError },
}

pub(super) async fn scan(
    leader: &Leader,
    limits: &SequencerLimits,
    floor: i64,
) -> Result<Scanned, DbError> {
    let found = leader.client.query(&leader.prepared.scan, &[&floor, &limits.batch_max]).await?;
    let first = found.first().ok_or_else(|| DbError::Unavailable("an empty scan".into()))?;
    let snapshot = Snapshot { xmin: first.get(0), xmax: first.get(1) };
    let mut rows = Vec::with_capacity(found.len());
    let mut bytes = 0;
    let mut is_full = i64::try_from(found.len()).unwrap_or(i64::MAX) >= limits.batch_max;
    for row in &found {
        let Some(row) = waiting(row) else { break };
        bytes += row.data.get().len();
        if bytes > limits.batch_bytes_max && !rows.is_empty() {
            is_full = true;
            break;
        }
        rows.push(row);
    }
    let last_id = rows.last().map(|row: &Waiting| row.id);
    Ok(Scanned { rows, snapshot, last_id, is_full })
}

fn waiting(row: &Row) -> Option<Waiting> {
    let id: Option<i64> = row.get(2);
    Some(Waiting {
        id: id?,
        fact_id: row.get(3),
        kind: row.get(4),
        version: row.get(5),
        at: row.get(6),
        actor_id: row.get(7),
        via: row.get(8),
        correlation_id: row.get(9),
        streams: row.get(10),
        data: row.get::<_, Json<Box<RawValue>>>(11).0,
        change: row.get::<_, Option<Json<Box<RawValue>>>>(12).map(|json| json.0),
        effects: effects(row),
        audit: row.get(14),
        trace: row.get::<_, Option<&str>>(15).and_then(TraceContext::parse),
    })
}

fn effects(row: &Row) -> Option<Vec<Effect>> {
    let effects: Option<Json<Vec<Effect>>> = row.try_get(13).ok()?;
    Some(effects.map(|json| json.0).unwrap_or_default())
}

/// Numbers and stores `rows` in one transaction.
pub(super) async fn sequence(
    leader: &Leader,
    key: &AuditKey,
    mut rows: Vec<Waiting>,
) -> Result<Outcome, DbError> {
    let started = Instant::now();
    match store(leader, key, &rows).await {
        Ok(numbers) => {
            spans::go_on(&mut rows, &numbers.positions, started);
            Ok(Outcome::Done(publishable(leader, rows, numbers)))
        }
        Err(error @ (DbError::Bug(_) | DbError::Constraint { .. })) => {
            leader.client.batch_execute("ROLLBACK").await?;
            Ok(Outcome::Failed { rows, error })
        }
        Err(error) => Err(error),
    }
}

/// The numbers that a batch was given.
struct Numbers {
    positions: Vec<i64>,
    seqs: Vec<Vec<i64>>,
}

async fn store(leader: &Leader, key: &AuditKey, rows: &[Waiting]) -> Result<Numbers, DbError> {
    if rows.iter().any(|row| row.effects.is_none()) {
        return Err(DbError::Constraint { name: READABLE.to_owned() });
    }
    let client = &leader.client;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let audited = rows.iter().filter(|row| row.audit.is_some()).count();
    let audited = i64::try_from(audited).unwrap_or(i64::MAX);
    let per_stream = count_per_stream(rows);
    let names: Vec<&str> = per_stream.keys().copied().collect();
    let counts: Vec<i64> = per_stream.values().copied().collect();
    let params: &[&(dyn sayso_db::tokio_postgres::types::ToSql + Sync)] =
        &[&count, &audited, &names, &counts];
    let (begun, numbered) = tokio::join!(
        client.batch_execute("BEGIN"),
        client.query_one(&leader.prepared.number, params),
    );
    begun?;
    let numbered = numbered?;
    let numbers = hand_out(&numbered, rows, &per_stream);
    store_rows(leader, rows, &numbers).await?;
    if audited > 0 {
        audit::append(leader, key, rows, &numbers.positions, &numbered).await?;
    }
    for (row, position) in rows.iter().zip(&numbers.positions) {
        for effect in row.effects.iter().flatten() {
            apply_effect(leader, effect, *position).await?;
        }
    }
    client.batch_execute("COMMIT").await?;
    Ok(numbers)
}

fn count_per_stream(rows: &[Waiting]) -> BTreeMap<&str, i64> {
    let mut counts = BTreeMap::new();
    for stream in rows.iter().flat_map(|row| &row.streams) {
        *counts.entry(stream.as_str()).or_default() += 1;
    }
    counts
}

/// Gives each row its position, and each of its streams the next seq, counted
/// up from where the heads stood before the batch.
fn hand_out(numbered: &Row, rows: &[Waiting], counts: &BTreeMap<&str, i64>) -> Numbers {
    let base: i64 = numbered.get(0);
    let (streams, heads): (Vec<String>, Vec<i64>) = (numbered.get(3), numbered.get(4));
    let mut next: BTreeMap<&str, i64> = streams
        .iter()
        .zip(heads)
        .map(|(stream, head)| {
            let stream = stream.as_str();
            (stream, head - counts.get(stream).copied().unwrap_or(0))
        })
        .collect();
    let seqs = rows.iter().map(|row| {
        let draw = |stream: &String| {
            let seq = next.get_mut(stream.as_str()).expect("each stream was given a head");
            *seq += 1;
            *seq
        };
        row.streams.iter().map(draw).collect()
    });
    let seqs = seqs.collect();
    Numbers { positions: (base + 1..).take(rows.len()).collect(), seqs }
}

async fn store_rows(leader: &Leader, rows: &[Waiting], numbers: &Numbers) -> Result<(), DbError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let seqs: Vec<String> = numbers.seqs.iter().map(|seqs| array_text(seqs)).collect();
    let (mut streams, mut positions, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for ((row, position), seqs) in rows.iter().zip(&numbers.positions).zip(&numbers.seqs) {
        for (stream, seq) in row.streams.iter().zip(seqs) {
            streams.push(stream.as_str());
            positions.push(*position);
            places.push(*seq);
        }
    }
    let stored = leader
        .client
        .query_one(
            &leader.prepared.store,
            &[&ids, &numbers.positions, &seqs, &streams, &positions, &places],
        )
        .await?;
    let stored: i64 = stored.get(0);
    if usize::try_from(stored).ok() == Some(rows.len()) {
        return Ok(());
    }
    Err(DbError::Unavailable("rows of the outbox went away under the sequencer".into()))
}

/// `{1,2}`: an array of arrays of different lengths cannot be a parameter.
fn array_text(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

async fn apply_effect(leader: &Leader, effect: &Effect, position: i64) -> Result<(), DbError> {
    let (what, user, stream) = match effect {
        Effect::Follow { user, stream } => ("follow", Some(*user), stream),
        Effect::Unfollow { user, stream } => ("unfollow", Some(*user), stream),
        Effect::Close { stream } => ("close", None, stream),
        Effect::EndSession { .. } | Effect::Reconnect { .. } => return Ok(()),
    };
    leader.client.execute(&leader.prepared.follow, &[&what, &user, stream, &position]).await?;
    Ok(())
}

fn publishable(leader: &Leader, rows: Vec<Waiting>, numbers: Numbers) -> Batch {
    let numbered = rows.into_iter().zip(numbers.positions).zip(numbers.seqs);
    let events = numbered.map(|((row, position), seqs)| {
        let streams = row.streams.into_iter().zip(seqs);
        Arc::new(Event {
            position,
            id: row.fact_id,
            kind: row.kind,
            version: row.version,
            at: row.at,
            actor_id: row.actor_id,
            via: row.via,
            correlation_id: row.correlation_id,
            streams: streams.map(|(stream, seq)| Placed::new(stream, seq)).collect(),
            data: row.data,
            change: row.change,
            effects: row.effects.unwrap_or_default(),
            trace: row.trace,
        })
    });
    Batch { epoch: Arc::clone(&leader.epoch), events: events.collect() }
}
