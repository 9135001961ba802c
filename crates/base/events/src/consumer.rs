//! Work that follows the log at a pace of its own: notifications today,
//! webhooks and analytics later.
//!
//! A consumer's place in the log is a row. It is locked while the consumer
//! works and moves in the transaction of the effect, so every event has its
//! effect once, whatever is killed and on however many nodes the consumer
//! runs: the others find the row locked and go home.

use std::time::Instant;

use sayso_db::{Queries, Sql, Tx};
use sayso_kernel::{Fault, Timestamp};
use sayso_telemetry::trace::{EndedSpan, SpanKind, TraceContext};

use crate::log;
use crate::{Event, Hub};

/// Enrols at the end of the log: what lies before is not its business.
const ENROL: Sql = Sql::new(
    "consumers.enrol",
    "INSERT INTO consumers (name, position, updated_at)
     SELECT $1, position, $2 FROM log_head
     ON CONFLICT (name) DO NOTHING",
);

const PLACE: Sql = Sql::new(
    "consumers.place",
    "SELECT c.position, h.position FROM consumers c CROSS JOIN log_head h
     WHERE c.name = $1 FOR UPDATE OF c SKIP LOCKED",
);

const MOVE: Sql = Sql::new(
    "consumers.move",
    "UPDATE consumers SET position = $2, updated_at = $3 WHERE name = $1",
);

pub(crate) const ALL: &[&Sql] = &[&ENROL, &PLACE, &MOVE];

/// A consumer of the log.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    name: &'static str,
    batch: i64,
}

impl Consumer {
    /// One that takes at most `batch` events at once. Its name is that of its
    /// place: who changes it begins anew.
    #[must_use]
    pub const fn new(name: &'static str, batch: i64) -> Self {
        Self { name, batch }
    }

    /// Makes a place for it at the end of the log, if it has none.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn enrol(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
        tx.rows(&ENROL, &[&self.name, &now]).await?;
        Ok(())
    }

    /// The next events, if there are any and nobody else is at them. The
    /// consumer's place is held until the end of the transaction, in which they
    /// have their effect and [`Consumer::advance`] moves the place. What `hub`
    /// has heard of their traces is gone on with.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn next(&self, tx: &mut Tx, hub: &Hub) -> Result<Option<Batch>, Fault> {
        let started = Instant::now();
        let Some(row) = tx.row(&PLACE, &[&self.name]).await? else { return Ok(None) };
        let (place, head): (i64, i64) = (row.get(0), row.get(1));
        #[expect(clippy::cast_precision_loss, reason = "a lag is far from 2^52")]
        metrics::gauge!("sayso_consumer_lag_events", "consumer" => self.name)
            .set((head - place) as f64);
        let mut events = log::after(tx, place, self.batch).await?;
        let Some(first) = events.first() else { return Ok(None) };
        if first.position != place + 1 {
            let lost = first.position - place - 1;
            metrics::counter!("sayso_consumer_lost_events_total", "consumer" => self.name)
                .increment(lost.unsigned_abs());
            tracing::error!(consumer = self.name, lost, "the log no longer reaches back to it");
        }
        hub.recall_traces(&mut events).await;
        Ok(Some(Batch { events, head, consumer: self.name, started }))
    }

    /// Moves the place: everything up to `position` has had its effect. Where
    /// one event is too much for one transaction, a part of it is done and the
    /// place is left before it.
    ///
    /// # Errors
    /// 503 when the database is away.
    pub async fn advance(&self, tx: &mut Tx, position: i64, now: Timestamp) -> Result<(), Fault> {
        tx.rows(&MOVE, &[&self.name, &position, &now]).await?;
        Ok(())
    }
}

/// The next events of a consumer.
#[derive(Debug)]
pub struct Batch {
    /// In the order of the log; at least one.
    pub events: Vec<Event>,
    /// Where the log ends.
    pub head: i64,
    consumer: &'static str,
    started: Instant,
}

impl Batch {
    /// Goes on with the trace of one of its events, which has had its effect:
    /// a span for what the consumer did about it, from which go on the facts
    /// that it leaves. `None` where nobody traces it.
    #[must_use]
    pub fn go_on(&self, event: &Event) -> Option<TraceContext> {
        let span = EndedSpan::new(SpanKind::Consumer, self.consumer, self.started)
            .with("sayso.fact", event.kind.clone())
            .with("sayso.position", event.position);
        span.in_trace(event.trace.as_ref()?)
    }
}
