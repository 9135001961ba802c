//! An open transaction.

use std::time::Instant;

use sayso_access::Ctx;
use sayso_kernel::Fault;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::lane::Lease;
use crate::outbox::{self, Rows};
use crate::sql::{Params, Queries, Sql, Watch};
use crate::{DbError, Fact, Told};

/// An open transaction: runs statements and collects facts.
///
/// It is handed to the closure of [`crate::Db::transaction`] and ends with it;
/// it cannot be committed or rolled back by hand. Service functions whose name
/// ends in `_in` take it, so that several of them can be one commit.
#[derive(Debug)]
pub struct Tx {
    lease: Lease,
    watch: Watch,
    facts: Vec<Fact>,
    /// Set while a statement is under way and left set when it failed or its
    /// future was dropped: PostgreSQL would then answer COMMIT with ROLLBACK
    /// and no error, so such a transaction is never committed.
    spoiled: bool,
    /// Its connection is gone, or does not answer.
    is_dead: bool,
    /// Why running the whole transaction again may help, if it may.
    pub(crate) again: Option<Again>,
}

/// By what a transaction can be recognised after its connection is gone.
#[derive(Debug)]
pub(crate) struct Trace {
    /// PostgreSQL's number for it. Another may get the same number when the
    /// server crashes before any of this one has reached the disk.
    pub(crate) xid: String,
    /// The id of its first fact, which is nobody else's.
    pub(crate) fact: Uuid,
}

/// Why a transaction may be run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It met another one.
    Conflict,
    /// Its connection was lost before COMMIT was sent.
    Lost,
}

impl Again {
    pub(crate) fn after(error: &DbError) -> Option<Self> {
        match error {
            DbError::Conflict(_) => Some(Self::Conflict),
            DbError::Disconnected(_) => Some(Self::Lost),
            _ => None,
        }
    }
}

impl Tx {
    pub(crate) async fn begin(lease: Lease, watch: Watch) -> Result<Self, DbError> {
        lease.trifle("BEGIN").await?;
        let facts = Vec::new();
        Ok(Self { lease, watch, facts, spoiled: false, is_dead: false, again: None })
    }

    /// Adds a fact, which commits with the change or not at all. Facts keep
    /// the order in which they are emitted.
    pub fn emit(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Writes the facts as the last statement of the transaction, so that
    /// their ids are drawn after every lock it takes. Answers by what it can
    /// be recognised later, if there were any.
    pub(crate) async fn write_facts(&mut self, ctx: &Ctx) -> Result<Option<Trace>, Fault> {
        if self.facts.is_empty() {
            return Ok(None);
        }
        let facts = std::mem::take(&mut self.facts);
        let r = Rows::of(ctx, &facts)?;
        let via = ctx.via.as_str();
        let row = self
            .row(
                &outbox::INSERT,
                &[
                    &r.ids,
                    &r.types,
                    &r.versions,
                    &r.times,
                    &r.actors,
                    &via,
                    &ctx.correlation_id,
                    &r.streams,
                    &r.data,
                    &r.changes,
                    &r.effects,
                    &r.audits,
                    &r.causes,
                    &r.traces,
                ],
            )
            .await?;
        Ok(row.map(|row| Trace { xid: row.get(0), fact: r.ids[0] }))
    }

    /// Whether a statement failed or was abandoned.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Whether any fact was emitted.
    pub(crate) fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// What the facts say that were emitted so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.facts.iter().map(Told::of).collect()
    }

    pub(crate) async fn commit(self) -> Result<(), DbError> {
        self.lease.commit().await?;
        self.lease.give_back();
        Ok(())
    }

    /// Rolls back. A connection that cannot even do that is not given back to
    /// the pool.
    pub(crate) async fn roll_back(self) {
        if !self.is_dead && self.lease.trifle("ROLLBACK").await.is_ok() {
            self.lease.give_back();
        }
    }
}

impl Queries for Tx {
    async fn rows(&mut self, sql: &'static Sql, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        if self.spoiled {
            return Err(DbError::unavailable("a statement of this transaction failed before"));
        }
        self.spoiled = true;
        let started = Instant::now();
        let client = self.lease.client();
        let answer = async {
            let statement = client.prepare_cached(sql.text).await?;
            client.query(&statement, params).await
        };
        let outcome = self.lease.bounded(answer).await;
        self.watch.record(sql, started, &outcome);
        match &outcome {
            Ok(_) => self.spoiled = false,
            Err(error) => {
                self.again = Again::after(error);
                self.is_dead = error.is_of_the_connection();
            }
        }
        outcome
    }
}
