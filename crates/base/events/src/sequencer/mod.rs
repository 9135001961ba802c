//! The sequencer: one leader numbers what was committed.
//!
//! It takes committed outbox rows in id order and, in one transaction, gives
//! each a position, each of its streams a seq, its audit entry a place in the
//! hash chain, keeps `follows` in step, and removes it from the outbox. Only
//! then others hear of it.
//!
//! There is one leader because all of this runs on the very connection that
//! holds an advisory lock: when the leader dies or hangs, PostgreSQL ends that
//! connection, and with it both the lock and whatever transaction was open.
//! Two sessions cannot hold the lock, so no two can number.
//!
//! Why id order is enough: a write draws its outbox ids after it holds all its
//! locks. Of two writes to one resource the second draws after the first has
//! committed, so whoever sees the second row sees the first. Ids of unrelated
//! writes may become visible in another order than they were drawn in; such a
//! row is simply numbered later.

mod audit;
mod batch;
mod epoch;
mod floor;
mod leader;
mod quarantine;
mod spans;

use std::time::Duration;

use sayso_db::Db;
use sayso_kernel::{Clock, Random};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use audit::{AuditKey, Chain, fits_the_audit, verify_chain, verify_chain_of};
pub use batch::Batch;
use leader::Leader;

use crate::bus::Witness;
use crate::hint::Hint;

/// Statements of the sequencer, for the test that prepares each.
pub(crate) const ALL: &[&sayso_db::Sql] = &[
    &batch::SCAN,
    &batch::NUMBER,
    &batch::STORE,
    &audit::AUDIT,
    &batch::FOLLOW,
    &quarantine::NUMBER,
    &quarantine::BURY,
    &audit::CHAIN,
    &audit::END,
    &audit::SEAL,
    &audit::SEALED,
    &audit::BROKEN_SEALS,
];

/// How long a candidate waits before it tries for the lock again.
const CANDIDACY_PAUSE: Duration = Duration::from_millis(500);

/// Bounds of a batch and of waiting.
#[derive(Clone, Copy, Debug)]
pub struct SequencerLimits {
    /// Facts of one batch at the most.
    pub batch_max: i64,
    /// Bytes of JSON of one batch at the most (one fact always fits).
    pub batch_bytes_max: usize,
    /// How often the outbox is looked at when nobody wakes the leader.
    pub poll: Duration,
    /// How often the end of the audit is signed into the log, while it moves.
    pub seal_every: Duration,
}

/// A candidate for leadership, and the leader when it has the lock.
#[derive(Debug)]
pub struct Sequencer {
    db: Db,
    limits: SequencerLimits,
    audit_key: AuditKey,
    clock: Clock,
    random: Random,
    hints: Vec<mpsc::Sender<Hint>>,
    witness: Option<Witness>,
    leading: watch::Sender<bool>,
}

impl Sequencer {
    /// A candidate that hands its batches to `hints` after they are committed,
    /// and says there where the log ends.
    #[must_use]
    pub fn new(
        db: Db,
        limits: SequencerLimits,
        audit_key: AuditKey,
        clock: Clock,
        random: Random,
        hints: mpsc::Sender<Hint>,
    ) -> Self {
        let (hints, leading) = (vec![hints], watch::Sender::new(false));
        Self { db, limits, audit_key, clock, random, hints, witness: None, leading }
    }

    /// Tells `hints` as well.
    #[must_use]
    pub fn also(mut self, hints: mpsc::Sender<Hint>) -> Self {
        self.hints.push(hints);
        self
    }

    /// Asks this one how far the log came before it numbers anything.
    #[must_use]
    pub fn heeding(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }

    /// Whether this one leads.
    #[must_use]
    pub fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    /// Whoever has no room for it reads the log instead.
    fn tell(&self, hint: &Hint) {
        for hints in &self.hints {
            let _ = hints.try_send(hint.clone());
        }
    }

    /// Tries for the lock, leads while it has it, tries again when it lost it;
    /// until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match Leader::elect(&self, &stop).await {
                Ok(Some(leader)) => {
                    tracing::info!("leading: this node numbers the log");
                    metrics::gauge!("sayso_sequencer_leading").set(1.0);
                    self.leading.send_replace(true);
                    let ended = leader.lead(&self, &stop).await;
                    self.leading.send_replace(false);
                    metrics::gauge!("sayso_sequencer_leading").set(0.0);
                    if let Err(error) = ended {
                        let cause = root_cause(&error);
                        tracing::warn!(%error, cause, "no longer leading");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "cannot try for the lead"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(CANDIDACY_PAUSE) => {}
            }
        }
    }
}

/// What lies at the bottom of an error: PostgreSQL's own words, where the error
/// itself only says that there are some.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
